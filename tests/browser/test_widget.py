"""`<moksori-voice>` on a shop's own page, which is another origin than the voice server."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import violations
from .peer import Answer, Peer
from .shop_site import ShopSite, shop_site
from .sound import join, silence, spoken

QUESTION = {"en": "Where is my order?", "ko": "제 주문 어디쯤 왔나요?"}
ANSWER = {"en": "It arrives this afternoon.", "ko": "오늘 오후에 도착합니다."}


@pytest.fixture
def site() -> Iterator[ShopSite]:
    with shop_site() as running:
        yield running


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    page.locator("moksori-voice .launcher").click()
    expect(page.locator("moksori-voice .panel")).to_be_visible()
    return page


def call(page: Page) -> None:
    page.locator("moksori-voice .buttons button").first.click()


@pytest.mark.parametrize(
    ("language", "dark"),
    [
        pytest.param("ko", False, id="ko-light", marks=pytest.mark.slow),
        pytest.param("en", True, id="en-dark"),
    ],
)
def test_it_holds_a_spoken_conversation_on_an_allowed_origin(
    peer: Peer, site: ShopSite, launch, shot, language: str, dark: bool
) -> None:
    peer.allowed_origins = {site.origin}
    peer.transcripts = [QUESTION[language]]
    peer.answers = [Answer(ANSWER[language]), Answer("<b>네</b>")]
    site.sells(peer.url, language=language)
    microphone = join(silence(1.0), spoken(QUESTION[language], language), silence(40))
    page = launch(microphone=microphone, language=language, dark=dark)
    opened(page, site.origin)
    assert violations(page) == []
    shot(page, f"widget-{language}-start")
    call(page)
    widget = page.locator("moksori-voice")
    expect(widget.locator(".status")).to_have_class("status connected")
    widget.locator(".buttons button").nth(1).click()
    expect(widget.locator(".line.user .words")).to_have_text(QUESTION[language])
    expect(widget.locator(".line.assistant .words")).to_have_text(ANSWER[language])
    expect(widget.locator(".line.assistant .unheard")).to_have_count(0)
    assert violations(page) == []
    shot(page, f"widget-{language}-call")

    widget.locator("input").fill("<i>x</i>")
    widget.locator("input").press("Enter")
    expect(widget.locator(".line.assistant .words").nth(1)).to_have_text("<b>네</b>")
    assert widget.locator(".transcript :is(b, i:not([aria-hidden]))").count() == 0
    [asked] = peer.secrets_made
    assert asked["session"]["prompt"] == {"id": "shop"}
    assert not [s for s in page.said if "Content Security Policy" in s or s.startswith("uncaught")]

    page.keyboard.press("Escape")
    expect(widget.locator(".panel")).to_be_hidden()
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.className").startswith("launcher")
    expect(widget.locator(".launcher")).to_have_class("launcher live")


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_shops_own_server_may_give_the_secret(peer: Peer, site: ShopSite, launch, language: str) -> None:
    """The page holds no key; a secret that the shop cannot give is told, with what to do."""
    peer.allowed_origins = {site.origin}
    site.sells(peer.url, language=language, attributes='secret-url="/voice-secret"')
    site.secret = (503, {})
    page = opened(launch(language=language), site.origin)
    call(page)
    said = {"ko": "지금 상담이 몰려 있습니다.", "en": "All lines are busy right now."}
    expect(page.locator("moksori-voice .said")).to_have_text(said[language])
    made = page.request.post(f"{peer.url}/v1/realtime/client_secrets", data={"session": {"type": "realtime"}})
    site.secret = (200, made.json())
    expect(page.locator("moksori-voice .status")).to_have_class("status connected", timeout=20_000)
    expect(page.locator("moksori-voice .problem")).to_be_hidden()
    assert set(site.asked) == {"/voice-secret"}
    assert len(peer.secrets_made) == 1


def test_it_follows_the_shops_theme_and_fits_a_phone(peer: Peer, site: ShopSite, launch, shot) -> None:
    peer.allowed_origins = {site.origin}
    peer.answers = [Answer("주문 1042번을 취소합니다.", tool=("cancel_order", json.dumps(
        {"ok": True, "proposal": {"token": "p1", "read_out": "주문 1042번(58,000원)을 취소하고 카드로 환불합니다."}},
    )))]  # fmt: skip
    site.sells(peer.url, attributes='heading="무명상점 상담" theme="light" side="left" open')
    kind, css = site.pages["/shop.css"]
    site.pages["/shop.css"] = (
        kind,
        css + "moksori-voice { --moksori-accent: #6b2d8f; --moksori-radius: 6px }",
    )
    page = launch(width=360, height=740, dark=True)
    page.goto(site.origin)
    widget = page.locator("moksori-voice")
    expect(widget.locator("h2")).to_have_text("무명상점 상담")
    widget.locator("input").fill("취소할래요")
    widget.locator("input").press("Enter")
    expect(widget.locator(".line.proposal .words")).to_contain_text("58,000원")
    colour = "el => getComputedStyle(el).backgroundColor"
    assert widget.locator(".launcher").evaluate(colour) == "rgb(107, 45, 143)"
    box = widget.locator(".panel").bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= 360 and box["y"] >= 0
    expect(widget.locator(".line.assistant .unheard")).to_have_count(0)
    assert violations(page) == []
    shot(page, "widget-phone-card")


def test_it_weighs_less_than_60_kb_with_the_module(built: Path) -> None:
    """Gzipped, with everything it imports and the worklets."""
    weighed = subprocess.run(
        ["node", "size.mjs"], cwd=built.parent, capture_output=True, text=True, check=False
    )
    assert weighed.returncode == 0, weighed.stdout + weighed.stderr
    assert re.search(r"of 61440 bytes", weighed.stdout)


def test_the_page_hears_what_the_widget_does(peer: Peer, site: ShopSite, launch) -> None:
    peer.allowed_origins = {site.origin}
    site.sells(peer.url, language="en")
    page = opened(launch(language="en"), site.origin)
    page.evaluate(
        """() => {
          window.told = [];
          const widget = document.querySelector("moksori-voice");
          for (const name of ["connected", "disconnected", "transcript"]) {
            widget.addEventListener(name, ({ type, detail }) => told.push([type, detail?.resumed ?? null]));
          }
        }"""
    )
    call(page)
    page.wait_for_function("() => told.some(([type]) => type === 'connected')")
    page.evaluate("document.querySelector('moksori-voice').remove()")
    page.wait_for_function("() => told.some(([type]) => type === 'disconnected')")
