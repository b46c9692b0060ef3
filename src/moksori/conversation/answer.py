"""One answer: text and tool calls in, clauses to speak and GA events out, in the recorded order.

While its turn is not committed an answer is *held*: it thinks, and its first clause is spoken, but nothing of it
leaves; `publish` lets everything out in order, `discard` leaves no trace. It keeps the settings it began with, says
`response.done` exactly once, and nothing after it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from moksori.conversation.clauses import WHOLE, Chunker
from moksori.protocol import server_events as out
from moksori.protocol.ids import Ids
from moksori.protocol.internal import Word
from moksori.protocol.items import FunctionCall, Item, Message, OutputAudio, OutputText
from moksori.protocol.response import (
    Response,
    ResponseAudio,
    ResponseAudioOutput,
    StatusDetails,
    StatusError,
    Usage,
)
from moksori.protocol.session import AudioFormat, Tool, ToolChoice

CONTEXT_EXCEEDED = "context_length_exceeded"
"""The one failure that is the client's to mend: the conversation is longer than the model reads."""


class Phase(Enum):
    HELD = "held"
    LIVE = "live"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """The configuration an answer began with."""

    modality: Literal["audio", "text"]
    voice: str
    format: AudioFormat
    speed: float
    instructions: str
    tools: tuple[Tool, ...]
    tool_choice: ToolChoice
    max_output_tokens: int | Literal["inf"]
    metadata: dict[str, str] | None
    conversation_id: str | None
    """None: out of band; the answer leaves no item behind."""
    by_clause: bool = True
    """Speak the first clause while the others are not there yet."""


@dataclass(frozen=True, slots=True)
class Publish:
    """An event of the answer, to be sent now."""

    event: out.ServerEvent


@dataclass(frozen=True, slots=True)
class AddItem:
    """The item enters the conversation (announced by `conversation.item.added`)."""

    item: Item


@dataclass(frozen=True, slots=True)
class ItemDone:
    """The item is final (announced by `conversation.item.done`)."""

    item: Item


