"""Which slow suites a change asks for."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.changed import REPOSITORY, Suite, changed_files, choose, load


def test_a_change_asks_for_its_suites_in_order_while_there_is_time() -> None:
    shop = Suite("shop", ("tests/shop",), ("src/shop/",), 8)
    money = Suite("money", ("tests/money.py",), ("src/accounts/", "src/shop/prices.py"), 8)
    assert choose(["README.md"], (shop, money), 30) == ((), ())
    assert choose(["src/shop/prices.py"], (shop, money), 30) == ((shop, money), ())
    assert choose(["src/shop/prices.py"], (shop, money), 10) == ((shop,), (money,))
    assert choose(["tests/money.py"], (shop, money), 30) == ((money,), ())


def test_every_path_of_the_table_is_there_and_every_suite_fits() -> None:
    budget, suites = load()
    for suite in suites:
        assert suite.minutes <= budget
        for path in (*suite.tests, *suite.when):
            place = REPOSITORY / path
            assert place.exists() or list(place.parent.glob(place.name + "*")), path


def test_a_commit_without_a_known_parent_is_told_apart_from_one_without_changes(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=T", "-c", "user.email=t@example.com")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    assert changed_files(tmp_path) is None
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    assert changed_files(tmp_path) is None
    (tmp_path / "a").write_text("a")
    git("add", "a")
    git("commit", "-q", "-m", "second")
    assert changed_files(tmp_path) == ["a"]
