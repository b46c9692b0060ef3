"""An unmodified `openai` client holds conversations through every upstream's mock, and is told every fault truly."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from moksori.settings import Upstream
from tests.mocks.script import ANSWER_FRAMES, tone
from tests.mocks.upstream import PROFILES, MockUpstream, speech
from tests.support.openai_schema import validate_server_event
from tests.unit.gateway.conftest import Serve, Served

PATIENCE_S = 10.0
TOOL: Any = {"type": "function", "name": "find_order", "parameters": {"type": "object", "properties": {}}}


class Caller:
    """An openai connection and all it was told, each event held against the package's own types."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.log: list[dict[str, Any]] = []

    async def until(
        self, kind: str, check: Callable[[dict[str, Any]], bool] = lambda e: True
    ) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                raw: dict[str, Any] = json.loads(await self.connection.recv_bytes())
                validate_server_event(raw)
                self.log.append(raw)
                if raw["type"] == kind and check(raw):
                    return raw

    async def type(self, text: str) -> None:
        item: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await self.connection.conversation.item.create(item=item)
        await self.connection.response.create()

    async def speak(self, ms: int) -> None:
        for pcm in speech(ms):
            await self.connection.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())

    def types(self) -> list[str]:
        return [event["type"] for event in self.log]

    def audio(self) -> list[str]:
        return [event["delta"] for event in self.log if event["type"] == "response.output_audio.delta"]


def client(served: Served) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{served.address.http}/v1", api_key="sk-of-the-caller", max_retries=0)


@pytest.mark.parametrize("provider", PROFILES)
async def test_typed_spoken_tool_and_interruption_turns_through_every_upstream(
    serve: Serve, provider: str
) -> None:
    mock = MockUpstream(provider, pace_s=0.002)
    served = await serve({"there": mock}, models={"voice": ("there",)})
    await four_turns(served, mock)
    assert mock.sessions[0].model in ("there", f"{provider}-model")
    assert not any(str(event.get("session", {}).get("model")) == "voice" for event in mock.received[0])


async def test_the_same_turns_through_another_moksori(serve: Serve) -> None:
    """No mock of one: a real one, with a mock behind it."""
    mock = MockUpstream(pace_s=0.002)
    behind = await serve({"there": mock}, models={"voice": ("there",)})
    upstreams = {"other": Upstream(base_url=f"{behind.address.http}/v1", model="voice", provider="moksori")}
    await four_turns(await serve({}, upstreams=upstreams, models={"voice": ("other",)}), mock)


async def four_turns(served: Served, mock: MockUpstream) -> None:
    async with client(served).realtime.connect(model="voice") as connection:
        caller = Caller(connection)

        created = await caller.until("session.created")
        assert created["session"]["model"] == "voice"
        assert created["session"]["id"].startswith("sess_") and "upstream" not in created["session"]["id"]

        transcription: Any = {"model": "whisper-1"}
        await connection.session.update(
            session={
                "type": "realtime",
                "model": "voice",
                "tools": [TOOL],
                "audio": {"input": {"transcription": transcription}, "output": {"voice": "no-such-voice"}}
                if mock.profile.voices[0] != "alloy"
                else {"input": {"transcription": transcription}},
            }
        )
        updated = await caller.until("session.updated")
        assert updated["session"]["id"] == updated["session_id"] == created["session"]["id"]
        assert updated["session"]["model"] == "voice"
        assert updated["session"]["expires_at"] == created["session"]["expires_at"]
        assert updated["session"]["audio"]["output"]["voice"] in mock.profile.voices

        # typed
        await caller.type("Hello.")
        done = await caller.until("response.done")
        assert (done["response"]["status"], caller.audio()) == (
            "completed",
            [tone(n) for n in range(ANSWER_FRAMES)],
        )

        # spoken
        await caller.speak(200)
        done = await caller.until("response.done")
        assert "input_audio_buffer.speech_started" in caller.types()
        assert "conversation.item.input_audio_transcription.completed" in caller.types()
        assert (
            done["response"]["usage"]["moksori"]["latency_ms"] >= 200
        )  # the silence that ended the turn is in it

        # a tool
        await caller.type("Where is my order?")
        done = await caller.until("response.done")
        (call,) = done["response"]["output"]
        assert (call["type"], call["name"]) == ("function_call", "find_order")
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call["call_id"], "output": "on its way"}
        )
        await connection.response.create()
        done = await caller.until("response.done")
        assert done["response"]["output"][0]["type"] == "message"

        # interrupted: speech while the answer is being given
        mock.pace_s = 0.05
        await caller.type("Tell me everything.")
        await caller.until("response.output_audio.delta")
        await caller.speak(100)
        done = await caller.until("response.done")
        assert done["response"]["status_details"]["reason"] == "turn_detected"

    assert "ping" not in caller.types()


async def _lost(serve: Serve, fault: str) -> tuple[Caller, ConnectionClosed]:
    served = await serve({"there": MockUpstream(faults=frozenset({fault}))}, models={"voice": ("there",)})
    async with client(served).realtime.connect(model="voice") as connection:
        caller = Caller(connection)
        await caller.until("session.created")
        await caller.type("Hello.")
        with pytest.raises(ConnectionClosed) as closed:
            await caller.until("never")
        return caller, closed.value


