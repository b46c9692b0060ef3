"""One WebSocket to an upstream: the only file of the gateway that knows which library carries the bytes (picows).

Everything is a synchronous callback. picows hands over frames; fragments are put together here, against the limit.
"""

from __future__ import annotations

import asyncio
import ssl
import urllib.request
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Final, Protocol, cast
from urllib.parse import urlencode, urlsplit

import msgspec
from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSHandshakeError,
    WSInvalidURL,
    WSListener,
    WSMsgType,
    WSParsedURL,
    WSTransport,
)
from picows.proxy import ConnectedTransport, connect_through_optional_proxy
from picows.url import parse_url

from moksori import __version__
from moksori.agent.backend import BackendRefused
from moksori.gateway.catalog import Upstream
from moksori.gateway.scrub import scrubbed
from moksori.settings import SettingsError
from moksori.straight import Straight
from moksori.telemetry import get_logger
from moksori.tunnel import READING, Carrier, SecureCarrier, Tunnel

MAX_MESSAGE: Final = 32 * 1024 * 1024
"""One event of an upstream: a retrieved item holds minutes of audio as base64."""
RECEIVE_BYTES: Final = 64 * 1024
"""The system's receive buffer: what an upstream can send ahead of us."""
HIGH_WATER: Final = 256 * 1024
"""Bytes an upstream has not taken before its client is told to wait: about 4 s of audio as base64."""
LOW_WATER: Final = 64 * 1024
PING_S: Final = 10.0
"""A line this long silent is pinged within as long again, and dead as long after that."""
CLOSE_S: Final = 2.0
"""How long an upstream may take to answer our close frame before the connection is cut."""
ABNORMAL: Final = 1006
TEXT: Final = WSMsgType.TEXT
CONTINUATION: Final = WSMsgType.CONTINUATION
BINARY: Final = WSMsgType.BINARY
CLOSE: Final = WSMsgType.CLOSE
ADDRESSES: Final = 64
"""Addresses remembered as they were taken apart."""

_log = get_logger(__name__)


class SocketEvents(Protocol):
    """What a socket tells its link; all synchronous, on the event loop."""

    def message(self, data: bytes) -> None: ...

    def writable(self, yes: bool) -> None: ...

    def disconnected(self, code: int, reason: str) -> None:
        """Exactly once, whoever closed; nothing after it."""
        ...


class UpstreamSocket(WSListener):
    """An open connection. `close` and `send` are harmless after its end."""

    __slots__ = ("_events", "_fragments", "_fragments_size", "_goodbye", "_over", "_transport", "key")

    def __init__(self, events: SocketEvents) -> None:
        self._events = events
        self._transport: WSTransport | None = None
        self._fragments: list[bytes] = []
        self._fragments_size = 0
        self._goodbye: tuple[int, str] | None = None  # the close frame that was read
        self._over = False
        self.key: str | None = None  # what it was opened with, so that the link can keep it from clients

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        tunnel = cast("Tunnel", transport.underlying_transport)
        tunnel.set_write_buffer_limits(high=HIGH_WATER, low=LOW_WATER)
        tunnel.receive_at_most(RECEIVE_BYTES)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        READING.more = not frame.last_in_buffer
        kind = frame.msg_type
        if kind is TEXT or kind is CONTINUATION:
            data = frame.get_payload_as_bytes()
            if frame.fin and not self._fragments:
                self._events.message(data)
            else:
                self._fragment(transport, data, frame.fin)
        elif kind is CLOSE:
            # A close without a status, or with one the library has no name for, still is a close.
            code, reason = _close_of(frame.get_payload_as_bytes())
            self._goodbye = (code, reason)
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif kind is BINARY:
            self._goodbye = (WSCloseCode.UNSUPPORTED_DATA.value, "The upstream sent a binary message.")
            transport.send_close(WSCloseCode.UNSUPPORTED_DATA)
            transport.disconnect()

    def _fragment(self, transport: WSTransport, data: bytes, last: bool) -> None:
        self._fragments.append(data)
        self._fragments_size += len(data)
        if self._fragments_size > MAX_MESSAGE:
            self._goodbye = (WSCloseCode.MESSAGE_TOO_BIG.value, "The upstream sent too large a message.")
            transport.send_close(WSCloseCode.MESSAGE_TOO_BIG)
            transport.disconnect()
        elif last:
            whole = b"".join(self._fragments)
            self._fragments, self._fragments_size = [], 0
            self._events.message(whole)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not self._over:
            self._over = True
            self._events.disconnected(*(self._goodbye or (ABNORMAL, "")))

    def pause_writing(self) -> None:
        self._events.writable(False)

    def resume_writing(self) -> None:
        self._events.writable(True)

    def send(self, data: bytes) -> None:
        """One text message."""
        if self._transport is not None and not self._over:
            self._transport.send(TEXT, data)

    def reading(self, yes: bool) -> None:
        """False leaves what the upstream sends in the kernel, and so stops it."""
        if self._transport is None or self._over:
            return
        transport = self._transport.underlying_transport
        if transport.is_closing():
            return
        if yes:
            transport.resume_reading()
        else:
            transport.pause_reading()

    async def close(self) -> None:
        """Say goodbye and wait for the end, but not long. Idempotent."""
        if self._transport is None:
            return
        if not self._over:
            self.reading(True)  # the answer to our close has to be read
            self._transport.send_close(WSCloseCode.OK)
            self._transport.disconnect()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._transport.wait_disconnected()
        except TimeoutError:
            self._transport.disconnect(graceful=False)
            await self._transport.wait_disconnected()


