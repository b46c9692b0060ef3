"""What the client programs share: their arguments, a microphone, and one JSON line a flow.

They run under an interpreter of their own, with the clients' packages and nothing of this project, so they import
nothing else from here. A line is `{"flow", "ok", "event", "said", "error"}`; `event` is the last one the client
reported, so that a failure says how far a flow came.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

FRAME = 960
"""Bytes of 20 ms of PCM16 at 24 kHz."""
PATIENCE_S = 40.0


class Flow:
    """One conversation's progress."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.event = "none"
        self.said = ""
        self.marks: dict[str, asyncio.Event] = {}

    def saw(self, event: str) -> None:
        self.event = event
        self.marks.setdefault(event, asyncio.Event()).set()

    async def until(self, *events: str) -> str:
        """Wait for any of these events; forgets that they came."""
        marks = {event: self.marks.setdefault(event, asyncio.Event()) for event in events}
        waiting = {asyncio.ensure_future(mark.wait()): event for event, mark in marks.items()}
        done, rest = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE_S)
        for task in rest:
            task.cancel()
        if not done:
            raise TimeoutError(f"waited for {' or '.join(events)}; the last event was {self.event}")
        came = waiting[done.pop()]
        marks[came].clear()
        return came


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--http", required=True, help="such as http://127.0.0.1:8080")
    parser.add_argument("--question", required=True, type=Path, help="PCM16, 24 kHz: a question about the return policy")
    parser.add_argument("--stop", required=True, type=Path, help="PCM16, 24 kHz: a request to stop")
    return parser.parse_args()


async def stream(pcm: bytes, send: Callable[[bytes], Awaitable[None]]) -> None:
    """As a microphone does: 20 ms at a time, in real time, silence after it until cancelled."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    at = 0
    while True:
        await send(pcm[at : at + FRAME].ljust(FRAME, b"\0"))
        at += FRAME
        due += 0.02
        await asyncio.sleep(max(0.0, due - loop.time()))


async def run(flows: dict[str, Callable[[Flow], Awaitable[None]]]) -> None:
    """Every flow in turn, one JSON line each."""
    for name, act in flows.items():
        flow = Flow(name)
        line: dict[str, object] = {"flow": name, "ok": True}
        try:
            async with asyncio.timeout(2 * PATIENCE_S):
                await act(flow)
        except Exception as error:
            line |= {"ok": False, "error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()[-1500:]}
        print(json.dumps({**line, "event": flow.event, "said": flow.said}), flush=True)
