"""The caller's side: turns and committed input."""

from __future__ import annotations

from dataclasses import dataclass, replace

from moksori.conversation import overlap
from moksori.conversation import turn as turns
from moksori.conversation.answering import Answering
from moksori.conversation.board import Board
from moksori.conversation.captioning import Captioning
from moksori.conversation.decoding import Decoding
from moksori.conversation.events import (
    AudioNeededFrom,
    DropJob,
    Glance,
    Glimpsed,
    Job,
    JudgeEnd,
    Transcribed,
    TranscribeFailed,
)
from moksori.conversation.finished import more_coming
from moksori.conversation.history import Entry, Span
from moksori.conversation.playback import LONGEST_HOLD_MS
from moksori.conversation.running import AnsweredTurn
from moksori.protocol import server_events as out
from moksori.protocol.errors import ProtocolError
from moksori.protocol.items import InputAudio, InputText, Message
from moksori.protocol.session import SemanticVad, ServerVad, TurnDetection

MIN_COMMIT_MS = 100
"""A commit by hand needs at least so much audio, as the real service asks."""

EAGERNESS_MS = {"low": 2_600, "medium": turns.DOUBT_CAP_MS, "auto": turns.DOUBT_CAP_MS, "high": 900}
"""Longest silence under semantic detection; the real service's 8, 4 and 2 s are its outer bounds, these our caps."""

NOBODY_SPOKE = "The caller has said nothing for a while. Ask briefly whether they are still there."
"""What the brain is told at an idle timeout; only a model reads it."""


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """A turn that is not committed. `text` is the transcript of exactly this revision, once it is known."""

    turn: int
    item_id: str
    revision: int = 0
    job: Job | None = None
    text: str | None = None
    language: str = ""
    transcribed_at: float | None = None
    listens: float | None = None
    """Of a turn that silenced an answer: how much it sounds like an acknowledgement after all."""


def policy_for(detection: TurnDetection, *, ask: bool, words: bool = True) -> turns.TurnPolicy:
    """The turn machine's settings for what the client asked."""
    match detection:
        case ServerVad():
            return turns.TurnPolicy(
                threshold=detection.threshold,
                prefix_padding_ms=detection.prefix_padding_ms,
                longest_hold_ms=detection.silence_duration_ms,
                ask=ask,
                words=words,
            )
        case SemanticVad():
            return turns.TurnPolicy(longest_hold_ms=EAGERNESS_MS[detection.eagerness], ask=ask, words=words)


