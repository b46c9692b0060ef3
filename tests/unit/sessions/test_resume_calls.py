"""Calls whose line breaks at any point equal the same calls undisturbed: every event byte for byte, no audio twice."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from moksori.agent.backend import Backend, Capabilities, CloseReason, Farewell, Opening, Sink
from moksori.agent.principal import Principal
from moksori.protocol import server_events as s
from moksori.protocol.errors import ProtocolError
from moksori.protocol.frame import Frame
from moksori.protocol.ids import CountingIds
from moksori.protocol.response import Response
from moksori.sessions.registry import NO_SUCH_SESSION, ConnectRequest, Refused, Sessions
from moksori.sessions.resume import TAKEN_OVER
from moksori.sessions.wire import WireEvents
from moksori.settings import Engine, Limits, Settings
from moksori.telemetry import Telemetry

ME, SOMEBODY = Principal("key_1", "me"), Principal("key_2", "somebody")
TURN_MS = 200
CALL_MS = 4000


class Scripted:
    """A backend that answers each 200 ms of audio with a spoken response; its ids can be foretold."""

    def __init__(self) -> None:
        self.ids = CountingIds()
        self.heard = b""
        self.answered = 0
        self.closed = False
        self.sink: Sink
        self.opening: Opening

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    async def start(self, opening: Opening, sink: Sink) -> None:
        self.opening, self.sink = opening, sink

    def send(self, frame: Frame) -> None:
        if frame.type != "input_audio_buffer.append":
            error = ProtocolError("No.", "invalid_value", event_id=frame.event_id)
            self.sink.frame(Frame.from_event(error.as_event(self.ids("event"))))
            return
        self.heard += base64.b64decode(json.loads(frame.raw)["audio"])
        while len(self.heard) >= (self.answered + 1) * TURN_MS * 48:
            self.answered += 1
            self._answer(f"resp_{self.answered}")

    def _answer(self, response_id: str) -> None:
        def say(event: s.ServerEvent) -> None:
            self.sink.frame(Frame.from_event(event))

        say(
            s.ResponseCreated(
                event_id=self.ids("event"), response=Response(id=response_id, status="in_progress")
            )
        )
        for n in range(5):
            delta = base64.b64encode(bytes([self.answered, n]) * 480).decode()
            say(
                s.ResponseOutputAudioDelta(
                    event_id=self.ids("event"), response_id=response_id, item_id="item_1", output_index=0,
                    content_index=0, delta=delta,
                )
            )  # fmt: skip
        say(s.ResponseDone(event_id=self.ids("event"), response=Response(id=response_id, status="completed")))

    def reading(self, yes: bool) -> None: ...

    async def close(self, why: CloseReason) -> Farewell:
        self.closed = True
        return Farewell()


@dataclass(frozen=True)
class Anywhere:
    idle_billed: bool = False
    voice: str | None = None


@dataclass
class OneBackend:
    """The remote side of `Sessions`: every name leads to this backend."""

    made: Scripted = field(default_factory=Scripted)

    def destination(self, route: str) -> Anywhere:
        return Anywhere()

    def needs(self, route: str) -> str | None:
        return None

    def backend(self, destination: Anywhere) -> Backend:
        return self.made


@dataclass
class Socket:
    """What was written to a client, of which it may not have read everything."""

    written: list[bytes] = field(default_factory=list)
    closed: tuple[int, str] | None = None

    def send(self, data: bytes) -> None:
        self.written.append(data)

    def reading(self, yes: bool) -> None: ...

    def close(self, code: int, reason: str = "") -> None:
        self.closed = (code, reason)


def house(**limits: Any) -> tuple[Sessions, OneBackend]:
    remote = OneBackend()
    settings = Settings(engine=Engine(profile="off"), limits=Limits(**limits))
    return Sessions(settings, None, Telemetry(), remote), remote


def request(principal: Principal = ME, **more: Any) -> ConnectRequest:
    return ConnectRequest(model="m", intent=None, principal=principal, **more)


class Client:
    """A client as the contract asks: it remembers the last event it read, and sends audio again from where it is told."""

    def __init__(self, sessions: Sessions, audio: bytes) -> None:
        self.sessions = sessions
        self.audio = audio
        self.sent = 0  # bytes
        self.read: list[bytes] = []
        self.session_id = ""
        self.last: str | None = None
        self.socket: Socket
        self.events: WireEvents
        self.gaps = 0

    async def connect(self) -> None:
        self.socket = Socket()
        again: dict[str, Any] = (
            {"session_id": self.session_id, "last_event_id": self.last} if self.session_id else {}
        )
        self.events = await self.sessions.open(self.socket, request(**again))
        greeting = json.loads(self.socket.written.pop(0))
        assert greeting["type"] == "session.created"
        if again:
            assert greeting["resume"]["ok"] is True
            assert greeting["session"]["id"] == self.session_id
            self.gaps += greeting["resume"]["gap"]
            self.sent = greeting["resume"]["input_audio_ms"] * 48
        elif self.last is None:
            self.session_id, self.last = greeting["session"]["id"], greeting["event_id"]

    def speak(self, size: int) -> None:
        piece = self.audio[self.sent : self.sent + size]
        self.sent += len(piece)
        audio = base64.b64encode(piece).decode()
        self.events.message(json.dumps({"type": "input_audio_buffer.append", "audio": audio}).encode())

    def catch_up(self, upto: int | None = None) -> None:
        """Read what was written, or only the first `upto` of it."""
        count = len(self.socket.written) if upto is None else upto
        for raw in self.socket.written[:count]:
            self.read.append(raw)
            self.last = json.loads(raw)["event_id"]
        del self.socket.written[:count]


def audio(seed: int) -> bytes:
    return random.Random(seed).randbytes(CALL_MS * 48)


async def hold(seed: int, drops: int, log: str = "spool") -> tuple[list[bytes], bytes]:
    """One call; what the client read, and what the backend heard."""
    dice = random.Random(seed)
    sessions, remote = house(resume_window_s=60, resume_log=log)
    client = Client(sessions, audio(seed))
    await client.connect()
    points = sorted(dice.sample(range(1, CALL_MS // 40), drops))
    step = 0
    while client.sent < len(client.audio) or client.socket.written:
        step += 1
        if client.sent < len(client.audio):
            # Pieces of any length, also of parts of a millisecond.
            client.speak(dice.choice([960, 961, 1920, 333]) if drops else 960)
        if points and step >= points[0]:
            points.pop(0)
            client.catch_up(
                dice.randint(0, len(client.socket.written))
            )  # the rest was under way, and is lost
            # Sometimes the server learns of the drop first, sometimes the client is back before.
            if dice.random() < 0.7:
                client.events.closed(1006, "")
            await client.connect()
        elif dice.random() < 0.5:
            client.catch_up()
    assert not points and client.gaps == 0
    client.events.closed(1000, "")
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == "moksori-close"))
    assert remote.made.closed and sessions.live() == 0
    await sessions.drain(0)
    return client.read, remote.made.heard


@pytest.mark.parametrize("log", ["spool", "sqlite"])
@pytest.mark.parametrize("seed", range(25))
async def test_two_hundred_drops_at_any_point(
    seed: int, log: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOKSORI_HOME", str(tmp_path))
    undisturbed, said = await hold(seed, drops=0)
    read, heard = await hold(seed, drops=8, log=log)
    assert heard == said == audio(seed)
    assert read == undisturbed
    assert len(read) == CALL_MS // TURN_MS * 7
    assert (tmp_path / "calls.db").exists() is (log == "sqlite")


async def begun(**limits: Any) -> tuple[Sessions, Client, OneBackend]:
    sessions, remote = house(**limits)
    client = Client(sessions, audio(1))
    await client.connect()
    client.speak(960)
    return sessions, client, remote


@pytest.mark.parametrize(
    "asked",
    [
        {"principal": SOMEBODY},
        {"session_id": "sess_made_up"},
        {"dialect": "beta"},
    ],
)
async def test_unknown_and_foreign_sessions_are_not_found(asked: dict[str, Any]) -> None:
    sessions, client, _ = await begun()
    client.events.closed(1006, "")
    with pytest.raises(Refused) as refused:
        await sessions.open(Socket(), request(**{"session_id": client.session_id, **asked}))
    assert (refused.value.code, refused.value.close_code) == ("session_not_found", NO_SUCH_SESSION)
    assert NO_SUCH_SESSION == 4404


async def test_the_socket_of_before_is_closed_and_deaf() -> None:
    _, client, remote = await begun()
    old_socket, old_events = client.socket, client.events
    await client.connect()
    assert old_socket.closed is not None and old_socket.closed[0] == TAKEN_OVER == 4409
    heard = remote.made.heard
    old_events.message(b'{"type":"input_audio_buffer.append","audio":"AAAA"}')
    old_events.closed(4409, "")
    assert remote.made.heard == heard
    client.speak(960)
    assert remote.made.heard != heard and not remote.made.closed


async def test_a_client_that_says_goodbye_is_not_waited_for() -> None:
    sessions, client, remote = await begun()
    client.events.closed(1000, "")
    await asyncio.sleep(0)
    assert remote.made.closed and sessions.live() == 0


async def test_after_the_window_the_session_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions, client, remote = await begun(resume_window_s=60)
    later: list[Any] = []
    loop = asyncio.get_running_loop()
    call_later = loop.call_later

    def noted(_: Any, delay: float, *call: Any) -> asyncio.TimerHandle:
        later.append((delay, call))
        return call_later(delay, *call)

    monkeypatch.setattr(type(loop), "call_later", noted)
    client.events.closed(1006, "")
    monkeypatch.undo()
    ((delay, (end, *arguments)),) = later
    assert delay == 60
    end(*arguments)
    await asyncio.sleep(0)
    assert remote.made.closed and sessions.live() == 0


async def test_a_full_server_gives_up_who_is_away_for_who_is_here() -> None:
    sessions, client, remote = await begun(max_sessions=1)
    with pytest.raises(Refused):
        await sessions.open(Socket(), request())
    client.events.closed(1006, "")
    remote.made = Scripted()
    await sessions.open(Socket(), request())
    with pytest.raises(Refused):
        await sessions.open(Socket(), request(session_id=client.session_id))


async def test_an_event_that_is_no_longer_kept_is_a_gap() -> None:
    _, client, _ = await begun()
    client.last = "event_of_long_ago"
    await client.connect()
    assert client.gaps == 1


async def test_a_second_drop_before_anything_was_read_asks_for_the_same() -> None:
    _, client, _ = await begun()
    client.speak(48 * TURN_MS)
    first = list(client.socket.written)
    await client.connect()
    greeting = client.last
    # A client that takes the greeting's own id for the last it has seen is understood.
    client.last = greeting
    await client.connect()
    assert client.socket.written == first


async def test_a_drain_ends_those_who_are_away_at_once() -> None:
    sessions, client, remote = await begun()
    client.events.closed(1006, "")
    await sessions.drain(5)
    assert remote.made.closed and sessions.live() == 0