async def dial(upstream: Upstream, model: str, call: str, events: SocketEvents) -> UpstreamSocket:
    """Open a connection; how long it may take is for the caller to bound. Raises `BackendRefused`.

    The text of a refusal never holds the key.
    """
    try:
        key = await _key_of(upstream)
    except SettingsError as error:
        _log.error("upstream_key_missing", upstream=upstream.name, problem=str(error))
        raise BackendRefused(
            f"This server has no key for {upstream.provider.title}; its log says what is missing.",
            code="upstream_misconfigured",
        ) from None
    address, query = upstream.address(model, call)
    url = f"{address}?{urlencode(query)}" if query else address
    try:
        socket = await _connect(url, lambda: UpstreamSocket(events), _headers(upstream, key))
    except WSHandshakeError as error:
        raise _refused(upstream, model, error, key) from None
    except WSInvalidURL as error:
        raise _misaddressed(upstream, error) from None
    except (OSError, WSError, EOFError) as error:
        # Caught before ValueError, because a certificate that is not trusted is one of those, too.
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise _unreachable(upstream, reason) from None
    except ValueError as error:
        raise _misaddressed(upstream, error) from None
    if not isinstance(socket, UpstreamSocket):
        # picows raises nothing for a connection that breaks in the middle of the handshake.
        raise _unreachable(upstream, "the connection broke")
    socket.key = key
    return socket


async def _connect(
    url: str, listener: Callable[[], UpstreamSocket], headers: dict[str, str]
) -> WSListener | None:
    """What `picows.ws_connect` does, behind a tunnel and without redirects: a key must not follow one."""
    there = _place(url)
    trust = _trust() if there.is_secure else None
    kind = SecureCarrier if there.is_secure else Carrier
    protocol = kind.over(
        lambda request, response: listener(),
        pongs=True,
        largest=MAX_MESSAGE,
        to=(there.netloc, there.resource_name, headers),
    )
    loop = asyncio.get_running_loop()
    proxy = _proxy(url)
    if proxy is None:
        await loop.create_connection(lambda: protocol, there.host, there.port, ssl=trust)
    else:
        reached = await connect_through_optional_proxy(
            loop, there, parse_url(proxy, False), None, trust, None, {}, loop.create_connection
        )
        if isinstance(reached, ConnectedTransport):
            await _go_on(reached.transport, protocol, there, trust)
        else:
            name = there.host if trust is not None else None
            await loop.create_connection(lambda: protocol, sock=reached.sock, ssl=trust, server_hostname=name)
    try:
        await protocol.wait_until_handshake_complete()
    except BaseException:
        protocol.tunnel.abort()
        raise
    protocol.forget_handshake()
    headers.clear()  # picows has kept them
    protocol.kept_alive(PING_S)
    made: WSListener | None = protocol.listener
    return made


