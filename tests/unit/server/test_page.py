"""The page and its scripts over HTTP: what any page may read, what only our own may, and under which policy."""

from __future__ import annotations

from pathlib import Path

import pytest

import moksori
from moksori.server import page

from .conftest import Start

STRANGER = {"Origin": "https://stranger.example"}


@pytest.fixture(autouse=True)
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A page is there, whether or not this checkout's is built."""
    for name in ("index.html", "moksori.js", "widget.js", "moksori.d.ts"):
        (tmp_path / name).write_text("built")
    monkeypatch.setattr(page, "folder", lambda: tmp_path)


@pytest.mark.parametrize("path", ["/moksori.js", "/widget.js", "/moksori.d.ts"])
async def test_any_page_may_import_the_scripts(start: Start, path: str) -> None:
    """So that the widget comes up on a page that may not call, and can say so."""
    server = await start(key=True)
    answer = await server.client.get(path, headers=STRANGER)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


async def test_the_page_itself_is_not_for_strangers(start: Start) -> None:
    server = await start(key=True)
    answer = await server.client.get("/", headers=STRANGER)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "origin_not_allowed"
    assert "access-control-allow-origin" not in answer.headers


async def test_the_scripts_are_no_way_round_the_name_of_the_host(start: Start) -> None:
    """A server without a key answers to loopback names only, scripts included."""
    server = await start()
    answer = await server.client.get("/moksori.js", headers={"Host": "rebound.example"})
    assert answer.status_code == 403


async def test_nothing_inline_may_run(start: Start) -> None:
    server = await start(key=True)
    answer = await server.client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert answer.headers["permissions-policy"] == "microphone=(self)"


async def test_an_api_path_that_ends_in_js_stays_the_apis(start: Start) -> None:
    server = await start(key=True)
    answer = await server.client.get("/v1/nothing.js", headers=STRANGER)
    assert answer.status_code == 403
    assert (await server.client.get("/v1/nothing.js")).status_code == 404


async def test_a_page_that_is_not_built_says_how(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "folder", lambda: None)
    server = await start(key=True)
    answer = await server.client.get("/")
    assert answer.status_code == 404
    assert "make web" in answer.text


def test_the_page_lies_in_the_package_or_in_the_checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()
    package = tmp_path / "src" / "moksori"
    package.mkdir(parents=True)
    monkeypatch.setattr(moksori, "__file__", str(package / "__init__.py"))
    assert page.folder() is None
    checkout = tmp_path / "web" / "dist"
    checkout.mkdir(parents=True)
    (checkout / "index.html").touch()
    assert page.folder() == checkout
    (package / "web_dist").mkdir()
    (package / "web_dist" / "index.html").touch()
    assert page.folder() == package / "web_dist"


async def test_the_page_is_told_what_to_ask_for(start: Start) -> None:
    """The first of the server's models, and the shop's prompt where there is a shop; without a key, as the page is."""
    server = await start(key=True)
    assert (await server.client.get("/page.json")).json() == {"model": "moksori-local", "prompt": None}
    assert (await server.client.get("/page.json", headers=STRANGER)).status_code == 403
