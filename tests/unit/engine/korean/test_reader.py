"""Service text as spoken Korean: every case of `reader_cases.txt`, written before the code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moksori.engine.korean.reader import read, spoken

CASES = Path(__file__).with_name("reader_cases.txt")


def cases() -> Iterator[tuple[str, str, str]]:
    """(the section's rule, written, said)."""
    rule = ""
    for line in CASES.read_text("utf-8").splitlines():
        if line.startswith("[") and line.endswith("]") and " => " not in line:
            rule = line[1:-1]
        elif " => " in line and not line.startswith("#"):
            written, said = line.split(" => ")
            yield rule, written, said


@pytest.mark.parametrize(("rule", "written", "said"), list(cases()))
def test_written_is_said(rule: str, written: str, said: str) -> None:
    assert spoken(written) == said, rule


def test_there_are_cases_enough_and_each_is_written_once() -> None:
    written = [case[1] for case in cases()]

    assert len(written) >= 300
    assert len(written) == len(set(written))


@given(st.text(alphabet="가나다한글 1234567890,.:/-~%원개시분월일번ABkgx₩$#()[]+😊\n", max_size=60))
def test_no_eojeol_is_lost_and_what_is_said_is_hangul(text: str) -> None:
    words = read(text)

    assert " ".join(word.written for word in words) == " ".join(text.split())
    for word in words:
        assert not any(c.isascii() and c.isalnum() for c in word.spoken), word


@given(st.text(max_size=80))
def test_any_text_at_all_can_be_read(text: str) -> None:
    words = read(text)

    assert " ".join(word.written for word in words) == " ".join(text.split())
