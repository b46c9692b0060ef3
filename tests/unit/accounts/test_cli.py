"""`moksori keys`: made, listed, revoked; the value is shown once and kept nowhere."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from moksori.accounts.cli import app


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("MOKSORI_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout, result.stderr


def test_a_key_is_made_shown_once_listed_and_revoked(home: Path) -> None:
    code, value, about = run("create", "shop", "--credit", "5.00", "--model", "shop-voice", "--sessions", "3")
    assert code == 0 and value.startswith("mk_") and value.strip() not in about
    key_id = re.findall(r"key_[0-9a-f]{16}", about)[0]
    code, listed, _ = run("list")
    assert key_id in listed and "shop-voice, 3 at once" in listed and "good" in listed
    assert value.strip() not in listed and value.strip()[-4:] in listed
    assert value.strip().encode() not in (home / "accounts.db").read_bytes()
    assert stat.S_IMODE((home / "accounts.db").stat().st_mode) == 0o600
    assert run("revoke", key_id)[0] == 0
    assert "revoked" in run("list")[1]


def test_more_credit() -> None:
    _, _, about = run("create", "shop", "--credit", "1")
    key_id = re.findall(r"key_[0-9a-f]{16}", about)[0]
    assert run("credit", key_id, "0.25")[0] == 0
    assert "1.25" in run("list")[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("create", "shop", "--credit", "five"), "--credit is an amount in US dollars, such as 5.00."),
        (("create", "shop", "--scope", "root"), "There is no scope 'root'; there is: admin."),
        (("create", "shop", "--origin", "shop.example"), "'shop.example' is no origin"),
        (("create", "shop", "--sessions", "0"), "A key's sessions is above 0, or not given."),
        (("revoke", "key_0"), "There is no key 'key_0'."),
    ],
)
def test_mistakes_are_sentences(arguments: tuple[str, ...], sentence: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (1, "") and sentence in err
