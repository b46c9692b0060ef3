"""A call that was logged becomes a conversation that can be held again, and comes to the same."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from moksori import telemetry
from moksori.agent.brain import Brain
from moksori.bench.eval.logged import calls_in
from moksori.bench.eval.scenario import RunUnusable, read_scenarios
from moksori.server.evaluation import main, read_plan, save
from moksori.settings import Log
from moksori.shop.desk import ShopDesk
from moksori.shop.flows.brain import FlowsBrain
from tests.unit.sessions.shop_line import connect
from tests.unit.shop.little import NOW


class ServerLog(io.StringIO):
    """A log's stream; `ended` once a conversation was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = asyncio.Event()

    def write(self, text: str) -> int:
        if '"conversation"' in text:
            self.ended.set()
        return super().write(text)


class Nobody:
    async def think(self, thought: object) -> object:
        raise NotImplementedError
        yield


@pytest.fixture
def plan(little_file: Path, tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(f"database: {little_file}\nnow: {NOW.isoformat()}\nphrasings: calls.yaml\n", "utf-8")
    return path


async def call(file: str, out: ServerLog, *, words: bool) -> None:
    """Given a server that logs, a caller cancels an order in writing and hangs up."""
    telemetry.configure(Log(format="json", log_transcripts=words), out)
    desk = ShopDesk(file, language="en", clock=lambda: NOW)
    await desk.start()
    try:
        mind: Brain = FlowsBrain(otherwise=Nobody(), language="en", clock=lambda: NOW)  # type: ignore[arg-type]
        line = await connect(desk, mind, caller="C1")
        await line.configure(prompt={"id": "shop", "variables": {"language": "en"}})
        for said in ("Cancel order 1001", "no, 1007 instead", "yes"):
            await line.writes(said)
        assert line.session is not None
        line.session.closed(1000, "")
        await asyncio.wait_for(out.ended.wait(), 10)
    finally:
        await desk.close()


async def test_a_logged_call_is_saved_and_comes_to_the_same(
    little_file: Path, fresh: Callable[[Path], str], tmp_path: Path
) -> None:
    out = ServerLog()
    await call(fresh(little_file), out, words=True)
    log = tmp_path / "server.log"
    log.write_text(out.getvalue(), "utf-8")
    (found,) = calls_in(log)
    assert found.turns == ("Cancel order 1001", "no, 1007 instead", "yes")
    assert (found.language, found.caller, found.tools) == ("en", "C1", ("cancel_order",))


def test_it_is_saved_with_what_it_comes_to_and_runs(plan: Path, tmp_path: Path) -> None:
    log, calls = tmp_path / "server.log", tmp_path / "calls.yaml"
    line = {"event": "conversation", "call": "sess_1", "language": "en", "customer": "C1"}
    said = {
        "said": ["Cancel order 1001", "no, 1007 instead", "yes"],
        "tools": ["cancel_order:proposed", "confirm_action:committed"],
    }
    log.write_text("not json\n" + json.dumps(line | said) + "\n", "utf-8")
    assert save(plan, log, calls) == 0
    (saved,) = read_scenarios(calls)
    assert saved.changes == {"order/261118-1007/status": "cancelled"}
    assert saved.tools == ("cancel_order",)
    result = tmp_path / "result.json"
    assert main(plan, tmp_path / "page.html", result) == 0
    # and a result can be saved again
    assert save(plan, result, tmp_path / "again.yaml") == 0
    assert read_scenarios(tmp_path / "again.yaml")[0].changes == saved.changes


def test_a_call_that_ends_otherwise_now_is_told(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "server.log"
    line = {"event": "conversation", "call": "sess_1", "language": "en", "customer": "C1"}
    log.write_text(json.dumps(line | {"said": ["hello"], "tools": ["hand_over:committed"]}), "utf-8")
    assert save(plan, log, tmp_path / "calls.yaml") == 1
    assert "sess_1: logged hand_over, now none" in capsys.readouterr().out


def test_a_log_without_words_says_what_is_missing(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text('{"event": "conversation", "call": "sess_1", "said": "(not logged)"}\n', "utf-8")
    with pytest.raises(RunUnusable, match="log_transcripts"):
        calls_in(log)


@pytest.mark.parametrize("conversations", ["scenarios: scenarios.yaml", "phrasings: []", ""])
def test_a_run_without_conversations_is_refused(tmp_path: Path, conversations: str) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(f"database: shop.db\n{conversations}\n", "utf-8")
    with pytest.raises(RunUnusable, match="must name database and phrasings"):
        read_plan(file)
