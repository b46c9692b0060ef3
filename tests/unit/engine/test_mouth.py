"""Until when an answer sounds, and what that leaves for making the rest of it."""

from __future__ import annotations

import pytest

from moksori.agent.speech import SPEAKING_RATE
from moksori.engine.mouth import DUE_LEAST_S, OF_SOUND_LEFT, SHARED_S, Mouth
from moksori.protocol.session import PcmFormat

SECOND = b"\0\0" * SPEAKING_RATE


def test_sound_lasts_from_the_moment_it_was_made() -> None:
    mouth = Mouth(PcmFormat())
    mouth.speak(SECOND, 10.0)
    mouth.speak(SECOND, 10.1)
    assert mouth.may_take(11.0, shared=False) == pytest.approx(1.0 * OF_SOUND_LEFT)
    mouth.speak(SECOND, 20.0)  # after a silence it begins anew
    assert mouth.may_take(20.0, shared=False) == pytest.approx(1.0 * OF_SOUND_LEFT)


def test_the_rest_is_due_three_jobs_before_the_sound_runs_out() -> None:
    mouth = Mouth(PcmFormat())
    assert mouth.due(100) < 0  # nothing sounds yet: it is waited for
    mouth.speak(SECOND * 4, 10.0)
    assert mouth.due(100) == pytest.approx(14.0 - 0.3 - DUE_LEAST_S)


def test_with_other_calls_a_piece_is_short_however_much_sound_is_left() -> None:
    mouth = Mouth(PcmFormat())
    mouth.speak(SECOND * 8, 10.0)
    assert mouth.may_take(10.0, shared=False) == pytest.approx(8.0 * OF_SOUND_LEFT)
    assert mouth.may_take(10.0, shared=True) == SHARED_S
    assert mouth.may_take(17.5, shared=True) == pytest.approx(0.5 * OF_SOUND_LEFT)
    assert mouth.may_take(30.0, shared=True) == 0.0
