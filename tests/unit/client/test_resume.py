"""Calls whose line breaks again and again equal the same calls undisturbed."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from moksori.client import VoiceClient
from moksori.protocol import server_events as s
from moksori.protocol.client_events import ConversationItemCreate, ResponseCreate
from moksori.protocol.errors import Error
from tests.unit.client import scripted as say
from tests.unit.client.scripted import Event
from tests.unit.client.tones import counted

CALL_MS = 4000
TURN_MS = 400  # the server commits a turn and answers after each such stretch of audio


class ResumingServer:
    """One call, resumed as DESIGN.md says: a log of events, replayed after the last one the client has.

    With the given chance, the line breaks after any message was taken in, before or after its answers were written.
    """

    def __init__(self, seed: int, chance: float) -> None:
        self._dice = random.Random(seed)
        self._chance = chance
        self.log: list[Event] = []
        self.audio = b""
        self.items: list[str] = []
        self.drops = 0
        self._turns = 0

    async def serve_one(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        query = dict(parse_qsl(urlsplit(socket.request.path).query))
        seen = 0
        greeting: Event = {"type": "session.created", "event_id": "event_0", "session": say.session("sess_1")}
        if "session_id" in query:
            names = ["event_0", *(event["event_id"] for event in self.log)]
            seen = names.index(query["last_event_id"])
            resume = {"ok": True, "input_audio_ms": len(self.audio) // 48, "gap": False}
            greeting |= {"event_id": f"greeting_{self.drops}", "resume": resume}
        try:
            await socket.send(json.dumps(greeting))
            while True:
                for event in self.log[seen:]:
                    await socket.send(json.dumps(event))
                seen = len(self.log)
                self.take(json.loads(await socket.recv()))
                if self._dice.random() < self._chance:
                    if self._dice.random() < 0.5:
                        for event in self.log[seen:]:
                            await socket.send(json.dumps(event))
                    self.drops += 1
                    socket.transport.abort()
        except ConnectionClosed:
            pass

    def take(self, event: Event) -> None:
        match event["type"]:
            case "input_audio_buffer.append":
                self.audio += base64.b64decode(event["audio"])
                while len(self.audio) >= (self._turns + 1) * TURN_MS * 48:
                    self._turns += 1
                    self._answer(f"t{self._turns}")
            case "session.update":
                self._tell({"type": "session.updated", "session": say.session("sess_1")})
            case "conversation.item.create" if event["item"]["id"] in self.items:
                self._tell(say.error("item_create_duplicate_item_id", "Twice.", event.get("event_id")))
            case "conversation.item.create":
                self.items.append(event["item"]["id"])
                self._tell(say.added(event["item"]))
            case "response.create":
                self._answer(f"m{len(self.log)}", event["response"]["metadata"])
            case "conversation.item.retrieve":
                self._tell(say.error("item_retrieve_invalid_item_id", "None.", event["event_id"]))
            case kind:
                raise AssertionError(kind)

    def _answer(self, name: str, metadata: dict[str, str] | None = None) -> None:
        pcm = counted(40, first=len(self.log) + 1)
        self._tell(say.created(f"resp_{name}", metadata))
        self._tell(say.audio_delta(f"resp_{name}", f"item_{name}", pcm))
        self._tell(say.done(f"resp_{name}"))

    def _tell(self, event: Event) -> None:
        self.log.append({"event_id": f"event_{len(self.log) + 1}", **event})


async def hold(server: ResumingServer) -> list[Any]:
    """One call: four seconds of audio and two typed messages; what the client's application saw."""
    seen: list[Any] = []
    enough = asyncio.Event()
    expected = CALL_MS // TURN_MS + 2

    def take(event: Any) -> None:
        seen.append(event)
        if sum(isinstance(each, s.ResponseDone) for each in seen) == expected:
            enough.set()

    async with serve(server.serve_one, "127.0.0.1", 0, compression=None) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        client = VoiceClient(f"ws://127.0.0.1:{port}", max_retries=10_000, base_delay=0.0)
        client.on("*", take)
        async with client:
            for at in range(CALL_MS // 20):
                await client.send_audio(counted(20, first=1 + at * 480))
                if at in (30, 140):
                    client.send(_message(f"item_typed_{at}"))
                    client.send(_ask(at))
            async with asyncio.timeout(60):
                await enough.wait()
    return seen


def _message(item_id: str) -> ConversationItemCreate:
    content = [{"type": "input_text", "text": "Hello"}]
    item = {"id": item_id, "type": "message", "role": "user", "content": content}
    return ConversationItemCreate(item=item, event_id=f"event_{item_id}")


def _ask(at: int) -> ResponseCreate:
    return ResponseCreate(event_id=f"event_ask_{at}")


@pytest.mark.parametrize("seed", range(12))
async def test_a_call_with_many_drops_loses_and_doubles_nothing(seed: int) -> None:
    server = ResumingServer(seed, chance=0.1)
    seen = await hold(server)
    assert server.drops >= 5
    assert server.audio == counted(CALL_MS)
    assert server.items == ["item_typed_30", "item_typed_140"]
    responses = [event for event in server.log if event["type"] == "response.done"]
    assert len(responses) == CALL_MS // TURN_MS + 2
    # The application saw the whole log, each event once and in order; only the client's own questions are missing.
    shown = [event for event in server.log if event["type"] != "error"]
    assert [event.event_id for event in seen if not isinstance(event, s.SessionCreated)] == [
        event["event_id"] for event in shown
    ]
    assert not any(isinstance(event, Error) for event in seen)


async def test_the_undisturbed_twin() -> None:
    server = ResumingServer(0, chance=0.0)
    seen = await hold(server)
    assert (server.drops, server.audio) == (0, counted(CALL_MS))
    assert len(seen) == 1 + len(server.log)
