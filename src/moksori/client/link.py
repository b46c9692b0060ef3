"""One socket to the server, from the dial to the greeting; every way that can fail, sorted into a `Failure`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from moksori import __version__
from moksori.client.recovery import Call, Cause, Failure, cause_of_close, cause_of_status

MAX_MESSAGE = 32 * 1024 * 1024  # bytes; what the server allows in the other direction
_PING_S = 10  # a dead line is noticed after this ...
_PONG_S = 15  # ... and this: a caller waits no longer in silence
_CLOSE_S = 2  # for the other side's close frame
_LAST_WORD_S = 1  # after an error in place of the greeting, for the close code


class DialFailed(Exception):
    """No connection, or no greeting."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail or failure.cause.value)
        self.failure = failure


class _Session(msgspec.Struct):
    id: str = ""


class _Resume(msgspec.Struct):
    ok: bool = False
    input_audio_ms: int = 0
    gap: bool = False


class _ErrorBody(msgspec.Struct):
    message: str = ""
    code: str | None = None


class _Greeting(msgspec.Struct):
    type: str = ""
    event_id: str | None = None
    session: _Session = msgspec.field(default_factory=_Session)
    resume: _Resume | None = None
    error: _ErrorBody | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An open socket whose first frame has been read. `resume_ms` is None unless the asked call was resumed."""

    socket: ClientConnection
    greeting: bytes
    session_id: str
    event_id: str | None
    resume_ms: int | None
    gap: bool


def address(url: str, model: str, call: Call | None) -> str:
    """The URL to dial: `url` with the model and, to resume, the call. Raises ValueError for what is no ws address.

    `http` and `https` are taken as `ws` and `wss`; a path that is empty or `/v1` is completed.
    """
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError(url)
    path = "/v1/realtime" if parts.path.rstrip("/") in ("", "/v1") else parts.path
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query.setdefault("model", model)
    query.setdefault("holds", "1")
    if call is not None and not call.gone:
        query["session_id"] = call.session_id
        if call.last_event_id is not None:
            query["last_event_id"] = call.last_event_id
    return urlunsplit((scheme, parts.netloc, path, urlencode(query), ""))


async def dial(url: str, model: str, secret: str | None, call: Call | None, patience: float) -> Link:
    """Connect and read the greeting within `patience` seconds. Raises DialFailed."""
    try:
        target = address(url, model, call)
        async with asyncio.timeout(patience):
            return await _greeted(await _open(target, secret, patience))
    except TimeoutError as error:
        raise DialFailed(Failure(Cause.TIMEOUT)) from error
    except InvalidStatus as error:
        raise DialFailed(_refused(error)) from error
    except (ValueError, InvalidURI) as error:
        raise DialFailed(Failure(Cause.BAD_URL, detail=str(error))) from error
    except (OSError, InvalidHandshake, EOFError) as error:
        raise DialFailed(Failure(Cause.UNREACHABLE, detail=str(error))) from error


async def _open(target: str, secret: str | None, patience: float) -> ClientConnection:
    local = urlsplit(target).hostname in ("127.0.0.1", "::1", "localhost")
    return await connect(
        target,
        additional_headers={"Authorization": f"Bearer {secret}"} if secret else None,
        user_agent_header=f"moksori/{__version__}",
        compression=None,
        # A proxy of the environment is for the outside; the loopback is not behind it.
        proxy=None if local else True,
        max_size=MAX_MESSAGE,
        open_timeout=patience,
        ping_interval=_PING_S,
        ping_timeout=_PONG_S,
        close_timeout=_CLOSE_S,
    )


async def _greeted(socket: ClientConnection) -> Link:
    try:
        raw = await socket.recv(decode=False)
        greeting = msgspec.json.decode(raw, type=_Greeting)
    except ConnectionClosed as closed:
        raise DialFailed(failure_of_close(closed, None, "")) from closed
    except msgspec.DecodeError as error:
        await socket.close(1002)
        raise DialFailed(Failure(Cause.REFUSED, detail=str(error))) from error
    except BaseException:
        socket.transport.abort()
        raise
    if greeting.type == "session.created":
        resume = greeting.resume
        resumed = resume is not None and resume.ok
        return Link(
            socket,
            raw,
            greeting.session.id,
            greeting.event_id,
            resume.input_audio_ms if resume is not None and resumed else None,
            resume.gap if resume is not None else False,
        )
    refusal = greeting.error or _ErrorBody()
    try:
        async with asyncio.timeout(_LAST_WORD_S):
            await socket.recv()
    except ConnectionClosed as closed:
        raise DialFailed(failure_of_close(closed, refusal.code, refusal.message)) from closed
    except TimeoutError:
        pass
    await socket.close(1000)
    raise DialFailed(Failure(cause_of_close(1008, refusal.code), detail=refusal.message))


def failure_of_close(closed: ConnectionClosed, error_code: str | None, detail: str) -> Failure:
    """A lost line. `error_code` and `detail` are those of the last `error` event before it."""
    code = closed.rcvd.code if closed.rcvd is not None else 1006
    reason = closed.rcvd.reason if closed.rcvd is not None else ""
    return Failure(cause_of_close(code, error_code), code, reason or detail)


def _refused(error: InvalidStatus) -> Failure:
    status = error.response.status_code
    try:
        # OpenAI's error shape: {"error": {"message", "type", "code", "param"}}
        body = json.loads(error.response.body or b"{}")["error"]
        code, detail = body.get("code"), str(body.get("message") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        code, detail = None, ""
    return Failure(cause_of_status(status, code), status, detail or f"HTTP {status}")
