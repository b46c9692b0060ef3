"""`examples/shop-page`, run as its README says: the shop's server signs who is on the line, the page holds no key."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from moksori.shop.guard.context import read_context
from moksori.shop.guard.keys import key_from

from .conftest import violations
from .peer import Answer, Peer

SERVER = Path(__file__).parents[2] / "examples" / "shop-page" / "server.py"
API_KEY, CONTEXT_KEY = "sk-shop", secrets.token_hex(32)


@pytest.fixture
def shop(peer: Peer) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    peer.required_key = API_KEY
    peer.allowed_origins = {address}
    env = {
        **os.environ,
        "VOICE_URL": peer.url,
        "SHOP_URL": address,
        "MOKSORI_API_KEY": API_KEY,
        "MOKSORI_SHOP_CONTEXT_KEY": CONTEXT_KEY,
    }
    with subprocess.Popen([sys.executable, str(SERVER)], env=env, stderr=subprocess.DEVNULL) as process:
        try:
            _until_there(address)
            yield address
        finally:
            process.terminate()


def _until_there(address: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            httpx.get(address)
            return
        except httpx.TransportError:
            assert time.monotonic() < deadline, "The shop did not start."
            time.sleep(0.05)


def test_the_shop_says_who_is_on_the_line(peer: Peer, shop: str, launch, shot) -> None:
    peer.answers = [Answer("안녕하세요, 김서연님.")]
    page = launch()
    page.goto(shop)
    page.select_option("select", "C100001")
    page.get_by_role("button", name="로그인").click()
    expect(page.locator(".hello")).to_have_text("김서연님, 안녕하세요")
    widget = page.locator("moksori-voice")
    widget.locator(".launcher").click()
    widget.locator("input").fill("안녕하세요")
    widget.locator("input").press("Enter")
    expect(widget.locator(".line.assistant .words")).to_have_text("안녕하세요, 김서연님.")
    expect(widget.locator(".unheard")).to_have_count(0)
    assert violations(page) == []
    shot(page, "shop-page")

    [asked] = peer.secrets_made
    assert asked["moksori"] == {"origin": shop, "uses": 1}
    signed = asked["session"]["prompt"]["variables"]["context"]
    assert read_context(signed, (key_from(CONTEXT_KEY),), datetime.now(UTC)).customer_id == "C100001"
    seen = page.content() + page.evaluate("document.cookie") + str(page.said)
    assert API_KEY not in seen and CONTEXT_KEY not in seen and signed not in seen
    assert not [s for s in page.said if "Content Security Policy" in s or s.startswith("uncaught")]


def test_nobody_else_gets_a_secret(peer: Peer, shop: str) -> None:
    assert httpx.post(f"{shop}/voice-secret").status_code == 403
    assert httpx.post(f"{shop}/voice-secret", headers={"origin": "https://other.example"}).status_code == 403
    assert peer.secrets_made == []
    assert httpx.post(f"{shop}/voice-secret", headers={"origin": shop}).is_success
    assert peer.secrets_made[0]["session"]["prompt"]["variables"] == {}, "nobody is signed in"
