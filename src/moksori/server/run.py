"""The server's life: take the port, load the engine, say when ready, stop without hanging up on anybody."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import gc
import json
import signal
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

import uvicorn
from fastapi import FastAPI

from moksori.server.app import create_app
from moksori.server.handshake import Reception
from moksori.server.house import House
from moksori.server.names import outward_addresses
from moksori.server.wire import Socket
from moksori.telemetry import get_logger

PING_S = 15.0
"""Seconds of silence after which, at the latest after twice that, a client is pinged; one that does not answer as long
again is cut off."""
BACKLOG = 1024
SOCKETS_CLOSE_S = 5
"""How long connections may take to finish once the sessions are over."""
ENGINE_CLOSE_S = 10.0
READY_POLL_S = 0.05
M_MMAP_THRESHOLD = -3
TLS_BUFFER = 256 * 1024
COLLECT_AFTER = 20_000
"""Containers made and not freed, until the collector looks at the youngest ones: some 2 MiB. A session makes and frees
hundreds; at Python's 700 looking at them took a fifth of what setting it up does."""
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}

_log = get_logger(__name__)


class Exit(IntEnum):
    """Exit codes of `moksori serve`."""

    OK = 0
    FAILED = 1
    BAD_SETTINGS = 2
    PORT_TAKEN = 3
    WEIGHTS_MISSING = 4


class CannotListen(Exception):
    """The address cannot be listened on; the message is one sentence."""

    def __init__(self, message: str, exit_code: Exit) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server can be reached from this machine."""

    host: str
    port: int
    tls: bool = False

    @property
    def http(self) -> str:
        return f"http{'s' if self.tls else ''}://{self._netloc}"

    @property
    def ws(self) -> str:
        return f"ws{'s' if self.tls else ''}://{self._netloc}/v1/realtime"

    def ready_line(self) -> str:
        return json.dumps({"ready": True, "http": self.http, "ws": self.ws}, separators=(",", ":"))

    def pages(self) -> list[str]:
        """Where the voice page is, for this machine and, when they are let in, for others."""
        others = outward_addresses() if self.host in WILDCARDS else []
        return [f"{replace(self, host=host).http}/" for host in (self.host, *others)]

    @property
    def _netloc(self) -> str:
        host = WILDCARDS.get(self.host, self.host)
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 lets the system choose. Raises `CannotListen`."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind)
    except OSError as error:
        raise CannotListen(
            f'The host "{host}" is no address of this machine: {error.strerror}.', Exit.BAD_SETTINGS
        ) from error
    try:
        # Not SO_REUSEPORT: two servers on one port would each get some of the calls.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _cannot_listen(host, port, error) from error
    return listener


def _cannot_listen(host: str, port: int, error: OSError) -> CannotListen:
    match error.errno:
        case errno.EADDRINUSE:
            return CannotListen(
                f"Port {port} on {host} is taken, perhaps by another moksori: stop that, or choose another "
                "port with --port.",
                Exit.PORT_TAKEN,
            )
        case errno.EACCES:
            return CannotListen(
                f"Port {port} may not be opened by this user: choose one above 1023 with --port.",
                Exit.PORT_TAKEN,
            )
        case errno.EADDRNOTAVAIL:
            return CannotListen(
                f'The host "{host}" is no address of this machine: use 127.0.0.1, or 0.0.0.0 for all.',
                Exit.BAD_SETTINGS,
            )
        case _:
            return CannotListen(f"Port {port} on {host} cannot be opened: {error.strerror}.", Exit.PORT_TAKEN)


class GracefulServer(uvicorn.Server):
    """uvicorn, which on the first SIGTERM or SIGINT lets running sessions finish, and on the second does not."""

    def __init__(self, config: uvicorn.Config, house: House) -> None:
        super().__init__(config)
        self._house = house
        self._draining: asyncio.Task[None] | None = None
        self.listening = asyncio.Event()
        self.stopping = asyncio.Event()  # the sessions are over, connections are about to be closed
        self.abandoned = False  # the engine was not closed in time, and still works on a thread

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    def end(self) -> None:
        """Stop serving now."""
        self.should_exit = True
        self.stopping.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's, does not raise the signal again at the end: a stop that was asked for is no failure."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Once: take no new sessions and give the running ones time. Again: end at once."""
        if self._draining is None:
            self._house.draining = True
            self._draining = asyncio.get_running_loop().create_task(self._drain(), name="drain")
        else:
            _log.info("stopping_at_once")
            self.force_exit = True
            self.end()

    async def _drain(self) -> None:
        seconds = self._house.settings.limits.drain_s
        _log.info("draining", sessions=self._house.sessions.live(), seconds=seconds)
        try:
            await self._house.sessions.drain(seconds)
        except Exception:
            _log.exception("drain_failed")
        finally:
            self.end()


