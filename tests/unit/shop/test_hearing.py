"""The recogniser is told which words a shop's callers are likely to say; the client's session does not show it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from moksori.protocol.session import RealtimeSession, default_session
from moksori.sessions.shaping import ask_for_transcripts, transcribing, without_hint
from moksori.shop.desk import ShopDesk
from moksori.shop.flows.brain import FlowsBrain
from tests.unit.sessions.shop_line import connect

HINT = "Order number, cancel."


async def test_a_small_shop_names_its_products(little_file: Path, fresh: Callable[[Path], str]) -> None:
    desk = ShopDesk(fresh(little_file))
    await desk.start()
    try:
        assert "Cordless Vacuum" in desk.hearing("en")
        assert "무선 청소기" in desk.hearing("ko") and "주문번호" in desk.hearing("ko")
    finally:
        await desk.close()


async def test_the_client_sees_its_own_session(little_file: Path, fresh: Callable[[Path], str]) -> None:
    desk = ShopDesk(fresh(little_file))
    await desk.start()
    try:
        line = await connect(desk, FlowsBrain(otherwise=None, language="en"))  # type: ignore[arg-type]
        # given a client that said how it wants to be written down, and then asks for the shop
        own = {"model": "whisper-1", "language": "en"}
        await line.configure(audio={"input": {"transcription": own}})
        updated = await line.configure(prompt={"id": "shop", "variables": {"language": "en"}})
        shown = updated["session"]["audio"]["input"]["transcription"]
        assert (shown["model"], shown["language"], shown["prompt"]) == ("whisper-1", "en", None)
    finally:
        await desk.close()


def test_a_prompt_of_the_clients_own_stays() -> None:
    session = default_session("sess_1", "m", 0)
    assert isinstance(session, RealtimeSession)
    hinted = transcribing(session, HINT)
    assert hinted.audio.input.transcription is not None
    assert hinted.audio.input.transcription.prompt == HINT
    assert transcribing(hinted, "Another.").audio.input.transcription == hinted.audio.input.transcription
    assert without_hint(hinted, "Another.") == hinted
    update: dict[str, Any] = {"audio": {"input": {"transcription": {"model": "m", "prompt": "Mine."}}}}
    ask_for_transcripts(update, None, HINT)
    assert update["audio"]["input"]["transcription"] == {"model": "m", "prompt": "Mine."}


def test_what_was_asked_for_earlier_is_not_lost() -> None:
    update: dict[str, Any] = {}
    ask_for_transcripts(update, {"model": "m", "language": "en"}, HINT)
    assert update["audio"]["input"]["transcription"] == {"model": "m", "language": "en", "prompt": HINT}
