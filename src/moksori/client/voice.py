"""VoiceClient: a call to any server that speaks OpenAI's Realtime protocol, with microphone, speaker and recovery.

    async with VoiceClient(language="en") as client:
        client.on("latency", lambda turn: print(turn.ms, "ms"))
        await client.start_microphone()
        async for event in client:
            ...

A shell around pure parts: `connection` keeps the line (deciding by `recovery`, resending by `delivery`), `ear` plays
and knows what was heard (`playback`), `record` keeps what was said for a session that must begin anew, `tools` answers
function calls (`desk`). All of it belongs to one event loop; only the sound devices' threads come from outside, and
they touch nothing but the playback, under its lock.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import inspect
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

from moksori.client import recovery
from moksori.client.connection import Connection
from moksori.client.devices import RATE, DeviceRefused
from moksori.client.ear import Ear
from moksori.client.events import ANY, AnyServerEvent, ConnectFailed, Emitter, Feed, Handler, Problem
from moksori.client.measure import TurnMeter
from moksori.client.microphone import Microphone
from moksori.client.record import Record
from moksori.client.recovery import Failure
from moksori.client.speaker import Sink
from moksori.client.texts import language_of, say
from moksori.client.tools import Tool, Toolbox, ToolFunction
from moksori.protocol import client_events as c
from moksori.protocol import items
from moksori.protocol import server_events as s
from moksori.protocol.errors import Error
from moksori.protocol.ids import random_id
from moksori.protocol.session import RealtimeSession, Session

GetSecret = Callable[[], str | Awaitable[str]]
"""Fetches a short-lived secret; called before every dial."""

# Ordinary races of a spoken call: what was to be stopped has just ended, what was to begin has begun.
_RACES = frozenset({"response_cancel_not_active", "conversation_already_has_active_response"})
_LAST_SILENCE_S = 1.0  # after the microphone stops, so that the server hears the turn end
_TRANSCRIBER = "whisper-1"  # the name every Realtime server knows, or falls back from


class VoiceClient:
    """One call at a time; `connect` after `disconnect` begins another.

    Audio is PCM16 little-endian mono at 24 kHz everywhere. `session` is merged over what the client asks for itself
    (input transcription, `language`, its tools) and sent as `session.update` to every new session.
    """

    def __init__(
        self,
        url: str = "ws://127.0.0.1:8080/v1/realtime",
        key: str | None = None,
        model: str = "moksori-local",
        *,
        language: str | None = None,
        get_secret: GetSecret | None = None,
        max_retries: int = 3,
        base_delay: float = 2.0,
        session: Mapping[str, Any] | None = None,
        speaker: Sink | None = None,
        microphone: Callable[[Callable[[bytes], None]], Microphone] = Microphone,
        dial_timeout: float = 10.0,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self.url = url
        self.model = model
        self.failure: Failure | None = None  # why the last call ended
        self._key = key
        self._get_secret = get_secret
        self._language = language
        self._texts = language_of(language)
        self._wanted: dict[str, Any] = dict(session or {})
        policy = recovery.Policy(max_retries, base_delay)
        self._line = Connection(
            self, url, model, secret=self._secret, policy=policy, dial_timeout=dial_timeout, dice=dice
        )
        self._outcome: asyncio.Future[None] | None = None  # of `connect`, while it waits
        self._emitter = Emitter()
        self._feed = Feed()
        self._toolbox = Toolbox(self.send, self.problem)
        self._ear = Ear(speaker)
        self._meter = TurnMeter()
        self._record = Record()
        self._running: frozenset[str] = frozenset()  # responses in the making
        self._interruptible = True  # what the session says of barge-in
        self._make_microphone = microphone
        self._microphone: Microphone | None = None

    # --- the application's side --------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    def __aiter__(self) -> AsyncIterator[AnyServerEvent]:
        """Every server event since `connect` until the call is over. One reader at a time."""
        return self._feed.read()

    @property
    def connected(self) -> bool:
        """Whether the line is up now."""
        return self._line.is_open

    @property
    def session_id(self) -> str | None:
        """The call's id, also while the line is down."""
        match self._line.state:
            case recovery.Open(call=call) | recovery.Waiting(call=call):
                return call.session_id
            case recovery.Connecting(call=recovery.Call(session_id=session_id)):
                return session_id
            case _:
                return None

    @property
    def playing(self) -> bool:
        """Whether any of an answer waits to be heard. Always False without a speaker."""
        return self._ear.playing

    @property
    def answering(self) -> bool:
        """Whether the server is making a response, or a tool of ours runs for one."""
        return bool(self._running) or self._toolbox.busy

    async def connect(self) -> None:
        """Dial and be greeted. Raises ConnectFailed, at the first failure: only a line that stood is retried."""
        if isinstance(self._line.state, recovery.Connecting | recovery.Open | recovery.Waiting):
            return
        self._outcome = asyncio.get_running_loop().create_future()
        self._feed.begin()
        self.failure = None
        self._line.start()
        try:
            await self._outcome
        except asyncio.CancelledError:
            await self._line.stop()
            raise

    async def disconnect(self) -> None:
        """Hang up politely and free the devices. Idempotent, never raises."""
        await self._close_microphone()
        await self._line.stop()
        await self._ear.close()
        self._emitter.cancel()

    def on(self, name: str, handler: Handler) -> Callable[[], None]:
        """Call `handler` on a server event's type, on `*` for all, or on one of the client's own:

        `connected` (recovery.Connected), `reconnecting` (Reconnecting), `disconnected` (Disconnected), `latency`
        (measure.Latency), `audio` (bytes: the answer's PCM as it comes in) and `error` (Problem). Returns a function
        that ends it. Handlers may be coroutines.
        """
        return self._emitter.on(name, handler)

    def tool(
        self, name: str, schema: Mapping[str, Any], description: str = ""
    ) -> Callable[[ToolFunction], ToolFunction]:
        """Offer a function to the model: `@client.tool("order_status", {...JSON schema...})`.

        It is called with the arguments by name, may be a coroutine, and its result, text or anything JSON, is the
        output; the model is then asked to go on. What it raises is told to the model and emitted as `error`.
        """

        def register(function: ToolFunction) -> ToolFunction:
            self._toolbox.add(Tool(name, dict(schema), description, function))
            if self.connected:
                self.send(self._session())
            return function

        return register

    def send(self, event: c.ClientEvent) -> None:
        """Send any control event; kept and sent later while the line is down."""
        self._line.send(event)

    async def send_text_message(self, text: str) -> None:
        """Say `text` in writing and ask for an answer. An answer still being spoken is cut off first."""
        self._interrupt(asked=True)
        item = {
            "id": random_id("item"),
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": text}],
        }
        self.send(c.ConversationItemCreate(item=item, event_id=random_id("event")))
        self.send(c.ResponseCreate(event_id=random_id("event")))
        self._meter.asked(_now())

    async def send_audio(self, pcm: bytes) -> None:
        """Send caller's audio of any length; waits while more than a second of it is unsent."""
        self._take_audio(pcm)
        await self._line.drained()

    async def start_microphone(self) -> bool:
        """Listen to the microphone, and play answers on the speaker. False, with an `error` emitted, if it cannot be.

        May be called before `connect`: what is said meanwhile is sent once the line stands.
        """
        if self._microphone is not None:
            return True
        loop = asyncio.get_running_loop()
        microphone = self._make_microphone(lambda pcm: _from_thread(loop, self._take_audio, pcm))
        try:
            await asyncio.to_thread(microphone.open)
        except DeviceRefused as refused:
            self._device_problem("microphone", refused)
            return False
        self._microphone = microphone
        await self.start_speaker()
        return True

    async def stop_microphone(self) -> None:
        """Stop listening; the call goes on. A second of silence follows, so that a turn in progress ends."""
        if await self._close_microphone() and self.connected:
            self._take_audio(bytes(int(RATE * _LAST_SILENCE_S) * 2))

    async def start_speaker(self) -> bool:
        """Play answers. False, with an `error` emitted, if that cannot be; never raises."""
        try:
            await self._ear.open()
        except DeviceRefused as refused:
            self._device_problem("speaker", refused)
            return False
        return True

    # --- the line's side (connection.Owner) ---------------------------------------------------------------------------

    def opening(self, again: bool) -> list[c.ClientEvent]:
        """The session this client wants; one that takes a lost one's place is told what was said in that."""
        said: list[c.ClientEvent] = []
        if again:
            self._forget_session()
            said = [
                c.ConversationItemCreate(item=i, event_id=random_id("event")) for i in self._record.items()
            ]
        self._record = Record()
        return [self._session(), *said]

    def notice(self, notice: recovery.Notice) -> None:
        """The line's news go to the handlers, and end `connect` and `async for`."""
        match notice:
            case recovery.Connected():
                self._settle(None)
                self._emitter.emit("connected", notice)
            case recovery.Reconnecting():
                self._emitter.emit("reconnecting", notice)
            case recovery.Disconnected(failure):
                self.failure = failure
                self._forget_session()
                self._feed.end()
                self._settle(ConnectFailed(self.explain(failure), failure))
                self._emitter.emit("disconnected", notice)

    def problem(self, problem: Problem) -> None:
        """Anything that went wrong and did not end the call."""
        self._emitter.emit("error", problem)

    def event(self, event: AnyServerEvent) -> None:
        """One server event: act on it, then hand it to the application."""
        self._record.feed(event)
        match event:
            case s.SessionCreated(session=session) | s.SessionUpdated(session=session):
                self._interruptible = _interruptible(session)
            case s.InputAudioBufferSpeechStarted() if self._interruptible:
                self._interrupt()
            case s.OutputAudioHeld(at_most_ms=at_most_ms):
                self._ear.hold(at_most_ms)
            case s.OutputAudioReleased():
                self._ear.release()
            case s.ResponseCreated(response=response):
                self._running |= {response.id}
                self._toolbox.began(response.id)
            case s.ResponseOutputAudioDelta():
                self._hear(event)
            case s.ResponseOutputAudioDone(item_id=item_id, content_index=index):
                self._ear.finished(item_id, index)
            case s.ResponseOutputItemDone(item=items.FunctionCall() as call) if call.status != "incomplete":
                self._toolbox.called(call)
            case s.ConversationItemAdded(item=item):
                self._toolbox.added(item.id)
            case s.ResponseDone(response=response):
                self._running -= {response.id}
                self._ear.settled(response.id)
                self._toolbox.ended(response.id)
            case Error():
                self._erred(event)
            case _:
                pass
        self._feed.put(event)
        if not isinstance(event, Error):
            self._emitter.emit(event.type, event)
        self._emitter.emit(ANY, event)

    def explain(self, failure: Failure) -> str:
        """A failure as a sentence for the person on the line."""
        return say(self._texts, failure.cause.value, url=self.url, model=self.model, detail=failure.detail)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _session(self) -> c.ClientEvent:
        transcription: dict[str, Any] = {"model": _TRANSCRIBER}
        if self._language is not None:
            transcription["language"] = self._language
        asked: dict[str, Any] = {"type": "realtime", "audio": {"input": {"transcription": transcription}}}
        if tools := self._toolbox.declarations():
            asked["tools"] = tools
        return c.SessionUpdate(session=_merged(asked, self._wanted), event_id=random_id("event"))

    async def _secret(self) -> str | None:
        if self._get_secret is None:
            return self._key
        secret = self._get_secret()
        return await secret if inspect.isawaitable(secret) else secret

    def _settle(self, error: ConnectFailed | None) -> None:
        outcome, self._outcome = self._outcome, None
        if outcome is None or outcome.done():
            return
        if error is None:
            outcome.set_result(None)
        else:
            outcome.set_exception(error)

    def _forget_session(self) -> None:
        """The responses in the making are lost: nothing more of them will come."""
        for response_id in self._running:
            self._ear.settled(response_id)
        self._running = frozenset()
        self._toolbox.forget()

    def _erred(self, event: Error) -> None:
        error = event.error
        self._toolbox.erred(event)
        if error.code not in _RACES:
            self.problem(Problem(error.message, error.code, event))

    # microphone and speaker

    def _take_audio(self, pcm: bytes) -> None:
        self._line.audio(pcm)
        self._meter.sent(pcm, _now())  # while the line is down too: the caller waits from here

    async def _close_microphone(self) -> bool:
        microphone, self._microphone = self._microphone, None
        if microphone is None:
            return False
        await asyncio.to_thread(microphone.close)
        return True

    def _device_problem(self, device: str, refused: DeviceRefused) -> None:
        code = f"{device}.{refused.reason.value}"
        self.problem(Problem(say(self._texts, code, detail=refused.detail), code))

    def _hear(self, event: s.ResponseOutputAudioDelta) -> None:
        try:
            pcm = base64.b64decode(event.delta, validate=True)
        except binascii.Error as error:
            self.problem(Problem(str(error), "invalid_event"))
            return
        self._emitter.emit("audio", pcm)
        latency = self._meter.received(event.response_id, pcm, _now())
        if latency is not None:
            self._emitter.emit("latency", latency)
        self._ear.arrived(event.response_id, event.item_id, event.content_index, pcm)

    def _interrupt(self, asked: bool = False) -> None:
        """Be silent and tell what was heard; when the caller `asked` in writing, also stop what is in the making."""
        if asked and self._running:
            self.send(c.ResponseCancel(event_id=random_id("event")))
        for truncate in self._ear.interrupt(self._running):
            self._record.cut(truncate.item_id, truncate.audio_end_ms)
            self.send(truncate)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _from_thread(loop: asyncio.AbstractEventLoop, take: Callable[[bytes], None], pcm: bytes) -> None:
    """Hand audio from a device's thread to the loop; what comes after the loop's end is dropped."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(take, pcm)


def _interruptible(session: Session) -> bool:
    """Whether speech of the caller stops an answer."""
    if not isinstance(session, RealtimeSession):
        return True
    detection = session.audio.input.turn_detection
    return detection is None or detection.interrupt_response


def _merged(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`, object by object; None is a value like any other."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = (
            _merged(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
        )
    return result