class Listening:
    def __init__(self, board: Board, answering: Answering) -> None:
        self._board = board
        self._answering = answering
        self._turns = turns.Turns()
        self._open: OpenTurn | None = None
        self._idle_from_ms = 0
        self._overlap = overlap.IDLE
        self._unannounced: turns.Started | None = None
        """A turn that began over a sounding answer, until it is known whether it interrupts."""
        self._glances = 0
        self._last_look: Job | None = None
        """The look at the pause of a turn that silenced an answer."""
        self._captioning = Captioning(board)
        self.decoding = Decoding(board, answering, self._captioning)
        self._heard_ms = 0
        """Audio time of the last voice-activity frame."""
        self._heard_at = 0.0
        """When it came (`Board.now`)."""

    # ------------------------------------------------------------------ audio

    def appended(self, total_ms: int) -> None:
        board = self._board
        board.total_ms = total_ms
        detection = board.detection
        if not isinstance(detection, ServerVad) or detection.idle_timeout_ms is None:
            return
        if self._open is not None or self._answering.busy():
            self._idle_from_ms = total_ms
        elif total_ms - self._idle_from_ms >= detection.idle_timeout_ms:
            self._idle_timeout(self._idle_from_ms, total_ms)

    def voice(self, probability: float, at_ms: int, level_db: float | None = None) -> None:
        if self._board.detection is None:
            return
        self._heard_ms, self._heard_at = at_ms, self._board.now
        self._turn_event(turns.Voice(probability, at_ms, level_db))
        if self._unannounced is not None and isinstance(self._turns.state, turns.Talking):
            self._overlaps(overlap.GoesOn(at_ms, self._board.rules.glance))
        self._caption(at_ms)

    def loudness(self, at_ms: int, level_db: float) -> None:
        """Between two frames: whether a voice that was heard has ended."""
        if self._board.detection is None or not isinstance(self._turns.state, turns.Talking):
            return
        self._heard_ms, self._heard_at = at_ms, self._board.now
        self._turn_event(turns.Loudness(at_ms, level_db))

    def judged(self, turn: int, revision: int, probability: float) -> None:
        self._turn_event(turns.Judged(turn, revision, probability))

    def reset(self) -> None:
        """Forget an open turn: its audio was cleared, committed by hand, or is no longer watched."""
        self._turn_event(turns.Reset())

    def clear(self) -> None:
        self.reset()
        self._board.buffer_from_ms = self._board.total_ms
        self._board.do(AudioNeededFrom(self._board.total_ms))
        self._board.emit(out.InputAudioBufferCleared(event_id=self._board.event_id()))

    def commit(self) -> None:
        """`input_audio_buffer.commit`: all that was appended since the last commit is one item.

        Raises `ProtocolError` when there is too little.
        """
        board = self._board
        length = board.total_ms - board.buffer_from_ms
        if length < MIN_COMMIT_MS:
            raise ProtocolError(
                f"Error committing input audio buffer: buffer too small. Expected at least {MIN_COMMIT_MS}ms of "
                f"audio, but buffer only has {length}.00ms of audio.",
                "input_audio_buffer_commit_empty",
            )
        item_id = self._open.item_id if self._open else board.ids("item")
        self.reset()
        span = Span(board.buffer_from_ms, board.total_ms)
        self._committed(item_id, span, text=None)
        self.decoding.begin(Job(item_id, 0), span)

    # ------------------------------------------------------------------ the turn machine's outputs

    def _turn_event(self, event: turns.TurnEvent) -> None:
        self._turns, outputs = self._turns.step(event, self._policy())
        for output in outputs:
            match output:
                case turns.Started():
                    self._started(output)
                case turns.Paused():
                    self._paused(output)
                case turns.AskEnd():
                    self._board.do(JudgeEnd(output.turn, output.revision, output.start_ms, output.end_ms))
                case turns.Resumed():
                    self._resumed(output)
                case turns.Ended():
                    self._ended(output)
                case turns.Dropped():
                    self._drop_open()

    def _policy(self) -> turns.TurnPolicy:
        board = self._board
        if board.detection is None:
            return turns.TurnPolicy()
        # What is spoken over an answer waits out its whole silence: its words decide what it is, and take a while.
        ask = board.rules.ask_end and self._unannounced is None
        policy = policy_for(board.detection, ask=ask, words=board.rules.overlapped)
        if self._unannounced is not None or self._answering.interrupted:
            policy = replace(policy, decode_after_ms=turns.DECODE_OVER_ANSWER_MS)
        return policy

    def _started(self, started: turns.Started) -> None:
        board = self._board
        self._open = OpenTurn(started.turn, board.ids("item"))
        self._captioning.begin(self._open.item_id, self._heard_ms)
        if board.rules.overlapped and board.interrupts_response and self._answering.sounding.remains_ms():
            self._unannounced = started
            onset = self._heard_ms - turns.ONSET_FRAMES * turns.FRAME_MS
            self._overlaps(overlap.Began(onset, board.rules.holds))
        else:
            self._announce(started)

    def _announce(self, started: turns.Started) -> None:
        board, opened = self._board, self._open
        if opened is None:
            return
        self._unannounced = None
        board.emit(
            out.InputAudioBufferSpeechStarted(
                event_id=board.event_id(), audio_start_ms=started.start_ms, item_id=opened.item_id
            )
        )
        if board.interrupts_response:
            self._answering.barge_in()

    # ------------------------------------------------------------------ speech over an answer

    def _overlaps(self, event: overlap.Event) -> bool:
        """Feed the overlap machine; returns whether it let the speech pass as an acknowledgement."""
        started, opened = self._unannounced, self._open
        if started is None:
            return False
        self._overlap, output = overlap.step(self._overlap, event)
        match output:
            case overlap.Output.INTERRUPT:
                self._announce(started)
            case overlap.Output.GLANCE if opened is not None:
                self._look(opened, max(0, self._overlap.onset_ms - overlap.GLANCE_BEFORE_MS))
            case overlap.Output.HOLD:
                self._hold()
            case overlap.Output.RELEASE:
                self._release()
            case overlap.Output.PASS:
                self._unannounced = None
                self._release()
                return True
            case _:
                pass
        return False

    def _hold(self) -> None:
        board = self._board
        self._answering.sounding.hold()
        board.emit(out.OutputAudioHeld(event_id=board.event_id(), at_most_ms=LONGEST_HOLD_MS))

    def _release(self) -> None:
        board = self._board
        if self._answering.sounding.release():
            board.emit(out.OutputAudioReleased(event_id=board.event_id()))

    def _look(self, opened: OpenTurn, begin_ms: int) -> Job:
        self._glances += 1
        job = Job(opened.item_id, self._glances)
        wanted = self._board.input.transcription
        language = (wanted.language if wanted else None) or self._answering.language
        self._board.do(Glance(job, begin_ms, self._heard_ms, language, urgent=True))
        return job

    def glimpsed(self, event: Glimpsed) -> None:
        opened = self._open
        if opened is not None and opened.item_id == event.job.item_id and event.job.revision == self._glances:
            if event.job == self._last_look:
                self._open = replace(opened, listens=event.listens)
                return
            if self._unannounced is not None:
                self._overlaps(overlap.Words(event.text, whole=False, listens=event.listens))
                return
            self._captioning.glimpsed(opened.item_id, event.text)

    def _caption(self, at_ms: int) -> None:
        state, opened = self._turns.state, self._open
        if opened is None or not isinstance(state, turns.Talking) or self._unannounced is not None:
            return
        if not self._captioning.due(at_ms):
            return
        self._glances += 1
        wanted = self._board.input.transcription
        job = Job(opened.item_id, self._glances)
        language = wanted.language if wanted else None
        self._board.do(Glance(job, state.start_ms, at_ms, language, urgent=False))

    def _paused(self, paused: turns.Paused) -> None:
        if self._open is None or not self._board.rules.overlapped:
            return
        if self._unannounced is not None:
            self._overlaps(overlap.Pauses(paused.end_ms, self._board.rules.glance))
        elif self._answering.interrupted and self._board.rules.glance:
            self._last_look = self._look(self._open, paused.start_ms)
        job = Job(self._open.item_id, paused.revision)
        self._open = replace(self._open, revision=paused.revision, job=job, text=None)
        self.decoding.speculate(job, Span(paused.start_ms, paused.end_ms))

    def _resumed(self, resumed: turns.Resumed) -> None:
        self._answering.discard_held()
        if self._open is None:
            return
        if self._open.job is not None and self._open.text is None:
            self._board.do(DropJob(self._open.job))
        self._open = replace(self._open, revision=resumed.revision, job=None, text=None, listens=None)

    def _drop_open(self) -> None:
        """The open turn's audio was taken away from it: its end is announced, since its beginning was."""
        self._answering.discard_held()
        board, opened = self._board, self._open
        if opened is None:
            return
        self._open = None
        if opened.job is not None and opened.text is None:
            board.do(DropJob(opened.job))
        if self._unannounced is not None:
            self._overlaps(overlap.Withdrawn())
            self._unannounced = None
            return
        board.emit(
            out.InputAudioBufferSpeechStopped(
                event_id=board.event_id(), audio_end_ms=board.total_ms, item_id=opened.item_id
            )
        )

    def _ended(self, ended: turns.Ended) -> None:
        board, opened = self._board, self._open
        if opened is None:
            return
        if self._overlaps(overlap.Over(opened.text, self._answering.sounding.remains_ms())):
            self._passed(opened, ended.end_ms)
            return
        self._open = None
        board.emit(
            out.InputAudioBufferSpeechStopped(
                event_id=board.event_id(), audio_end_ms=ended.end_ms, item_id=opened.item_id
            )
        )
        span = Span(ended.start_ms, ended.end_ms)
        silence = ended.end_ms - ended.last_voiced_ms
        self._committed(opened.item_id, span, text=opened.text)
        if board.creates_response:
            self._answering.owe(
                AnsweredTurn(
                    item_id=opened.item_id,
                    voice_stopped_at=self._heard_at - silence,
                    committed_at=board.now,
                    transcribed_at=opened.transcribed_at,
                )
            )
        if opened.text is not None:
            length = span.end_ms - span.start_ms
            self.decoding.known(opened.item_id, opened.text, opened.language, length, opened.listens)
        elif opened.job is not None:
            self.decoding.hasten(opened.job, span, opened.listens)
        else:
            self.decoding.begin(Job(opened.item_id, ended.revision), span)

    def _passed(self, opened: OpenTurn, end_ms: int) -> None:
        """An acknowledgement leaves no trace: no event, no item; its audio is not part of the next turn."""
        self._open = None
        self._answering.discard_held()
        if opened.job is not None and opened.text is None:
            self._board.do(DropJob(opened.job))
        self._board.buffer_from_ms = end_ms
        self._board.do(AudioNeededFrom(end_ms))

    def _committed(self, item_id: str, span: Span, *, text: str | None) -> None:
        """The buffer's content becomes a user item."""
        board = self._board
        board.buffer_from_ms = span.end_ms
        self._idle_from_ms = board.total_ms
        board.do(AudioNeededFrom(span.end_ms))
        item = Message(role="user", content=(InputAudio(),), id=item_id, status="completed")
        previous = board.history.last_id()
        board.emit(
            out.InputAudioBufferCommitted(
                event_id=board.event_id(), item_id=item_id, previous_item_id=previous
            )
        )
        board.history.add(Entry(item, heard_from=span, transcribing=text is None))
        board.emit(out.ConversationItemAdded(event_id=board.event_id(), item=item, previous_item_id=previous))
        board.emit(out.ConversationItemDone(event_id=board.event_id(), item=item, previous_item_id=previous))

    # ------------------------------------------------------------------ decodes

    def transcribed(self, event: Transcribed) -> None:
        opened = self._open
        if opened is None or opened.job != event.job:
            self.decoding.transcribed(event)
            return
        self._open = replace(opened, text=event.text, language=event.language, transcribed_at=self._board.now)
        more = more_coming(event.text, event.confidence, event.closes, event.goes_on)
        self._overlaps(overlap.Words(event.text, whole=True))
        self._turn_event(turns.Understood(opened.turn, event.job.revision, more))
        if self._open is None:
            return  # long enough silent: the turn has ended, and its answer is begun
        wanted = event.text and self._board.creates_response and self._unannounced is None
        if wanted and not self._answering.resumes(event.text, opened.listens):
            self._answering.speculate(opened.item_id, event.text)

    def failed(self, event: TranscribeFailed) -> None:
        opened = self._open
        if opened is None or opened.job != event.job:
            self.decoding.failed(event)
            return
        # No words: the melody alone decides.
        self._open = replace(opened, job=None)  # tried again when the turn is committed
        self._turn_event(turns.Understood(opened.turn, event.job.revision, 0.0))

    # ------------------------------------------------------------------ silence

    def _idle_timeout(self, start_ms: int, end_ms: int) -> None:
        board = self._board
        item_id = board.ids("item")
        board.emit(
            out.InputAudioBufferTimeoutTriggered(
                event_id=board.event_id(), audio_start_ms=start_ms, audio_end_ms=end_ms, item_id=item_id
            )
        )
        note = Message(
            role="system", content=(InputText(text=NOBODY_SPOKE),), id=board.ids("item"), status="completed"
        )
        previous = board.history.add(Entry(note))
        board.emit(out.ConversationItemAdded(event_id=board.event_id(), item=note, previous_item_id=previous))
        board.emit(out.ConversationItemDone(event_id=board.event_id(), item=note, previous_item_id=previous))
        self._committed(item_id, Span(start_ms, end_ms), text="")
        self.decoding.known(item_id, "", "", 0)
        self._answering.start_now()
