"""A house with scripted sessions behind a real uvicorn on a free port, in the test's own loop."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from moksori.server.house import House
from moksori.server.run import Address, GracefulServer, listen, running
from moksori.sessions.registry import ConnectRequest, LiveCall
from moksori.sessions.wire import Wire
from moksori.settings import ApiKey, Auth, Limits, Server, Settings, hash_key
from moksori.telemetry import Telemetry

KEY = "sk-the-right-key"


@dataclass
class ScriptedSession:
    """What the server tells a session, kept; what the session says is up to the test."""

    wire: Wire
    request: ConnectRequest
    messages: list[bytes] = field(default_factory=list)
    writable_calls: list[bool] = field(default_factory=list)
    closes: list[tuple[int, str]] = field(default_factory=list)
    on_message: Callable[[ScriptedSession, bytes], None] | None = None

    def message(self, data: bytes) -> None:
        self.messages.append(data)
        if self.on_message is not None:
            self.on_message(self, data)

    def writable(self, yes: bool) -> None:
        self.writable_calls.append(yes)

    def closed(self, code: int, reason: str) -> None:
        self.closes.append((code, reason))


@dataclass
class ScriptedSessions:
    opened: list[ScriptedSession] = field(default_factory=list)
    refuse_with: Exception | None = None
    on_open: Callable[[ScriptedSession], None] | None = None
    on_message: Callable[[ScriptedSession, bytes], None] | None = None
    on_drain: Callable[[float], Awaitable[None]] | None = None

    async def open(self, wire: Wire, request: ConnectRequest) -> ScriptedSession:
        if self.refuse_with is not None:
            raise self.refuse_with
        session = ScriptedSession(wire, request, on_message=self.on_message)
        self.opened.append(session)
        if self.on_open is not None:
            self.on_open(session)
        return session

    def live(self) -> int:
        return sum(not session.closes for session in self.opened)

    def calls(self) -> list[LiveCall]:
        return []

    async def drain(self, seconds: float) -> None:
        if self.on_drain is not None:
            await self.on_drain(seconds)


@dataclass
class ScriptedEngine:
    state: dict[str, str] = field(default_factory=lambda: {"stt": "ready", "llm": "ready", "tts": "ready"})

    async def start(self) -> None: ...

    def parts(self) -> dict[str, str]:
        return self.state

    async def close(self) -> None: ...


@dataclass
class Running:
    house: House
    sessions: ScriptedSessions
    engine: ScriptedEngine
    address: Address
    http: GracefulServer
    client: httpx.AsyncClient


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of the person who runs the tests: neither their environment nor their `.env`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MOKSORI_API_KEY", raising=False)


@pytest.fixture
async def start(isolated: None) -> AsyncIterator[Start]:
    """Start a server: `await start(key=True, allowed_origins=(...), limits={...})`."""
    async with contextlib.AsyncExitStack() as stack:

        async def begin(
            *,
            key: bool = False,
            allowed_origins: tuple[str, ...] = ("self",),
            limits: dict[str, Any] | None = None,
        ) -> Running:
            settings = Settings(
                server=Server(allowed_origins=allowed_origins),
                auth=Auth(keys=(ApiKey(name="test", sha256=hash_key(KEY)),) if key else ()),
                limits=Limits(**(limits or {})),
                models={"shop-voice": ("local",)},
            )
            sessions, engine = ScriptedSessions(), ScriptedEngine()
            house = House.build(settings, sessions, engine, Telemetry())
            listener = stack.enter_context(contextlib.closing(listen("127.0.0.1", 0)))
            address, http = await stack.enter_async_context(running(house, listener))
            client = await stack.enter_async_context(httpx.AsyncClient(base_url=address.http))
            return Running(house, sessions, engine, address, http, client)

        yield begin
