"""What the caller can have heard by now, when only the sending side is known.

A client plays what it gets at once and without gaps, so after audio was sent the loudspeaker is busy until
`ends_at`; a piece that arrives after that moment starts a new stretch. The estimate is an upper bound: the network
and the client's jitter buffer only delay. A client's `conversation.item.truncate` knows better and replaces it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

SAMPLES_PER_MS = 24
"""Playback is counted at 24 kHz whatever the wire's format."""
LONGEST_HOLD_MS = 2_000
"""A held loudspeaker that hears nothing goes on by itself after so long; an overlap is decided well before."""


def stands_still(held_at: float | None, now: float) -> float:
    """The moment up to which a loudspeaker that was held at `held_at` has played; `now` for one that was not."""
    return now if held_at is None else max(min(now, held_at), now - LONGEST_HOLD_MS)


@dataclass(frozen=True, slots=True)
class PlayClock:
    """One item's playback. `ends_at` is monotonic ms; `samples` is all that was sent."""

    samples: int = 0
    ends_at: float = 0.0
    started_at: float | None = None

    def sent(self, samples: int, now: float) -> PlayClock:
        starts = max(now, self.ends_at)
        return PlayClock(
            samples=self.samples + samples,
            ends_at=starts + samples / SAMPLES_PER_MS,
            started_at=now if self.started_at is None else self.started_at,
        )

    def delayed(self, since: float, ms: float) -> PlayClock:
        """The loudspeaker stood still for `ms` from `since` on: what had not been played by then is played later."""
        return self if self.ends_at <= since else replace(self, ends_at=self.ends_at + ms)

    def follow(self, busy_until: float) -> PlayClock:
        """Begin only when an earlier item's audio has played out."""
        return replace(self, ends_at=max(self.ends_at, busy_until))

    def heard(self, now: float) -> int:
        """Samples that can have left the loudspeaker by `now`, 0 to `samples`."""
        unheard = round(max(0.0, self.ends_at - now) * SAMPLES_PER_MS)
        return max(0, self.samples - unheard)

    def sounding(self, now: float) -> bool:
        return self.samples > 0 and now < self.ends_at