@pytest.mark.parametrize(
    ("fault", "error", "close"),
    [("sudden_close", "upstream_lost", 1011), ("expires", "session_expired", 1001)],
)
async def test_an_upstream_that_goes_in_mid_answer_leaves_no_response_open(
    serve: Serve, fault: str, error: str, close: int
) -> None:
    caller, closed = await _lost(serve, fault)
    done = [event for event in caller.log if event["type"] == "response.done"]
    assert [event["response"]["status"] for event in done] == ["failed"]
    errors = [event["error"]["code"] for event in caller.log if event["type"] == "error"]
    assert errors[-1] == error
    assert closed.rcvd is not None and closed.rcvd.code == close


async def test_an_upstream_that_owes_an_answer_and_is_silent_is_given_up(serve: Serve) -> None:
    caller, closed = await _lost(serve, "silence")
    assert caller.log[-1]["error"]["code"] == "upstream_silent"
    assert closed.rcvd is not None and closed.rcvd.code == 1011


@pytest.mark.parametrize("fault", ["pings", "no_usage", "late_transcript", "no_event_id", "odd_event"])
async def test_oddities_in_a_call_reach_no_client(serve: Serve, fault: str) -> None:
    mock = MockUpstream(faults=frozenset({fault}))
    served = await serve({"there": mock}, models={"voice": ("there",)})
    async with client(served).realtime.connect(model="voice") as connection:
        caller = Caller(connection)
        await caller.until("session.created")
        transcription: Any = {"model": "whisper-1"}
        await connection.session.update(
            session={"type": "realtime", "audio": {"input": {"transcription": transcription}}}
        )
        await caller.until("session.updated")
        await caller.speak(100)
        await caller.until("response.done")
        if fault == "late_transcript":
            await caller.until("conversation.item.input_audio_transcription.completed")
    assert not {"ping", "x.y.z"} & set(caller.types())  # and `until` held each event against openai's types


async def test_a_line_that_costs_in_silence_is_dialled_when_the_caller_begins(serve: Serve) -> None:
    mock = MockUpstream("xai")
    served = await serve({"grok": mock}, models={"voice": ("grok",)})
    async with client(served).realtime.connect(model="voice") as connection:
        caller = Caller(connection)
        created = await caller.until("session.created")
        assert created["session"]["audio"]["output"]["voice"] == "ara"
        await connection.session.update(session={"type": "realtime", "instructions": "Be brief."})
        updated = await caller.until("session.updated")
        assert updated["session"]["instructions"] == "Be brief."
        assert mock.requests == []
        await caller.type("Hello.")
        await caller.until("response.done")
    (first, *rest) = mock.received[0]
    assert (first["type"], first["session"]["instructions"]) == ("session.update", "Be brief.")
    assert [event["type"] for event in rest] == ["conversation.item.create", "response.create"]


async def test_what_a_client_does_wrong_never_reaches_the_upstream(serve: Serve) -> None:
    mock = MockUpstream()
    served = await serve({"there": mock}, models={"voice": ("there",)})
    async with client(served).realtime.connect(model="voice") as connection:
        caller = Caller(connection)
        await caller.until("session.created")
        wrong: list[Any] = [
            {"type": "no.such.event", "event_id": "event_1"},
            {"type": "conversation.item.delete", "event_id": "event_2"},
            {"type": "session.created", "event_id": "event_3"},
        ]
        for event in wrong:
            await connection.send(event)
            assert (await caller.until("error"))["error"]["event_id"] == event["event_id"]
    assert mock.types() == ["session.update"]


async def test_one_moksori_behind_another(serve: Serve) -> None:
    mock = MockUpstream()
    behind = await serve({"there": mock}, models={"voice": ("there",)})
    upstreams = {"other": Upstream(base_url=f"{behind.address.http}/v1", model="voice", provider="moksori")}
    served = await serve({}, upstreams=upstreams, models={"front": ("other",)})
    async with client(served).realtime.connect(model="front") as connection:
        caller = Caller(connection)
        created = await caller.until("session.created")
        await caller.type("Hello.")
        assert (await caller.until("response.done"))["response"]["status"] == "completed"
        await connection.session.update(session={"type": "realtime", "instructions": "Be brief."})
        updated = await caller.until("session.updated")
        assert (updated["session_id"], updated["session"]["model"]) == (created["session"]["id"], "front")


async def test_a_missing_key_of_this_server_is_told_without_its_place(serve: Serve) -> None:
    mock = MockUpstream()
    async with mock.running():
        secret = {"env": "NO_SUCH_VARIABLE"}
        given = {"base_url": mock.base_url, "model": "m", "api_key": secret}
        served = await serve(
            {}, upstreams={"there": Upstream.model_validate(given)}, models={"v": ("there",)}
        )
        with pytest.raises(InvalidStatus) as refused:
            async with client(served).realtime.connect(model="v"):
                pass
    body = (refused.value.response.body or b"").decode()
    assert json.loads(body)["error"]["code"] == "upstream_misconfigured" and "NO_SUCH_VARIABLE" not in body
