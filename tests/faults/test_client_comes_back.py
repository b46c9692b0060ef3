"""The Python client on a server that is killed and started again: the call goes on by itself, and knows what was said."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from moksori.client import VoiceClient
from moksori.client.recovery import Connected, Reconnecting
from moksori.protocol import server_events as s
from tests.support.chat_stub import chat_stub

from .server_process import environment, server

PATIENCE_S = 120


@pytest.mark.models
@pytest.mark.slow
async def test_a_killed_server_comes_back_and_the_client_carries_on(tmp_path: Path) -> None:
    with chat_stub() as mind:
        env = environment(
            MOKSORI__ENGINE__PROFILE="lite",
            MOKSORI__ENGINE__LLM__KIND="openai",
            MOKSORI__ENGINE__LLM__BASE_URL=mind,
            MOKSORI__ENGINE__LLM__MODEL="stub",
        )
        async with asyncio.timeout(PATIENCE_S):
            with server(cwd=tmp_path, env=env) as first:
                client = VoiceClient(first.ws, language="en", max_retries=8)
                answers: asyncio.Queue[str] = asyncio.Queue()
                notices: asyncio.Queue[Connected | Reconnecting] = asyncio.Queue()

                def said(event: s.ResponseOutputAudioTranscriptDone) -> None:
                    answers.put_nowait(event.transcript)

                client.on("response.output_audio_transcript.done", said)
                client.on("connected", notices.put_nowait)
                client.on("reconnecting", notices.put_nowait)
                await client.connect()
                assert isinstance(await notices.get(), Connected)
                await client.send_text_message("My name is Kim.")
                assert (await answers.get()).strip() == "You said: My name is Kim."
                first.signal(signal.SIGKILL)
                assert isinstance(await notices.get(), Reconnecting)
                await client.send_text_message("What did you say?")  # waits for the line
            with server("--port", str(first.port), cwd=tmp_path, env=env):
                while not isinstance(notice := await notices.get(), Connected):
                    pass
                assert not notice.resumed
                assert (await answers.get()).strip() == "I said: You said: My name is Kim."
                await client.disconnect()
