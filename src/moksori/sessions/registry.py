"""The register of live sessions: who may begin one, with which backend, and how they all end."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from moksori.accounts.tables import default_database
from moksori.agent.backend import Backend, BackendRefused, Opening
from moksori.agent.principal import Principal
from moksori.protocol.dialects.beta import BetaEdge
from moksori.protocol.errors import ProtocolError
from moksori.protocol.ids import random_id
from moksori.protocol.session import (
    DEFAULT_VOICE,
    STANDARD,
    Session,
    Supported,
    default_session,
    default_transcription_session,
    merge,
)
from moksori.sessions.conductor import Conductor
from moksori.sessions.dialect import BetaClient
from moksori.sessions.log import EventLogs, Spool
from moksori.sessions.log_sqlite import SqliteLogs
from moksori.sessions.meter import Metering, Priced, Spent
from moksori.sessions.resume import Line
from moksori.sessions.routing import Route, Routed, plan
from moksori.sessions.tools import ServedRoutes, Shop
from moksori.sessions.waiting import OnFirstNeed
from moksori.sessions.wire import Wire, WireEvents
from moksori.settings import LOCAL_MODEL, LOCAL_ROUTE, Settings, SettingsError
from moksori.telemetry import Telemetry

POLICY_VIOLATION = 1008
TRY_AGAIN_LATER = 1013
NO_SUCH_SESSION = 4404
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """What a client asked for when it connected, by address, headers and subprotocols."""

    model: str | None
    intent: str | None
    principal: Principal
    dialect: Literal["ga", "beta"] = "ga"
    strict: bool = False
    extended: bool = False
    holds: bool = False
    session_id: str | None = None
    last_event_id: str | None = None
    secret_session: dict[str, Any] | None = None
    call_id: str | None = None
    locked: bool = False
    """The client may not change what the session was told to be."""
    call_micro: int | None = None
    """What this call may cost, in millionths of the ledger's currency."""
    release: Callable[[], None] | None = None
    """Gives back the session's place among those of its key; called when the session is over."""
    at: float = field(default_factory=time.monotonic)
    """When the request came, monotonic seconds."""