def server(house: House, tls: ssl.SSLContext | None = None) -> GracefulServer:
    """A uvicorn server for this house, not yet listening."""
    app: FastAPI = create_app(house)
    if tls is not None:
        _free_large_blocks()
    config = uvicorn.Config(
        app,
        loop="auto",
        http=Reception,
        ws=Socket,
        ws_max_size=house.settings.limits.max_message_bytes,
        ws_ping_interval=PING_S,
        ws_per_message_deflate=False,
        lifespan="off",
        access_log=False,  # it would write query strings, and keys in them
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=SOCKETS_CLOSE_S,
        ssl_context_factory=(lambda config, default: tls) if tls is not None else None,
    )
    return GracefulServer(config, house)


async def serve(
    house: House,
    listener: socket.socket,
    *,
    tls: ssl.SSLContext | None = None,
    on_ready: Callable[[Address], None],
) -> bool:
    """Serve until a signal. The port answers at once, `on_ready` is called when conversations can be held.

    False if something still works on a thread that would not end in time. Raises what the engine raised if it cannot
    start.
    """
    async with running(house, listener, tls=tls) as (address, http):
        if house.engine is not None:
            starting = asyncio.create_task(house.engine.start(), name="engine start")
            stopped = asyncio.create_task(http.stopping.wait())
            try:
                await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    starting.result()
            finally:
                for task in (starting, stopped):
                    task.cancel()
        told_failures: list[str] = []
        while not http.stopping.is_set() and house.phase() == "warming":
            if (failures := house.failures()) != told_failures:
                told_failures = failures
                _log.error("engine_failed", parts=failures)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(http.stopping.wait(), READY_POLL_S)
        if house.phase() == "open":
            _settle()
            on_ready(address)
        await http.stopping.wait()
    return not http.abandoned


def _free_large_blocks() -> None:
    """Have glibc take uvloop's buffer of 256 KiB for each TLS connection from the system: of that, only what is used
    takes memory. Once one was freed, it would take the next out of blocks that were used for other things before.
    """
    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, TLS_BUFFER)


def _settle() -> None:
    """What was made by now stays: the collector need not walk through it again and again while calls come and go."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])


@contextlib.asynccontextmanager
async def running(
    house: House, listener: socket.socket, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Address, GracefulServer]]:
    """The house served on a listening socket while the block runs; afterwards everything is closed.

    The engine is not started here, but is closed.
    """
    await house.accounts.start()
    if house.shop is not None:
        await house.shop.start()
    http = server(house, tls)
    host, port = listener.getsockname()[:2]
    serving = asyncio.create_task(http.serve([listener]), name="http")
    listening = asyncio.create_task(http.listening.wait())
    serving.add_done_callback(lambda _: http.end())
    try:
        await asyncio.wait({serving, listening}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        yield Address(host, port, tls is not None), http
    finally:
        listening.cancel()
        http.end()
        await serving
        await house.accounts.close()
        if house.shop is not None:
            await house.shop.close()
        if house.engine is not None:
            try:
                await asyncio.wait_for(house.engine.close(), 0.1 if http.force_exit else ENGINE_CLOSE_S)
            except TimeoutError:
                http.abandoned = True
                _log.warning("engine_close_timed_out")