async def _go_on(
    transport: asyncio.Transport, protocol: Carrier, there: WSParsedURL, trust: ssl.SSLContext | None
) -> None:
    """Carry on over a connection that a proxy has made."""
    try:
        if trust is not None:
            loop, before = asyncio.get_running_loop(), transport.get_protocol()
            secure = await loop.start_tls(transport, before, trust, server_hostname=there.host)
            if secure is None:
                raise ConnectionError("the connection broke while TLS began")
            transport = secure
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
    except BaseException:
        transport.abort()
        raise


_place = lru_cache(ADDRESSES)(parse_url)
"""Most calls go to the same few addresses, and taking one apart costs as much as writing to it."""


@cache
def _trust() -> ssl.SSLContext:
    """The system's certificates, read once: that takes longer than all else a dial does, and half a MiB each time."""
    context = ssl.create_default_context()
    context.sslobject_class = Straight
    return context


def _unreachable(upstream: Upstream, reason: str) -> BackendRefused:
    return BackendRefused(
        f"{upstream.provider.title} cannot be reached ({reason}).", code="upstream_unreachable", status=502
    )


def _misaddressed(upstream: Upstream, error: Exception) -> BackendRefused:
    return BackendRefused(
        f"The address of upstream '{upstream.name}' cannot be used: {type(error).__name__}.",
        code="upstream_misconfigured",
    )


async def _key_of(upstream: Upstream) -> str | None:
    if upstream.key is None:
        return None
    return await asyncio.to_thread(upstream.key) if upstream.key_takes_time else upstream.key()


def _headers(upstream: Upstream, key: str | None) -> dict[str, str]:
    headers = {"User-Agent": f"moksori/{__version__}"}
    if upstream.dialect == "openai-beta":
        headers["OpenAI-Beta"] = "realtime=v1"
    if key is None:
        return headers
    match upstream.provider.auth:
        case "bearer":
            headers["Authorization"] = f"Bearer {key}"
        case "basic":
            headers["Authorization"] = f"Basic {key}"
        case "api-key":
            headers["api-key"] = key
    return headers


def _proxy(url: str) -> str | None:
    """The proxy of the environment, as other programs use it; none for this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in ("127.0.0.1", "::1", "localhost") or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get("https" if parts.scheme == "wss" else "http")


class _Error(msgspec.Struct):
    message: str = ""
    code: str | int | None = None
    type: str | None = None


class _Body(msgspec.Struct):
    error: _Error | str | None = None


def _refused(upstream: Upstream, model: str, error: WSHandshakeError, key: str | None) -> BackendRefused:
    """An HTTP answer in place of the upgrade, as what a client of ours may know of it."""
    title = upstream.provider.title
    if error.response is None:
        return BackendRefused(
            f"{title} did not answer as a WebSocket server.", code="upstream_unreachable", status=502
        )
    status = int(error.response.status)
    said = _said(error.raw_body, key)
    match status:
        case 401 | 403:
            # The key at fault is this server's, so its client gets no 401: it could only think of its own key.
            return BackendRefused(
                f"{title} refused this server's key for '{model}' (HTTP {status}).",
                code="upstream_key_refused",
                status=502,
            )
        case 404:
            return BackendRefused(
                f"{title} has no model '{model}'{said}.", code="model_not_found", status=404
            )
        case 429:
            after = error.response.headers.get("Retry-After", "")
            wait = f" It asks to be left alone for {after} s." if after.isdecimal() else ""
            return BackendRefused(
                f"{title} takes no more sessions now{said}.{wait}", code="rate_limit_exceeded", status=429
            )
        case _:
            return BackendRefused(
                f"{title} refused the connection with HTTP {status}{said}.",
                code="upstream_refused",
                status=502,
            )


def _said(body: bytes | None, key: str | None) -> str:
    try:
        error = msgspec.json.decode(body or b"", type=_Body).error
    except msgspec.MsgspecError:
        return ""
    message = error if isinstance(error, str) else error.message if error is not None else ""
    return f": {scrubbed(message, key).rstrip('.')}" if message else ""


def _close_of(payload: bytes) -> tuple[int, str]:
    """Code and reason of a close frame; 1005 for none (RFC 6455 section 7.1.5)."""
    if len(payload) < 2:
        return 1005, ""
    return int.from_bytes(payload[:2], "big"), payload[2:].decode(errors="replace")
