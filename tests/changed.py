"""Run the slow suites that a commit asks for, by `suites.toml`: `python -m tests.changed [--dry-run]`.

A commit whose parent is not known here (a shallow clone, no repository) asks for none, and a line says so.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
NO_TESTS = 5
"""pytest's exit code where nothing was collected."""


@dataclass(frozen=True, slots=True)
class Suite:
    name: str
    tests: tuple[str, ...]
    when: tuple[str, ...]
    minutes: int
    make: str | None = None

    def wanted_by(self, path: str) -> bool:
        return path.startswith((*self.when, *self.tests))

    def command(self) -> list[str]:
        if self.make is not None:
            return ["make", self.make]
        return [sys.executable, "-m", "pytest", *self.tests, "-m", "slow", "-p", "no:xdist"]


def load(file: Path = REPOSITORY / "tests" / "suites.toml") -> tuple[int, tuple[Suite, ...]]:
    """The budget in minutes, and the suites in order."""
    table = tomllib.loads(file.read_text("utf-8"))
    suites = [
        Suite(each["name"], tuple(each["tests"]), tuple(each["when"]), each["minutes"], each.get("make"))
        for each in table["suite"]
    ]
    return table["budget_minutes"], tuple(suites)


def choose(
    paths: Iterable[str], suites: Sequence[Suite], budget: int
) -> tuple[tuple[Suite, ...], tuple[Suite, ...]]:
    """The suites that a change of `paths` asks for: those that fit into the budget, and those that do not."""
    changed = tuple(paths)
    chosen: list[Suite] = []
    left_out: list[Suite] = []
    for suite in suites:
        if any(suite.wanted_by(path) for path in changed):
            fits = sum(each.minutes for each in chosen) + suite.minutes <= budget
            (chosen if fits else left_out).append(suite)
    return tuple(chosen), tuple(left_out)


def changed_files(repository: Path = REPOSITORY) -> list[str] | None:
    """What the last commit changed against its first parent; None where that is not known here."""
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), "diff", "--name-only", "HEAD^", "HEAD", "--"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        return None
    return done.stdout.splitlines() if done.returncode == 0 else None


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--dry-run", action="store_true", help="only say what would run")
    dry = options.parse_args().dry_run
    paths = changed_files()
    if paths is None:
        print("== suites of the change: none, the parent commit is not known here")
        return 0
    budget, suites = load()
    chosen, left_out = choose(paths, suites, budget)
    for suite in left_out:
        print(f"== {suite.name}: left to `make test-all`, there are only {budget} minutes")
    failed = []
    for suite in chosen:
        print(f"== {suite.name}: {' '.join(suite.command()[-6:])}", flush=True)
        if dry:
            continue
        try:
            code = subprocess.run(
                suite.command(), cwd=REPOSITORY, timeout=suite.minutes * 60, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            print(f"== {suite.name}: not done in {suite.minutes} minutes", file=sys.stderr)
            code = 1
        if code not in (0, NO_TESTS):
            failed.append(suite.name)
    if failed:
        print(f"== failed: {', '.join(failed)}", file=sys.stderr)
    elif not chosen:
        print("== suites of the change: it asks for none")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
