"""A client that vanishes in the middle of a sentence, its own or the server's, without a word."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import struct
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from moksori.agent.speech import HEARING_RATE, SPEAKING_RATE
from moksori.audio import pcm
from moksori.audio.resample import resample
from tests.support.chat_stub import STORY
from tests.support.real_server import RealServer
from tests.support.speech import say

from .server_process import PATIENCE_S

pytestmark = pytest.mark.models

NO_GOODBYE = struct.pack("ii", 1, 0)
"""SO_LINGER: closing resets the connection."""
CHUNK = SPEAKING_RATE // 10 * 2


def vanish(call: ClientConnection) -> None:
    raw = call.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_GOODBYE)
    call.transport.abort()


async def until(call: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            event: dict[str, Any] = json.loads(await call.recv())
            assert event["type"] != "error", event
            if event["type"] == kind:
                return event


async def ask(call: ClientConnection, text: str) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    await call.send(json.dumps({"type": "conversation.item.create", "item": item}))
    await call.send(json.dumps({"type": "response.create"}))


async def sessions(server: RealServer) -> float:
    async with httpx.AsyncClient() as http:
        lines = (await http.get(f"{server.http}/metrics")).text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("moksori_sessions "))


async def in_its_own_sentence(call: ClientConnection) -> None:
    audio = resample(
        pcm.from_float(say("I want to return the shoes I bought.", "flite:slt")), HEARING_RATE, SPEAKING_RATE
    )
    spoken = audio[: len(audio) // 2]
    for at in range(0, len(spoken), CHUNK):
        piece = base64.b64encode(spoken[at : at + CHUNK]).decode()
        await call.send(json.dumps({"type": "input_audio_buffer.append", "audio": piece}))
    await until(call, "input_audio_buffer.speech_started")


async def in_the_servers_sentence(call: ClientConnection) -> None:
    await ask(call, "Tell me a story.")
    await until(call, "response.output_audio.delta")


@pytest.mark.parametrize("moment", [in_its_own_sentence, in_the_servers_sentence], ids=lambda f: f.__name__)
async def test_nothing_of_it_is_left_and_the_others_notice_nothing(talking: RealServer, moment: Any) -> None:
    async with connect(talking.ws, max_size=None) as other:
        await ask(other, "Tell me a story.")
        await until(other, "response.output_audio.delta")
        gone = await connect(talking.ws, max_size=None)
        await moment(gone)
        vanish(gone)
        assert (await until(other, "response.output_audio_transcript.done"))["transcript"] == STORY
        assert (await until(other, "response.done"))["response"]["status"] == "completed"
        async with asyncio.timeout(PATIENCE_S):
            while await sessions(talking) != 1:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
        await ask(other, "Still there?")
        assert (await until(other, "response.done"))["response"]["status"] == "completed"
    log = await asyncio.to_thread(talking.log.read_text)
    assert "Traceback" not in log and '"level": "error"' not in log, log[-3000:]
