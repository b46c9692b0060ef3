"""The answer on its way to the ear: a jitter buffer that knows, to the sample, what has been played.

The speaker asks for samples at its own pace (`Pulled`); the wire delivers them faster than they are spoken, in lumps
(`Arrived`). An item starts when enough of it is buffered to survive the lumps, or all of it is there. When the caller
speaks (`Interrupted`), everything unplayed is dropped and, for each item that was not played to its end, the server is
told how much of it was heard; what still arrives of that response is dropped too. While it is open whether somebody
interrupts (`Held`), the speaker is silent and nothing is lost; it plays on at `Released`, or after the time given.

`step` is total and pure. All lengths are samples at 24 kHz unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import assert_never

RATE = 24_000
_SAMPLE = 2  # bytes


class Phase(Enum):
    """Where the speaker is."""

    EMPTY = "empty"  # nothing to play
    FILLING = "filling"  # something is there, not yet enough to start or to go on
    PLAYING = "playing"


@dataclass(frozen=True, slots=True)
class Part:
    """The audio of one content part of one item. `played` counts real samples, never the silence of an underrun."""

    response_id: str
    item_id: str
    content_index: int
    received: int = 0
    played: int = 0
    complete: bool = False  # no more audio of this part will come
    settled: bool = False  # nor any of its response

    @property
    def done(self) -> bool:
        """All of it has been heard."""
        return self.complete and self.played >= self.received


@dataclass(frozen=True, slots=True)
class Playback:
    """`parts` holds those not yet played to the end, in order; `queue` their unplayed audio."""

    prebuffer: int = RATE * 60 // 1000
    ceiling: int = RATE * 240 // 1000  # each underrun doubles the prebuffer up to this
    target: int = RATE * 60 // 1000  # what FILLING waits for now
    phase: Phase = Phase.EMPTY
    parts: tuple[Part, ...] = ()
    queue: tuple[bytes, ...] = ()
    queued: int = 0
    muted: frozenset[str] = frozenset()  # responses the caller has cut off
    underruns: int = 0
    held: int = 0  # what the speaker still stands still for, unless it is released or interrupted


@dataclass(frozen=True, slots=True)
class Arrived:
    """A `response.output_audio.delta`, decoded to PCM16."""

    response_id: str
    item_id: str
    content_index: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """`response.output_audio.done`: no more of this part will come."""

    item_id: str
    content_index: int


@dataclass(frozen=True, slots=True)
class Settled:
    """`response.done`: no more of this response will come."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Pulled:
    """The speaker wants `samples` now."""

    samples: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller speaks: be silent, and say what was heard. `running` are the responses that still produce audio."""

    running: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Held:
    """Stand still for at most `samples`."""

    samples: int


@dataclass(frozen=True, slots=True)
class Released:
    """Play on."""


Event = Arrived | Finished | Settled | Pulled | Interrupted | Held | Released


@dataclass(frozen=True, slots=True)
class Play:
    """Exactly the samples asked for, padded with silence. `real` of them are speech, from the front."""

    pcm: bytes
    real: int


@dataclass(frozen=True, slots=True)
class Truncate:
    """Tell the server how much of an item was heard."""

    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class Drained:
    """Everything of an answer has been played."""


Effect = Play | Truncate | Drained


def step(state: Playback, event: Event) -> tuple[Playback, tuple[Effect, ...]]:
    """Advance by one event. Total and pure."""
    match event:
        case Arrived():
            return _arrived(state, event), ()
        case Finished():
            return _finished(state, event)
        case Settled():
            return _settled(state, event)
        case Pulled():
            return _pulled(state, event)
        case Interrupted():
            return _interrupted(state, event)
        case Held():
            return replace(state, held=event.samples), ()
        case Released():
            return replace(state, held=0), ()
        case _:
            assert_never(event)


def _arrived(state: Playback, event: Arrived) -> Playback:
    if event.response_id in state.muted or not event.pcm:
        return state
    pcm = event.pcm[: len(event.pcm) - len(event.pcm) % _SAMPLE]
    samples = len(pcm) // _SAMPLE
    parts = state.parts
    last = parts[-1] if parts else None
    if last is not None and (last.item_id, last.content_index) == (event.item_id, event.content_index):
        parts = (*parts[:-1], replace(last, received=last.received + samples))
    else:
        # A new part; what came before it is complete even if its own end was not announced.
        parts = (
            *(replace(p, complete=True) for p in parts),
            Part(event.response_id, event.item_id, event.content_index, received=samples),
        )
    phase = Phase.FILLING if state.phase is Phase.EMPTY else state.phase
    return replace(state, parts=parts, queue=(*state.queue, pcm), queued=state.queued + samples, phase=phase)


def _finished(state: Playback, event: Finished) -> tuple[Playback, tuple[Effect, ...]]:
    key = (event.item_id, event.content_index)
    parts = tuple(
        replace(p, complete=True) if (p.item_id, p.content_index) == key else p for p in state.parts
    )
    return _rest(replace(state, parts=parts), had=bool(state.parts))


def _settled(state: Playback, event: Settled) -> tuple[Playback, tuple[Effect, ...]]:
    parts = tuple(
        replace(p, complete=True, settled=True) if p.response_id == event.response_id else p
        for p in state.parts
    )
    muted = state.muted - {event.response_id}
    return _rest(replace(state, parts=parts, muted=muted), had=bool(state.parts))


def _pulled(state: Playback, event: Pulled) -> tuple[Playback, tuple[Effect, ...]]:
    silence = Play(bytes(event.samples * _SAMPLE), 0)
    if state.held:
        return replace(state, held=max(0, state.held - event.samples)), (silence,)
    match state.phase:
        case Phase.EMPTY:
            return state, (silence,)
        case Phase.FILLING:
            whole = all(p.complete for p in state.parts)
            if state.queued < max(state.target, 1) and not (whole and state.queued):
                return state, (silence,)
        case Phase.PLAYING:
            pass
        case _:
            assert_never(state.phase)
    want = event.samples * _SAMPLE
    taken: list[bytes] = []
    queue = list(state.queue)
    while queue and want:
        head = queue[0]
        if len(head) <= want:
            taken.append(head)
            want -= len(head)
            del queue[0]
        else:
            taken.append(head[:want])
            queue[0] = head[want:]
            want = 0
    pcm = b"".join(taken)
    real = len(pcm) // _SAMPLE
    parts = _credit(state.parts, real)
    state = replace(state, parts=parts, queue=tuple(queue), queued=state.queued - real, phase=Phase.PLAYING)
    play = Play(pcm + bytes(want), real)
    if state.queued == 0 and not all(p.complete for p in parts) and want:
        # Ran dry in the middle of an answer: wait for more than last time.
        target = min(state.ceiling, max(state.target * 2, state.prebuffer))
        return replace(state, phase=Phase.FILLING, target=target, underruns=state.underruns + 1), (play,)
    state, effects = _rest(state, had=True)
    return state, (play, *effects)


def _credit(parts: tuple[Part, ...], real: int) -> tuple[Part, ...]:
    """Count `real` played samples to the parts in order."""
    credited: list[Part] = []
    for part in parts:
        share = min(real, part.received - part.played)
        credited.append(replace(part, played=part.played + share))
        real -= share
    return tuple(credited)


def _rest(state: Playback, had: bool) -> tuple[Playback, tuple[Effect, ...]]:
    """Forget what has been heard to its end; come to rest when nothing is left."""
    parts = tuple(p for p in state.parts if not p.done)
    if parts or not had:
        return replace(state, parts=parts), ()
    return replace(state, parts=(), phase=Phase.EMPTY, target=state.prebuffer), (Drained(),)


def _interrupted(state: Playback, event: Interrupted) -> tuple[Playback, tuple[Effect, ...]]:
    cuts = tuple(
        Truncate(p.item_id, p.content_index, p.played * 1000 // RATE) for p in state.parts if not p.done
    )
    muted = state.muted | event.running | {p.response_id for p in state.parts if not p.settled}
    quiet = replace(
        state, parts=(), queue=(), queued=0, phase=Phase.EMPTY, target=state.prebuffer, muted=muted, held=0
    )
    return quiet, cuts
