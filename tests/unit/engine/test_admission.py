"""Who is let in and who goes first, decided on numbers and shown on callers in simulated time."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import count

import pytest

from moksori.agent.backend import BackendLost, BackendRefused, Opening
from moksori.agent.speech import Priority, VoiceActivity
from moksori.engine.admission import MAX_FIRST_AUDIO_MS, Admission, StageLoad, admit, wait_ms
from moksori.engine.backend import LocalBackend
from moksori.engine.engine import Engine
from moksori.engine.meter import WINDOW_S, Meter
from moksori.engine.mouth import due_ahead_s
from moksori.engine.scheduler import Urgency, choose
from moksori.protocol.frame import Frame
from moksori.protocol.items import InputText, Message
from moksori.protocol.session import default_session
from moksori.settings import Engine as EngineSettings


def stage(
    name: str = "stt", ahead: int = 0, mean_ms: float = 300, parallel: int = 1, busy: float = 0
) -> StageLoad:
    return StageLoad(name, ahead, mean_ms, mean_ms, parallel, busy)


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (stage(), 0),
        (stage(ahead=3), 900),
        (stage(ahead=1, parallel=2), 0),  # a place is free
        (stage(ahead=3, parallel=2), 300),  # two of three must end: one mean
        (stage(busy=0.5), 300),  # M/M/1: rho / (1 - rho) = 1
        (stage(busy=0.9), 2700),
        (stage(ahead=10, busy=0.5), 3000),  # what stands there now is more
    ],
)
def test_the_wait_in_a_stage(load: StageLoad, expected: float) -> None:
    assert wait_ms(load) == pytest.approx(expected)


def test_a_quiet_server_admits_however_slow_it_is() -> None:
    assert admit([]).admitted
    assert admit([stage(mean_ms=300), stage("llm", mean_ms=9000)]).admitted


def test_work_that_stands_in_the_way_refuses_and_names_the_stage() -> None:
    decided = admit(
        [stage(ahead=2), stage("llm", ahead=3, mean_ms=1500, parallel=2), stage("tts", mean_ms=60)]
    )
    assert not decided.admitted
    assert decided.stage == "llm"
    assert decided.first_audio_ms == 200 + 600 + 1500 + 300 + 1500 + 60
    assert admit([stage(ahead=2), stage("llm", ahead=2, mean_ms=900, parallel=2)]).admitted


def test_a_stage_that_hardly_rests_refuses_before_its_queue_grows() -> None:
    assert admit([stage(mean_ms=50, busy=0.7)]).admitted
    assert not admit([stage(mean_ms=50, busy=0.8)]).admitted


def test_open_sessions_cost_nothing() -> None:
    """Given thirty-one silent sessions, no stage has work: the thirty-second is let in."""
    assert admit([stage(), stage("llm", mean_ms=1200, parallel=2), stage("tts", mean_ms=60)]).admitted


def test_a_meter_tells_what_stands_what_lasts_and_how_busy() -> None:
    meter = Meter("stt")
    meter.came(100.0)
    assert meter.load(102.5).ahead == 1
    meter.went(105.0)
    meter.took(0.4, 0.4)
    load = meter.load(105.0)
    assert (load.ahead, load.mean_ms, load.first_ms) == (0, 400, 400)
    assert load.busy == pytest.approx(0.5)
    assert meter.load(105.0 + WINDOW_S).busy == pytest.approx(0.0, abs=0.11)
    assert meter.load(200.0).busy == 0


def test_a_clause_becomes_urgent_when_its_sound_runs_out() -> None:
    @dataclass
    class Job:
        urgency: Urgency
        number: int

    first = Job(Urgency(Priority.WAITED_FOR), 2)
    second = Job(Urgency(Priority.NEXT, due=50.0), 1)
    guess = Job(Urgency(Priority.SPECULATIVE), 0)
    assert choose([guess, second, first], 49.9, machine_busy=True) is first
    assert choose([guess, second, first], 50.0, machine_busy=True) is second
    assert choose([guess], 0, machine_busy=True) is guess
    idle = Job(Urgency(Priority.IDLE), 0)
    assert choose([idle], 0, machine_busy=True) is None
    assert choose([idle], 0, machine_busy=False) is idle


# ------------------------------------------------------------------ callers in simulated time

STT_S, TTS_S, CLAUSE_S, CLAUSES, LISTENS_S = 0.6, 0.35, 1.6, 4, 2.0
"""A slow machine: a turn takes 2.0 s of models and 8.4 s of talk."""


@dataclass
class Job:
    urgency: Urgency
    number: int
    caller: int
    clause: int
    """-1 for the decode of what the caller said."""


@dataclass
class Machine:
    """Two lanes of one worker each, driven by the same decisions as the real ones."""

    now: float = 0.0
    numbers: count[int] = field(default_factory=count)
    events: list[tuple[float, int, str, Job | int]] = field(default_factory=list)
    waiting: dict[str, list[Job]] = field(default_factory=lambda: {"stt": [], "tts": []})
    running: dict[str, Job | None] = field(default_factory=lambda: {"stt": None, "tts": None})
    meters: dict[str, Meter] = field(default_factory=lambda: {n: Meter(n) for n in ("stt", "tts")})
    sounds_until: dict[int, float] = field(default_factory=dict)
    stopped_at: dict[int, float] = field(default_factory=dict)
    gaps: list[float] = field(default_factory=list)
    first_audio: list[float] = field(default_factory=list)
    callers: int = 0
    refused: int = 0

    def at(self, seconds: float, what: str, job: Job | int) -> None:
        heapq.heappush(self.events, (seconds, next(self.numbers), what, job))

    def ask(self, lane: str, job: Job) -> None:
        self.waiting[lane].append(job)
        self.meters[lane].came(self.now)
        self.work(lane)

    def work(self, lane: str) -> None:
        if self.running[lane] is not None:
            return
        job = choose(self.waiting[lane], self.now, machine_busy=any(self.running.values()))
        if job is not None:
            self.waiting[lane].remove(job)
            self.running[lane] = job
            self.at(self.now + (STT_S if lane == "stt" else TTS_S), lane, job)

    def run(self, seconds: float, connects_every: float) -> None:
        self.at(0, "connects", 0)
        while self.events and self.events[0][0] < seconds:
            self.now, _, what, job = heapq.heappop(self.events)
            match what, job:
                case "connects", _:
                    self.at(self.now + connects_every, "connects", 0)
                    if admit(meter.load(self.now) for meter in self.meters.values()).admitted:
                        self.callers += 1
                        self.at(self.now + LISTENS_S, "speaks", self.callers)
                    else:
                        self.refused += 1
                case "speaks", int():
                    self.stopped_at[job] = self.now
                    self.ask("stt", Job(Urgency(Priority.WAITED_FOR), next(self.numbers), job, -1))
                case lane, Job():
                    self.running[lane] = None
                    self.meters[lane].went(self.now)
                    seconds_taken = STT_S if lane == "stt" else TTS_S
                    self.meters[lane].took(seconds_taken, seconds_taken)
                    self.done(job)
                    self.work(lane)

    def done(self, job: Job) -> None:
        caller, clause = job.caller, job.clause
        if clause == 0:
            self.first_audio.append(self.now - self.stopped_at[caller])
            self.sounds_until[caller] = self.now + CLAUSE_S
        elif clause > 0:
            self.gaps.append(max(0.0, self.now - self.sounds_until[caller]))
            self.sounds_until[caller] = max(self.now, self.sounds_until[caller]) + CLAUSE_S
        if clause + 1 < CLAUSES:
            first = clause < 0
            urgency = Urgency(
                Priority.WAITED_FOR if first else Priority.NEXT,
                None if first else self.sounds_until[caller] - due_ahead_s(TTS_S * 1000),
            )
            self.ask("tts", Job(urgency, next(self.numbers), caller, clause + 1))
        else:
            self.at(self.sounds_until[caller] + LISTENS_S, "speaks", caller)


def test_callers_come_until_there_is_no_room_and_no_call_stutters() -> None:
    """Given a caller every 7 s for ten minutes, some are refused, and nobody who is in hears a gap over 40 ms."""
    machine = Machine()
    machine.run(600, connects_every=7)
    assert machine.callers >= 3
    assert machine.refused > 0
    assert len(machine.gaps) > 500
    assert sum(gap > 0.040 for gap in machine.gaps) == 0
    assert max(machine.first_audio) * 1000 < MAX_FIRST_AUDIO_MS


def test_without_admission_the_same_callers_do_stutter() -> None:
    """The test above would fail without its subject: everybody let in, the sound breaks."""
    machine = Machine()
    for caller in range(1, 13):
        machine.at(caller * 0.7, "speaks", caller)
    machine.run(120, connects_every=1000)
    assert sum(gap > 0.040 for gap in machine.gaps) > 0


# ------------------------------------------------------------------ at the door


class _Busy(Engine):
    """An engine without models, as much of one as a call asks before it begins."""

    def __init__(self, admitted: bool) -> None:
        super().__init__(EngineSettings())
        self._admitted = admitted

    def admission(self) -> Admission:
        return Admission(self._admitted, 4200, "llm")

    async def new_activity(self) -> VoiceActivity:
        raise LookupError("the test looks no further")


class _NoSink:
    def frame(self, frame: Frame) -> None: ...

    def lost(self, why: BackendLost) -> None: ...

    def writable(self, yes: bool) -> None: ...


@pytest.mark.parametrize(
    ("admitted", "running", "others", "code"),
    [
        (False, False, True, "server_overloaded"),
        (True, False, True, "engine_not_ready"),
        (False, True, True, "engine_not_ready"),
        (False, False, False, "engine_not_ready"),  # the only caller is nobody's burden
    ],
)
async def test_a_new_call_is_refused_and_a_call_taken_over_is_not(
    admitted: bool, running: bool, others: bool, code: str
) -> None:
    """`engine_not_ready` is what a call that was let in meets next in this engine without models."""
    said = Message(role="user", content=(InputText(text="Hello"),), id="item_1", status="completed")
    opening = Opening(default_session("sess_1", "m", 0), history=(said,) if running else ())
    engine = _Busy(admitted)
    if others:
        engine.joined(LocalBackend(engine))
    with pytest.raises(BackendRefused) as refused:
        await LocalBackend(engine).start(opening, _NoSink())
    await engine.close()
    assert (refused.value.code, refused.value.status) == (code, 503)
    if code == "server_overloaded":
        assert "would wait 4.2 s" in str(refused.value)
