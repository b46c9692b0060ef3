"""Freed memory goes back to the system, at moments of rest only."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import sys
from typing import Any

import pytest

from moksori.engine.memory import give_back_at_rest


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
async def test_it_is_given_back_only_while_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    trims: list[int] = []

    class Libc:
        @staticmethod
        def malloc_trim(pad: int) -> None:
            trims.append(pad)

    given: Any = lambda _: Libc  # noqa: E731
    monkeypatch.setattr(ctypes, "CDLL", given)
    answers = iter([False, False, True])
    asked = asyncio.Event()

    def resting() -> bool:
        rest = next(answers, None)
        if rest is None:
            asked.set()
        return bool(rest)

    task = asyncio.create_task(give_back_at_rest(resting, 0))
    async with asyncio.timeout(30):
        await asked.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert trims == [0]