class Refused(Exception):
    """A session cannot begin. The message is for the client; `status` for HTTP, `close_code` for WebSocket."""

    def __init__(self, code: str, message: str, close_code: int, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.close_code = close_code
        self.status = status


class LocalEngine(Protocol):
    """The local engine, as far as sessions need it."""

    @property
    def supported(self) -> Supported: ...

    @property
    def instructions(self) -> str: ...

    def backend(self, model: str) -> Backend: ...


class Destination(Priced, Protocol):
    """Where a remote route leads."""

    @property
    def idle_billed(self) -> bool: ...

    @property
    def voice(self) -> str | None: ...


D = TypeVar("D", bound=Destination)


class Remote(Protocol[D]):
    """Other people's models, as far as sessions need them."""

    def destination(self, route: str) -> D | None: ...

    def needs(self, route: str) -> str | None:
        """The environment variable without which a known model cannot be reached."""
        ...

    def backend(self, destination: D) -> Backend: ...


@dataclass(frozen=True, slots=True)
class _Resumable:
    """A live session, as far as somebody may come back to it."""

    line: Line
    conductor: Conductor
    principal: Principal
    dialect: Literal["ga", "beta"]
    began_at: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call as an operator sees it; `money` is None where it costs nothing here."""

    id: str
    model: str
    route: str
    key_id: str
    key_name: str
    customer_id: str | None
    began_at: int
    waiting: bool
    """Its connection was lost, and its client may come back."""
    messages_in: int
    messages_out: int
    audio_in_ms: int
    money: Spent | None


class Sessions:
    """All live sessions of this process. Belongs to the event loop."""

    def __init__(
        self,
        settings: Settings,
        engine: LocalEngine | None,
        telemetry: Telemetry,
        remote: Remote[Any] | None = None,
        shop: Shop | None = None,
    ) -> None:
        self._settings = settings
        self._shop = shop
        self._engine = engine
        self._remote = remote
        self._telemetry = telemetry
        self._live: dict[str, Conductor] = {}
        self._lines: dict[str, _Resumable] = {}
        self._logs = _logs(settings)
        self._mcp_hosts = frozenset(host.lower() for host in settings.mcp.allowed_hosts)
        self.metering: Metering | None = None
        """Set where remote calls cost money."""
        self._emptied = asyncio.Event()
        self._draining = False
        telemetry.traffic.live = self._traffic

    def calls(self) -> list[LiveCall]:
        """Every call that is running or waits for its client, the oldest first."""
        return [self._shown(call_id, found) for call_id, found in self._lines.items()]

    def _shown(self, call_id: str, found: _Resumable) -> LiveCall:
        caller = found.principal.caller
        conductor = found.conductor
        return LiveCall(
            id=call_id,
            model=conductor.model,
            route=conductor.route,
            key_id=found.principal.key_id,
            key_name=found.principal.name,
            customer_id=caller.customer_id if caller is not None else None,
            began_at=found.began_at,
            waiting=found.line.parked,
            messages_in=conductor.taken,
            messages_out=conductor.sent,
            audio_in_ms=conductor.taken_ms,
            money=self.metering.spent(call_id) if self.metering is not None else None,
        )

    def _traffic(self) -> tuple[int, int]:
        live = self._live.values()
        return sum(each.taken for each in live), sum(each.sent for each in live)

    def live(self) -> int:
        return len(self._live)

    async def open(self, wire: Wire, request: ConnectRequest) -> WireEvents:
        """Begin a session on `wire`; its `session.created` is sent before this returns. Raises `Refused`."""
        if request.session_id is not None:
            return self._resume(wire, request, request.session_id)
        self._admit(request)
        routes, first = self._routes(request)
        session = self._session(request, first)
        backend = self._backend(routes, request, lazily=first is not None and first.idle_billed)
        line = self._line(wire, session.id)
        beta = BetaClient(line) if request.dialect == "beta" else None
        conductor = Conductor(
            beta or line,
            backend,
            session_id=session.id,
            model=request.model or LOCAL_MODEL,
            limits=self._settings.limits,
            telemetry=self._telemetry,
            extended=request.extended,
            ended=partial(self._ended, request.release),
            key_id=request.principal.key_id,
            locked=request.locked,
            mcp_hosts=self._mcp_hosts,
        )
        events = line.first(beta.attach(conductor) if beta is not None else conductor)
        self._live[session.id] = conductor
        self._lines[session.id] = _Resumable(
            line, conductor, request.principal, request.dialect, int(time.time())
        )
        opening = Opening(
            session,
            strict=request.strict,
            holds=request.holds,
            connect_ms=round((time.monotonic() - request.at) * 1000),
        )
        try:
            await conductor.start(opening)
        except BackendRefused as refusal:
            self._ended(None, conductor)
            close_code = POLICY_VIOLATION if refusal.status in (400, 402, 404) else TRY_AGAIN_LATER
            raise Refused(refusal.code, str(refusal), close_code, refusal.status) from refusal
        except BaseException:
            self._ended(None, conductor)
            raise
        self._telemetry.opened(
            session.id, conductor.model, principal=request.principal.name, route=conductor.route
        )
        return events

    def _line(self, wire: Wire, session_id: str) -> Line:
        window = self._settings.limits.resume_window_s
        log = self._logs.log(session_id) if window else None
        return Line(wire, log, window, told=partial(self._telemetry.line, session_id))

    def _resume(self, wire: Wire, request: ConnectRequest, session_id: str) -> WireEvents:
        """Carry a session on over a new connection. Whose it is not learns no more than that it is not there."""
        found = self._lines.get(session_id)
        if (
            self._draining
            or found is None
            or not self._settings.limits.resume_window_s
            or found.conductor.ending
            or (found.principal.key_id, found.principal.caller)
            != (request.principal.key_id, request.principal.caller)
            or found.dialect != request.dialect
        ):
            raise Refused(
                "session_not_found",
                f"There is no session '{session_id[:64]}' to go on with: connect without session_id for a new one.",
                NO_SUCH_SESSION,
                404,
            )

        def greet(gap: bool) -> tuple[str, tuple[bytes, ...]]:
            frame = found.conductor.greeting(found.conductor.resumed(gap))
            shown = BetaEdge().to_client(frame) if found.dialect == "beta" else (frame,)
            return frame.event_id or "", tuple(each.raw for each in shown)

        return found.line.resume(wire, request.last_event_id, greet)

    async def drain(self, seconds: float) -> None:
        """Take no new session; let running answers end, then close every session with 1012 within `seconds`."""
        self._draining = True
        for conductor in list(self._live.values()):
            conductor.wind_up(SERVICE_RESTART, "The server is restarting: connect again.")
        if self._live:
            self._emptied.clear()
            try:
                await asyncio.wait_for(self._emptied.wait(), seconds)
            except TimeoutError:
                for conductor in list(self._live.values()):
                    conductor.end(SERVICE_RESTART, "The server is restarting: connect again.")
        await asyncio.gather(*(c.finished() for c in list(self._live.values())))
        self._logs.close()

    def _admit(self, request: ConnectRequest) -> None:
        if self._draining:
            raise Refused(
                "server_draining", "The server is stopping: try again shortly.", SERVICE_RESTART, 503
            )
        if request.call_id is not None:
            raise Refused(
                "invalid_value",
                "'call_id' joins a WebRTC or SIP call, and this server has none.",
                POLICY_VIOLATION,
                400,
            )
        if len(self._live) >= self._settings.limits.max_sessions and not self._make_room():
            raise Refused(
                "server_overloaded",
                f"All {self._settings.limits.max_sessions} sessions of this server are taken: try again shortly.",
                TRY_AGAIN_LATER,
                503,
            )

    def _make_room(self) -> bool:
        """Give up the call that has waited longest for its client: somebody who is here goes first."""
        for found in self._lines.values():
            if found.line.parked:
                found.line.give_up()
                return True
        return False

    def _session(self, request: ConnectRequest, first: Destination | None) -> Session:
        """The session a client begins with: our defaults, and what its client secret was bound to."""
        session_id = random_id("sess")
        expires_at = int(time.time()) + self._settings.limits.max_session_s
        local = self._engine if first is None else None
        supported = local.supported if local is not None else STANDARD
        session: Session
        if request.intent == "transcription":
            session = default_transcription_session(session_id, expires_at)
        elif request.intent in (None, "", "realtime", "conversation"):
            session = default_session(
                session_id,
                request.model or LOCAL_MODEL,
                expires_at,
                instructions=local.instructions if local is not None else "",
                voice=(first.voice if first is not None else None) or DEFAULT_VOICE,
            )
        else:
            raise Refused(
                "invalid_value",
                f"'intent' is '{request.intent}', but this server has only conversations and 'transcription'.",
                POLICY_VIOLATION,
                400,
            )
        if request.secret_session is None:
            return session
        asked = request.secret_session.get("prompt")
        if self._shop is not None and isinstance(asked, dict) and asked.get("id") == self._shop.prompt_id:
            # The shop takes its own prompt, before any backend is told of it.
            supported = msgspec.structs.replace(supported, refused=supported.refused - {"prompt"})
        try:
            return merge(session, request.secret_session, strict=False, supported=supported)
        except ProtocolError as error:
            raise Refused(error.code or "invalid_value", error.message, POLICY_VIOLATION, 400) from error

    def _backend(
        self, routes: tuple[Route, ...], request: ConnectRequest, *, lazily: bool
    ) -> Backend | Routed:
        told = self._telemetry.route_failed
        if self._shop is not None:
            routed: Routed = ServedRoutes(routes, told, self._shop, request.principal)
        else:
            routed = Routed(routes, told)
        return OnFirstNeed(routed) if lazily else routed

    def _routes(self, request: ConnectRequest) -> tuple[tuple[Route, ...], Destination | None]:
        """The routes to try, and where the first leads if it is remote. Raises `Refused` when there is none."""
        model = request.model or LOCAL_MODEL
        routes: list[Route] = []
        first: Destination | None = None
        for name in plan(model, self._settings.models, random.random):
            if name in (LOCAL_ROUTE, LOCAL_MODEL):
                if self._engine is not None:
                    routes.append(Route(LOCAL_ROUTE, partial(self._engine.backend, model)))
                continue
            destination = self._remote.destination(name) if self._remote is not None else None
            if destination is not None and self._remote is not None:
                first = first if routes else destination
                make: Callable[[], Backend] = partial(self._remote.backend, destination)
                if self.metering is not None:
                    make = partial(
                        self.metering.backend, make, destination, name, request.principal, request.call_micro
                    )
                routes.append(Route(name, make))
        if (
            not routes
            and self._engine is not None
            and not self._settings.models
            and not self._settings.upstreams
        ):
            # Nobody said which names there are: every name is the local model.
            routes.append(Route(LOCAL_ROUTE, partial(self._engine.backend, model)))
        if routes:
            return tuple(routes), first
        variable = self._remote.needs(model) if self._remote is not None else None
        raise Refused(
            "model_not_found",
            f"The model '{model}' needs {variable} in the server's environment."
            if variable
            else f"The model '{model}' does not exist here; GET /v1/models lists those that do.",
            POLICY_VIOLATION,
            404,
        )

    def end_keys(self, key_ids: frozenset[str]) -> None:
        """End the calls of keys that may no longer be used."""
        for conductor in list(self._live.values()):
            if conductor.key_id in key_ids:
                conductor.end(POLICY_VIOLATION, "The key of this call was revoked.")

    def _ended(self, release: Callable[[], None] | None, conductor: Conductor) -> None:
        if release is not None:
            release()
        if self._live.pop(conductor.session_id, None) is not None:
            past = self._telemetry.traffic.past
            past[0] += conductor.taken
            past[1] += conductor.sent
        self._lines.pop(conductor.session_id, None)
        if not self._live:
            self._emptied.set()


def _logs(settings: Settings) -> EventLogs:
    """Where what sessions send is kept for those who lose their connection. Raises `SettingsError`."""
    if settings.limits.resume_log == "spool":
        return Spool()
    file = default_database().with_name("calls.db")
    try:
        return SqliteLogs(file)
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(f'limits.resume_log is "sqlite", but {file} cannot be used: {error}.') from error
