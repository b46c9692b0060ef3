"""Whether one more call fits: how long a caller who finishes a sentence now would wait for the first sound. Pure.

Sessions that are open cost nothing; turns do. So what is asked is not how many there are but how much work stands in
the stages a turn passes through: hearing, thinking, speaking. A running call's turn always waits its turn; what is
refused beyond the limit is the call that has not begun.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

MAX_FIRST_AUDIO_MS = 3000
"""A caller who hears nothing for 3 s asks whether anybody is there; a new call would make more of them."""
SOFT_END_MS = 200
"""The silence that begins a turn's work."""
SLACK_MS = 500
"""On a machine whose models alone take longer than the limit, so much waiting is still let in."""
NEVER_RESTS = 0.97
"""The formula of `wait_ms` has no meaning above this."""
MOST_BUSY = 0.75
"""A stage that worked a larger share of the last seconds has no room: the clauses of running calls would meet in its
queue, and their sound break, long before a first word takes 3 s."""


@dataclass(frozen=True, slots=True)
class StageLoad:
    """One stage's work: `ahead` jobs wait or run now, `parallel` of them at once.

    A job holds its place for `mean_ms`; the next stage can begin after `first_ms` of it. `busy` is the share of the
    last seconds, 0 to 1, in which the stage worked.
    """

    name: str
    ahead: int
    first_ms: float
    mean_ms: float
    parallel: int = 1
    busy: float = 0.0


@dataclass(frozen=True, slots=True)
class Admission:
    """`stage` is the one that is waited for longest."""

    admitted: bool
    first_audio_ms: int
    stage: str


def wait_ms(load: StageLoad) -> float:
    """How long a new job stands in this stage's queue.

    The larger of what stands there now, and of the mean wait in a queue that is as busy as this one was lately:
    mean / c x busy^(sqrt(2 (c + 1)) - 1) / (1 - busy) for c = `parallel` (Sakasegawa, Ann. Inst. Statist. Math. 29,
    1977). The first alone would let a call in at any moment between two jobs of a stage that never rests.
    """
    each = load.mean_ms / load.parallel
    now = max(0, load.ahead - load.parallel + 1) * each
    busy = min(load.busy, NEVER_RESTS)
    return max(now, each * math.pow(busy, math.sqrt(2 * (load.parallel + 1)) - 1) / (1 - busy))


def admit(stages: Iterable[StageLoad], most_ms: int = MAX_FIRST_AUDIO_MS) -> Admission:
    """Decide on a new call. A server on which nothing waits admits, however slow its models are."""
    loads = tuple(stages)
    if not loads:
        return Admission(True, SOFT_END_MS, "")
    waits = {load.name: wait_ms(load) for load in loads}
    projected = SOFT_END_MS + sum(waits.values()) + sum(load.first_ms for load in loads)
    longest = max(waits, key=lambda name: waits[name])
    # What a machine takes for its only caller is no reason to refuse that caller.
    alone = SOFT_END_MS + sum(load.first_ms for load in loads)
    room = all(load.busy <= MOST_BUSY for load in loads)
    return Admission(room and projected < max(most_ms, alone + SLACK_MS), round(projected), longest)