@dataclass(frozen=True, slots=True)
class ClauseBegins:
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class SendAudio:
    """An audio delta to be sent now: its place in the words' map and on the play clock is the core's to note."""

    event: out.ResponseOutputAudioDelta
    samples: int
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class SpeakClause:
    clause: int
    text: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Whatever still works for this answer should stop."""


ResponseStatus = Literal["in_progress", "completed", "cancelled", "incomplete", "failed"]
EndStatus = Literal["completed", "cancelled", "incomplete", "failed"]


@dataclass(frozen=True, slots=True)
class AnswerEnded:
    """The last output of every published answer; the core, which knows what it cost, says `response.done`."""

    status: EndStatus
    details: StatusDetails | None


Output = Publish | AddItem | ItemDone | ClauseBegins | SendAudio | SpeakClause | Stop | AnswerEnded


@dataclass(slots=True)
class _OpenMessage:
    """The message being produced. In audio its text grows by whole clauses, as their sound arrives."""

    item_id: str
    index: int
    text: str = ""
    audio_samples: int = 0


@dataclass(frozen=True, slots=True)
class _Call:
    call_id: str
    name: str
    arguments: str


class Answer:
    """See the module's text. Every method returns what is to be done now, in order."""

    def __init__(self, response_id: str, settings: AnswerSettings, ids: Ids, *, held: bool) -> None:
        self.id = response_id
        self.settings = settings
        self.phase = Phase.HELD if held else Phase.LIVE
        self.samples = 0
        """Audio produced, at 24 kHz."""
        self._ids = ids
        self._out: list[Output] = []
        self._kept: list[Output] = []
        self._chunker = Chunker() if settings.by_clause else Chunker(WHOLE, WHOLE)
        self._clauses: deque[str] = deque()
        self._clause = 0
        """Number of the next clause to speak."""
        self._speaking: int | None = None
        self._speaking_text = ""
        self._clause_begun = False
        self._message: _OpenMessage | None = None
        self._calls: deque[_Call] = deque()
        self._items: list[Item] = []
        self._thinking = True
        self._reason: str = "stop"
        created = self.response("in_progress", None, None)
        self._event(out.ResponseCreated(event_id=ids("event"), response=created))

    # ------------------------------------------------------------------ what the turn decides

    def take(self) -> list[Output]:
        """What has come up since the last call."""
        taken, self._out = self._out, []
        return taken

    def publish(self) -> list[Output]:
        """The turn was committed: let out all that was kept, and go on in the open."""
        if self.phase is not Phase.HELD:
            return []
        self.phase = Phase.LIVE
        self._out, self._kept = [*self._kept, *self._out], []
        self._advance()
        return self.take()

    def discard(self) -> list[Output]:
        """The turn went on without this answer. Nothing of it was seen and nothing will be. Only for held ones."""
        self.phase = Phase.DONE
        self._kept.clear()
        self._out.clear()
        return [Stop()]

    def cancel(self, reason: Literal["turn_detected", "client_cancelled"]) -> list[Output]:
        """End early: closing events of what was open, then `response.done` as cancelled."""
        if self.phase is not Phase.LIVE:
            return self.discard() if self.phase is Phase.HELD else []
        self._end("cancelled", StatusDetails(type="cancelled", reason=reason))
        return self.take()

    def fail(self, code: str, message: str) -> list[Output]:
        """The answer cannot be finished; `response.done` says why."""
        if self.phase is not Phase.LIVE:
            return self.discard() if self.phase is Phase.HELD else []
        kind = "invalid_request_error" if code == CONTEXT_EXCEEDED else "server_error"
        error = StatusError(type=kind, code=code, message=message)
        self._end("failed", StatusDetails(type="failed", error=error))
        return self.take()

    def unsaid(self) -> str | None:
        """Text of which nothing has sounded yet; None while the brain may add words or a tool is to be called."""
        if self._thinking or self._calls:
            return None
        waiting = self._speaking_text if self._speaking is not None and not self._clause_begun else ""
        return waiting + "".join(self._clauses)

    # ------------------------------------------------------------------ what the brain says

    def said(self, text: str, slow: bool = False) -> list[Output]:
        if self.phase is Phase.DONE or not self._thinking or not text:
            return []
        if self._message is None and not text.strip():
            return []
        message = self._message or self._open_message()
        if self.settings.modality == "text":
            message.text += text
            self._event(
                out.ResponseOutputTextDelta(
                    event_id=self._ids("event"),
                    response_id=self.id,
                    item_id=message.item_id,
                    output_index=message.index,
                    content_index=0,
                    delta=text,
                )
            )
        else:
            self._clauses.extend(self._chunker.push(text, slow=slow))
            self._advance()
        return self.take()

    def called(self, call_id: str, name: str, arguments: str) -> list[Output]:
        if self.phase is Phase.DONE or not self._thinking:
            return []
        self._calls.append(_Call(call_id, name, arguments))
        self._advance()
        return self.take()

    def finished(self, reason: str) -> list[Output]:
        """The brain has said all; the answer ends when its last clause has been spoken."""
        if self.phase is Phase.DONE or not self._thinking:
            return []
        self._thinking = False
        self._reason = reason
        self._advance()
        return self.take()

    # ------------------------------------------------------------------ what the voice says

    def sounded(self, clause: int, audio: str, samples: int, words: tuple[Word, ...]) -> list[Output]:
        if self.phase is Phase.DONE or clause != self._speaking or self._message is None:
            return []
        self._clause_begins()
        message = self._message
        message.audio_samples += samples
        self.samples += samples
        delta = out.ResponseOutputAudioDelta(
            event_id=self._ids("event"),
            response_id=self.id,
            item_id=message.item_id,
            output_index=message.index,
            content_index=0,
            delta=audio,
        )
        self._keep(SendAudio(delta, samples, words))
        return self.take()

    def clause_spoken(self, clause: int) -> list[Output]:
        if self.phase is Phase.DONE or clause != self._speaking:
            return []
        self._clause_begins()
        self._speaking = None
        self._advance()
        return self.take()

    # ------------------------------------------------------------------ inside

    def _keep(self, output: Output) -> None:
        (self._kept if self.phase is Phase.HELD else self._out).append(output)

    def _event(self, event: out.ServerEvent) -> None:
        self._keep(Publish(event))

    def response(
        self, status: ResponseStatus, details: StatusDetails | None, usage: Usage | None
    ) -> Response:
        """The `response` object of `response.created` and `response.done`."""
        settings = self.settings
        return Response(
            id=self.id,
            status=status,
            status_details=details,
            output=tuple(self._items),
            conversation_id=settings.conversation_id,
            output_modalities=(settings.modality,),
            max_output_tokens=settings.max_output_tokens,
            audio=ResponseAudio(output=ResponseAudioOutput(format=settings.format, voice=settings.voice)),
            usage=usage,
            metadata=settings.metadata,
        )

    def _advance(self) -> None:
        """Do whatever can be done now: next clause, end of the message, calls, end of the answer."""
        if self._message is not None:
            no_more_text = not self._thinking or bool(self._calls)
            if no_more_text and self.settings.modality == "audio":
                self._clauses.extend(self._chunker.flush())
            self._speak_next()
            if not no_more_text or self._speaking is not None or self._clauses:
                return
            self._close_message("completed")
        while self._calls:
            self._function_call(self._calls.popleft())
        if not self._thinking:
            self._complete()

    def _speak_next(self) -> None:
        if self._speaking is not None or not self._clauses:
            return
        if self.phase is Phase.HELD and self._clause > 0:
            return  # one clause ahead of a commit is enough: the rest may never be wanted
        self._speaking, self._speaking_text = self._clause, self._clauses.popleft()
        self._clause += 1
        self._clause_begun = False
        self._out.append(SpeakClause(self._speaking, self._speaking_text))

    def _clause_begins(self) -> None:
        """The first sound of a clause: its words go out just before it."""
        message = self._message
        if self._clause_begun or message is None:
            return
        self._clause_begun = True
        message.text += self._speaking_text
        self._keep(ClauseBegins(message.item_id, self._speaking_text))
        self._event(
            out.ResponseOutputAudioTranscriptDelta(
                event_id=self._ids("event"),
                response_id=self.id,
                item_id=message.item_id,
                output_index=message.index,
                content_index=0,
                delta=self._speaking_text,
            )
        )

    def _open_message(self) -> _OpenMessage:
        message = self._message = _OpenMessage(self._ids("item"), len(self._items))
        item = Message(role="assistant", content=(), id=message.item_id, status="in_progress")
        self._event(
            out.ResponseOutputItemAdded(
                event_id=self._ids("event"), response_id=self.id, output_index=message.index, item=item
            )
        )
        self._keep(AddItem(item))
        text_only = self.settings.modality == "text"
        part = out.Part("text", text="") if text_only else out.Part("audio", transcript="")
        self._event(
            out.ResponseContentPartAdded(
                event_id=self._ids("event"),
                response_id=self.id,
                item_id=message.item_id,
                output_index=message.index,
                content_index=0,
                part=part,
            )
        )
        return message

    def _close_message(self, status: Literal["completed", "incomplete"]) -> None:
        message = self._message
        if message is None:
            return
        self._message = None
        content: OutputText | OutputAudio
        if self.settings.modality == "text":
            content, part = OutputText(text=message.text), out.Part("text", text=message.text)
            self._event(
                out.ResponseOutputTextDone(
                    event_id=self._ids("event"),
                    response_id=self.id,
                    item_id=message.item_id,
                    output_index=message.index,
                    content_index=0,
                    text=message.text,
                )
            )
        else:
            transcript = message.text.strip()
            content, part = OutputAudio(transcript=transcript), out.Part("audio", transcript=transcript)
            self._event(
                out.ResponseOutputAudioDone(
                    event_id=self._ids("event"),
                    response_id=self.id,
                    item_id=message.item_id,
                    output_index=message.index,
                    content_index=0,
                )
            )
            self._event(
                out.ResponseOutputAudioTranscriptDone(
                    event_id=self._ids("event"),
                    response_id=self.id,
                    item_id=message.item_id,
                    output_index=message.index,
                    content_index=0,
                    transcript=transcript,
                )
            )
        self._event(
            out.ResponseContentPartDone(
                event_id=self._ids("event"),
                response_id=self.id,
                item_id=message.item_id,
                output_index=message.index,
                content_index=0,
                part=part,
            )
        )
        self._item_done(
            Message(role="assistant", content=(content,), id=message.item_id, status=status), message.index
        )

    def _function_call(self, call: _Call) -> None:
        item_id, index = self._ids("item"), len(self._items)
        opened = FunctionCall(
            name=call.name, arguments="", call_id=call.call_id, id=item_id, status="in_progress"
        )
        self._event(
            out.ResponseOutputItemAdded(
                event_id=self._ids("event"), response_id=self.id, output_index=index, item=opened
            )
        )
        self._keep(AddItem(opened))
        self._event(
            out.ResponseFunctionCallArgumentsDelta(
                event_id=self._ids("event"),
                response_id=self.id,
                item_id=item_id,
                output_index=index,
                call_id=call.call_id,
                delta=call.arguments,
            )
        )
        self._event(
            out.ResponseFunctionCallArgumentsDone(
                event_id=self._ids("event"),
                response_id=self.id,
                item_id=item_id,
                output_index=index,
                call_id=call.call_id,
                name=call.name,
                arguments=call.arguments,
            )
        )
        self._item_done(
            FunctionCall(
                name=call.name, arguments=call.arguments, call_id=call.call_id, id=item_id, status="completed"
            ),
            index,
        )

    def _item_done(self, item: Item, index: int) -> None:
        self._items.append(item)
        self._keep(ItemDone(item))
        self._event(
            out.ResponseOutputItemDone(
                event_id=self._ids("event"), response_id=self.id, output_index=index, item=item
            )
        )

    def _complete(self) -> None:
        if self.phase is Phase.HELD:
            return  # the end is said when the turn is committed; `publish` comes back here
        if self._reason == "length":
            self._end("incomplete", StatusDetails(type="incomplete", reason="max_output_tokens"))
        elif self._reason == "content_filter":
            self._end("incomplete", StatusDetails(type="incomplete", reason="content_filter"))
        else:
            self._end("completed", None)

    def _end(self, status: EndStatus, details: StatusDetails | None) -> None:
        """Close what is open and fall silent."""
        running = self._thinking or self._speaking is not None
        self._close_message("incomplete")
        self._calls.clear()
        self._clauses.clear()
        if running:
            self._out.append(Stop())
        self._out.append(AnswerEnded(status, details))
        self.phase = Phase.DONE
