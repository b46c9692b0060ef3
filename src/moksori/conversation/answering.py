"""The assistant's side: which answer is running, held or owed, and what it may say. What of it sounds: `sounding`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from moksori.conversation.answer import (
    AddItem,
    Answer,
    AnswerEnded,
    AnswerSettings,
    ClauseBegins,
    ItemDone,
    Output,
    Phase,
    Publish,
    SendAudio,
    SpeakClause,
    Stop,
)
from moksori.conversation.board import Board
from moksori.conversation.events import (
    AnswerOver,
    BrainFinished,
    Hush,
    Sounded,
    Speak,
    StopThinking,
    Think,
)
from moksori.conversation.history import Entry
from moksori.conversation.language import Followed, follow
from moksori.conversation.overlap import REMAINING_MS, only_listens
from moksori.conversation.running import AnsweredTurn, Running, usage_of
from moksori.conversation.sounding import Sounding
from moksori.protocol import server_events as out
from moksori.protocol.errors import ProtocolError
from moksori.protocol.items import FunctionCall, InputAudio, Item, ItemReference, Message
from moksori.protocol.response import (
    FILLER,
    NO_PARAMS,
    ResponseParams,
    overlay,
)
from moksori.protocol.session import RealtimeSession


@dataclass(frozen=True, slots=True)
class CutOff:
    """An answer that was silenced by speech: if nobody meant to interrupt, the rest of it is said after all."""

    items: tuple[str, ...]
    """What was sounding, in order."""
    unsaid: str
    """Text that had no sound yet."""


class Answering:
    def __init__(self, board: Board) -> None:
        self._board = board
        self.sounding = Sounding(board)
        self._running: dict[str, Running] = {}
        self._active: str | None = None
        """The one answer that writes to the conversation and is in the open."""
        self._held: str | None = None
        self._owed: AnsweredTurn | None = None
        self._unheard: AnsweredTurn | None = None
        """A turn whose answer has only asked for tools so far: what comes of them is what the caller waits for."""
        self._followed = Followed()
        self._cut_off: CutOff | None = None
        self.last_audible_id: str | None = None
        """The answer whose audio was sent last."""

    # ------------------------------------------------------------------ questions

    def busy(self) -> bool:
        """Whether anything is being answered, is owed, or can still be sounding at the client."""
        return bool(self._running) or self._owed is not None or bool(self.sounding.now())

    @property
    def language(self) -> str | None:
        """What the caller speaks; one misheard word does not change it."""
        return self._followed.language

    @property
    def active_id(self) -> str | None:
        return self._active

    # ------------------------------------------------------------------ beginning

    def create(self, params: ResponseParams) -> None:
        """`response.create`. Raises `ProtocolError` when the conversation is already being answered."""
        session = self._session()
        in_conversation = params.conversation == "auto"
        if in_conversation and self._active is not None:
            raise ProtocolError(
                f"Conversation already has an active response in progress: {self._active}. "
                "Wait until the response is finished before creating a new one.",
                "conversation_already_has_active_response",
            )
        context = None if params.input is None else self._resolved(params.input)
        if in_conversation:
            self.discard_held()
            self._owed = None
        turn = None
        if self._unheard is not None and in_conversation and FILLER not in (params.metadata or {}):
            turn, self._unheard = replace(self._unheard, tools_at=self._board.now), None
        self._start(overlay(session, params), params, context, turn=turn, held=False)

    def start_now(self) -> None:
        """Answer the conversation as it stands, unless something is answering it already."""
        if self._active is None and self._board.realtime is not None:
            self._start(self._session(), NO_PARAMS, None, turn=None, held=False)

    def owe(self, turn: AnsweredTurn) -> None:
        """A turn was committed and wants an answer: the held one, or a new one once all words are known."""
        self._owed, self._unheard = turn, None

    def speculate(self, item_id: str, text: str) -> None:
        """Begin to answer a turn that is not committed; nothing of it leaves before `owe` and its transcript."""
        board = self._board
        if not board.rules.speculate or self._active is not None or self._owed is not None:
            return
        if board.history.transcribing():
            return
        self.discard_held()
        said = Message(role="user", content=(InputAudio(transcript=text),), id=item_id, status="completed")
        self._start(self._session(), NO_PARAMS, (*board.history.items(), said), turn=None, held=True)

    def transcripts_changed(self) -> None:
        """Some words became known, or will never be: whoever waited for them goes on."""
        if self._board.history.transcribing():
            return
        for running in self._running.values():
            if running.waiting:
                self._think(running)
        self._pay()

    def turn_transcribed(self, item_id: str) -> None:
        if self._owed is not None and self._owed.item_id == item_id:
            self._owed = replace(self._owed, transcribed_at=self._board.now)

    def heard(self, text: str, language: str, listens: float | None) -> None:
        """What the caller said last and in which language; an empty turn is owed nothing.

        Who silenced an answer and then only said "mm-hmm", or coughed, hears the rest of it.
        """
        if self._owed is not None and self.resumes(text, listens):
            self._resume()
            return
        self._cut_off = None
        self._followed = follow(self._followed, text, language)
        if not text and self._owed is not None:
            self._owed = None
            self.discard_held()

    @property
    def interrupted(self) -> bool:
        """Whether the last answer was silenced by speech and has a rest that can be said."""
        return self._cut_off is not None

    def resumes(self, text: str, listens: float | None) -> bool:
        """Whether these words and their sound, of whoever silenced the last answer, let it go on."""
        return self._cut_off is not None and self._active is None and only_listens(text, listens)

    def _resume(self) -> None:
        cut_off, self._cut_off = self._cut_off, None
        assert cut_off is not None
        self._owed = None
        self.discard_held()
        rest = [*(self.sounding.unheard(item) for item in cut_off.items), cut_off.unsaid]
        text = " ".join(part.strip() for part in rest if part.strip())
        if not text:
            return
        running = self._start(self._session(), NO_PARAMS, (), turn=None, held=False, think=False)
        self._apply(running, running.answer.said(text))
        self._apply(running, running.answer.finished("stop"))

    def not_understood(self, item_id: str, message: str) -> None:
        """The owed turn's words are lost: its answer is a failed one, so that nobody waits for ever."""
        if self._owed is None or self._owed.item_id != item_id:
            return
        turn, self._owed = self._owed, None
        if self._active is None:
            running = self._start(self._session(), NO_PARAMS, (), turn=turn, held=False, think=False)
            self._apply(running, running.answer.fail("transcription_failed", message))

    def _pay(self) -> None:
        """Answer the owed turn, if nothing stands in the way."""
        if self._owed is None or self._active is not None or self._board.history.transcribing():
            return
        turn, self._owed = self._owed, None
        if self._held is None:
            self._start(self._session(), NO_PARAMS, None, turn=turn, held=False)
            return
        running = self._running[self._held]
        self._active, self._held = self._held, None
        running.turn = turn
        self._apply(running, running.answer.publish())

    def _session(self) -> RealtimeSession:
        session = self._board.realtime
        if session is None:
            raise ProtocolError(
                "A transcription session makes no responses; connect with a 'model' for a conversation.",
                "invalid_value",
                param="type",
            )
        return session

    def _resolved(self, given: tuple[Item | ItemReference, ...]) -> tuple[Item, ...]:
        items: list[Item] = []
        for index, each in enumerate(given):
            if isinstance(each, ItemReference):
                entry = self._board.history.get(each.id)
                if entry is None:
                    raise ProtocolError(
                        f"Item with id '{each.id}' is not in the conversation.",
                        "invalid_value",
                        param=f"response.input[{index}].id",
                    )
                items.append(entry.item)
            else:
                items.append(each)
        return tuple(items)

    def _start(
        self,
        session: RealtimeSession,
        params: ResponseParams,
        context: tuple[Item, ...] | None,
        *,
        turn: AnsweredTurn | None,
        held: bool,
        think: bool = True,
    ) -> Running:
        board = self._board
        in_conversation = params.conversation == "auto"
        answer = Answer(
            board.ids("resp"),
            AnswerSettings(
                modality="text" if session.output_modalities == ("text",) else "audio",
                voice=session.audio.output.voice,
                format=session.audio.output.format,
                speed=session.audio.output.speed,
                instructions=session.instructions,
                tools=session.tools,
                tool_choice=session.tool_choice,
                max_output_tokens=session.max_output_tokens,
                metadata=params.metadata,
                conversation_id=board.conversation_id if in_conversation else None,
                by_clause=board.rules.overlapped,
            ),
            board.ids,
            held=held,
        )
        running = Running(answer, session, context, turn=turn, asked_at=board.now)
        self._running[answer.id] = running
        if held:
            self._held = answer.id
        elif in_conversation:
            self._active = answer.id
        self._apply(running, answer.take())
        if think:
            if context is None and board.history.transcribing():
                running.waiting = True
            else:
                self._think(running)
        return running

    def _think(self, running: Running) -> None:
        board, settings = self._board, running.answer.settings
        running.waiting = False
        running.asked_at = board.now
        limit = settings.max_output_tokens
        entries = board.history.entries()
        running.user_audio_ms = sum(
            e.heard_from.end_ms - e.heard_from.start_ms for e in entries if e.heard_from
        )
        board.do(
            Think(
                conversation_id=board.conversation_id,
                response_id=running.answer.id,
                history=board.history.items() if running.context is None else running.context,
                instructions=settings.instructions,
                tools=settings.tools,
                tool_choice=settings.tool_choice,
                max_tokens=limit if isinstance(limit, int) else None,
                language=self._followed.language,
                speculative=running.answer.phase is Phase.HELD,
                metadata=settings.metadata,
                truncation=running.session.truncation,
                parallel_tool_calls=running.session.parallel_tool_calls,
                effort=running.session.reasoning.effort if running.session.reasoning else None,
                given=running.context is not None and running.answer.phase is not Phase.HELD,
            )
        )

    # ------------------------------------------------------------------ ending early

    def discard_held(self) -> None:
        """Whatever was begun for a turn that is not committed is dropped without a trace."""
        if self._held is None:
            return
        running = self._running.pop(self._held)
        self._held = None
        self._apply(running, running.answer.discard())

    def barge_in(self) -> None:
        """The caller speaks over the answer: what was not heard yet is cut, what is running is cancelled."""
        self.discard_held()
        self._owed = None
        self._cut_off = self._cutting_off()
        self.sounding.cut_now()
        if self._active is not None:
            running = self._running[self._active]
            self._apply(running, running.answer.cancel("turn_detected"))

    def _cutting_off(self) -> CutOff | None:
        """What would have to be said; None when next to nothing remains, or the answer was not complete."""
        unsaid = "" if self._active is None else self._running[self._active].answer.unsaid()
        items = self.sounding.now()
        remains = bool(unsaid) or self.sounding.remains_ms() >= REMAINING_MS
        if not items or unsaid is None or not remains:
            return None
        return CutOff(items, unsaid)

    def cancel(self, response_id: str | None) -> None:
        """`response.cancel`. Raises `ProtocolError` when there is nothing to cancel."""
        wanted = response_id or self._active
        running = self._running.get(wanted) if wanted and wanted != self._held else None
        if running is None:
            raise ProtocolError(
                "Cancellation failed: no active response found"
                + (f" with id '{response_id}'." if response_id else "."),
                "response_cancel_not_active",
            )
        self._apply(running, running.answer.cancel("client_cancelled"))

    # ------------------------------------------------------------------ what models deliver

    def said(self, response_id: str, text: str, slow: bool) -> None:
        running = self._running.get(response_id)
        if running is not None:
            if running.first_text_at is None:
                running.first_text_at = self._board.now
            self._apply(running, running.answer.said(text, slow))

    def called(self, response_id: str, call_id: str, name: str, arguments: str) -> None:
        running = self._running.get(response_id)
        if running is not None:
            self._apply(running, running.answer.called(call_id, name, arguments))

    def finished(self, event: BrainFinished) -> None:
        running = self._running.get(event.response_id)
        if running is not None:
            running.tokens = event
            self._apply(running, running.answer.finished(event.reason))

    def sounded(self, event: Sounded) -> None:
        running = self._running.get(event.response_id)
        if running is not None:
            self._apply(
                running, running.answer.sounded(event.clause, event.audio, event.samples, event.words)
            )

    def clause_spoken(self, response_id: str, clause: int) -> None:
        running = self._running.get(response_id)
        if running is not None:
            self._apply(running, running.answer.clause_spoken(clause))

    def failed(self, response_id: str, code: str, message: str) -> None:
        running = self._running.get(response_id)
        if running is None:
            return
        if response_id == self._held:
            self.discard_held()  # nobody saw it; it is tried again when the turn is committed
            return
        self._apply(running, running.answer.fail(code, message))

    # ------------------------------------------------------------------ an answer's outputs

    def _apply(self, running: Running, outputs: list[Output]) -> None:
        board, answer = self._board, running.answer
        for output in outputs:
            match output:
                case Publish():
                    board.emit(output.event)
                case AddItem():
                    self._add_item(answer, output.item)
                case ItemDone():
                    self._item_done(answer, output.item)
                case ClauseBegins():
                    self.sounding.clause(output.item_id, output.text)
                case SendAudio():
                    self._send_audio(running, output)
                case SpeakClause():
                    self._speak(answer, output)
                case Stop():
                    board.do(StopThinking(answer.id))
                    board.do(Hush(answer.id))
                case AnswerEnded():
                    self._ended(running, output)

    def _add_item(self, answer: Answer, item: Item) -> None:
        if answer.settings.conversation_id is None:
            return
        board = self._board
        audible = isinstance(item, Message) and answer.settings.modality == "audio"
        spoken = self.sounding.begun() if audible else None
        previous = board.history.add(Entry(item, spoken=spoken))
        board.emit(out.ConversationItemAdded(event_id=board.event_id(), item=item, previous_item_id=previous))

    def _item_done(self, answer: Answer, item: Item) -> None:
        board = self._board
        entry = board.history.get(item.id)
        if answer.settings.conversation_id is None or entry is None:
            return
        self.sounding.done(entry, item)
        board.emit(
            out.ConversationItemDone(
                event_id=board.event_id(), item=item, previous_item_id=board.history.before(item.id)
            )
        )

    def _send_audio(self, running: Running, sent: SendAudio) -> None:
        board = self._board
        board.emit(sent.event)
        board.spoke = True
        self.last_audible_id = running.answer.id
        if running.first_audio_at is None:
            running.first_audio_at = board.now
            if running.turn is not None:
                running.voice_to_voice_ms = round(board.now - running.turn.voice_stopped_at)
                board.latency_ms = running.voice_to_voice_ms
        self.sounding.sent(sent.event.item_id, sent.words, sent.samples)

    def _speak(self, answer: Answer, wanted: SpeakClause) -> None:
        settings = answer.settings
        self._board.do(
            Speak(
                answer.id,
                wanted.clause,
                wanted.text,
                voice=settings.voice,
                language=self._followed.language,
                speed=settings.speed,
                format=settings.format,
                first=wanted.clause == 0,
            )
        )

    def _ended(self, running: Running, ended: AnswerEnded) -> None:
        board, answer = self._board, running.answer
        self._running.pop(answer.id, None)
        response = answer.response(ended.status, ended.details, usage_of(running))
        if running.first_audio_at is None and any(isinstance(item, FunctionCall) for item in response.output):
            self._unheard = running.turn
        board.emit(out.ResponseDone(event_id=board.event_id(), response=response))
        board.do(AnswerOver(answer.id))
        if self._active == answer.id:
            self._active = None
            self._pay()
