"""The real client over real sockets that break: what its application sees equals an undisturbed call."""

from __future__ import annotations

import asyncio
import base64
import random
from typing import Any

from moksori.client import VoiceClient
from moksori.protocol import server_events as s
from tests.mocks.upstream import MockUpstream, speech
from tests.unit.gateway.conftest import Serve

TURNS = 6


async def hold(serve: Serve, drops: int) -> tuple[list[Any], list[Any]]:
    """A spoken call; what the application was told, and the audio the upstream got."""
    mock = MockUpstream(pace_s=0.002)
    served = await serve({"there": mock}, models={"voice": ("there",)})
    dice = random.Random(3)
    told: list[Any] = []
    answered = asyncio.Event()
    client = VoiceClient(served.address.ws, model="voice", max_retries=1000, base_delay=0.0)

    def take(event: Any) -> None:
        if isinstance(event, s.SessionCreated | s.SessionUpdated):
            return
        told.append(event)
        if isinstance(event, s.ResponseDone):
            answered.set()

    client.on("*", take)
    left = drops
    async with client:
        for _ in range(TURNS):
            answered.clear()
            for pcm in speech(100):
                await client.send_audio(pcm)
                if left and client.connected and dice.random() < 0.25:
                    left -= 1
                    for socket in list(client._line._sockets.values()):
                        socket.transport.abort()
                    await asyncio.sleep(0)
            async with asyncio.timeout(20):
                await answered.wait()
    assert left < drops or not drops
    heard = [event["audio"] for event in mock.received[0] if event["type"] == "input_audio_buffer.append"]
    return told, heard


def shown(event: Any) -> tuple[Any, ...]:
    return event.type, event.event_id, getattr(event, "delta", None)


async def test_a_call_over_a_line_that_breaks_again_and_again(serve: Serve) -> None:
    quiet, said = await hold(serve, drops=0)
    told, heard = await hold(serve, drops=20)
    assert b"".join(map(_bytes, heard)) == b"".join(map(_bytes, said))
    assert [shown(event)[0::2] for event in told] == [shown(event)[0::2] for event in quiet]
    ids = [event.event_id for event in told]
    assert len(ids) == len(set(ids))


def _bytes(audio: str) -> bytes:
    return base64.b64decode(audio)
