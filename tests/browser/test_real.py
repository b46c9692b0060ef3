"""The whole server with real models, and the page as a caller uses it: the microphone is a WAV, the loudspeaker is tapped."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.faults.server_process import environment, run
from tests.faults.server_process import server as serve
from tests.support.chat_stub import STORY, chat_stub
from tests.support.real_server import RealServer, real_server, server_with_stub_mind

from .conftest import SHOTS, violations
from .shop_site import ShopSite, shop_site
from .sound import join, silence, spoken
from .tap import audible_ms, sounded_ms, stretches
from .test_tutorial import PAGE, of

pytestmark = pytest.mark.models
ANSWERED = 60_000
"""ms; two cores carry the models, the browser and whatever else runs."""


@pytest.fixture(scope="module")
def site() -> Iterator[ShopSite]:
    with shop_site() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, site: ShopSite) -> Iterator[RealServer]:
    """Real ears and voice; a mind that answers by rule. Its allowed pages: its own, and one shop's."""
    folder = tmp_path_factory.mktemp("server")
    allowed = json.dumps(["self", site.origin])
    with server_with_stub_mind(folder, MOKSORI__SERVER__ALLOWED_ORIGINS=allowed) as running:
        yield running


def started(page: Page, address: str) -> None:
    page.goto(address)
    page.click("#connectBtn")
    expect(page.locator("#status")).to_have_class("status connected", timeout=ANSWERED)
    page.click("#micBtn:not([disabled])")
    expect(page.locator("#micBtn")).to_have_attribute("aria-pressed", "true")


def test_a_spoken_conversation_on_the_page(server: RealServer, launch, looks) -> None:
    """Two spoken questions and a typed one, heard, answered aloud and shown."""
    first, second = spoken("What is your return policy?"), spoken("Thank you very much.")
    page = launch(
        microphone=join(silence(1), first, silence(6), second, silence(60)), language="en", tap=True
    )
    started(page, server.http)
    expect(page.locator(".line.assistant .words").nth(1)).to_have_text(
        re.compile("You said: .*[Tt]hank you"), timeout=ANSWERED
    )
    users = page.locator(".line.user .words")
    expect(users).to_have_text([re.compile("return policy"), re.compile("[Tt]hank you")])
    expect(page.locator(".line.assistant .words").first).to_have_text(re.compile("You said: .*return policy"))
    expect(page.locator(".unheard")).to_have_count(0, timeout=ANSWERED)
    expect(page.locator("#latency")).to_have_text(re.compile(r"^Answered in \d\.\d s \(end of turn"))
    assert len(stretches(page)) >= 2, "both answers were heard at the loudspeaker"

    page.fill("#textInput", "And exchanges?")
    page.press("#textInput", "Enter")
    expect(page.locator(".line.assistant .words").nth(2)).to_have_text("You said: And exchanges?")
    expect(page.locator(".unheard")).to_have_count(0, timeout=ANSWERED)
    looks(page, "real-en")
    assert not [s for s in page.said if s.startswith(("error", "uncaught"))]


def test_speaking_over_the_answer_silences_it(server: RealServer, launch, shot) -> None:
    """Silent within 50 ms of the server's word, and the heard figure is the loudspeaker's, by a tap of our own."""
    ask, stop = spoken("Tell me a story."), spoken("Stop, please, wait a moment.")
    page = launch(microphone=join(silence(1), ask, silence(6), stop, silence(60)), language="en", tap=True)
    page.goto(f"{server.http}/healthz")
    page.set_content(PAGE)
    page.click("#connectBtn")
    page.click("#micBtn:not([disabled])")
    page.wait_for_function("log.some((e) => e[0] === 'interrupted')", timeout=ANSWERED)
    [[_, detail], *_] = of(page, "interrupted")
    [truncation, *_] = page.evaluate("__sent.filter((e) => e.type === 'conversation.item.truncate')")
    assert truncation["audio_end_ms"] == detail["heard_ms"]
    sounded, told = sounded_ms(page, truncation["at"]), audible_ms(page, detail["item"], detail["heard_ms"])
    assert abs(sounded - told) <= 20
    assert 500 < detail["heard_ms"] < 15_000
    assert detail["silent_after_ms"] <= 50
    expect(page.locator("#transcript p").nth(1)).to_have_text(re.compile("^Once upon a time"))
    turns = [{"ms": ms, **turn} for _, ms, turn in of(page, "latency")]
    measured = {
        "turns": turns,
        "heard_ms": told,
        "tapped_ms": sounded,
        "silent_after_ms": detail["silent_after_ms"],
    }
    (SHOTS / "real-barge-in.json").write_text(json.dumps(measured))


def test_what_was_not_heard_is_grey_here_and_forgotten_there(server: RealServer, launch, looks) -> None:
    """The server's item and its next answer hold the words that were heard, and the page greys the others."""
    page = launch(language="en", tap=True)
    page.goto(server.http)
    page.fill("#textInput", "Tell me a story.")
    page.press("#textInput", "Enter")
    story = page.locator(".line.assistant").first
    expect(story.locator(".words")).to_have_text(re.compile("louder than before"), timeout=ANSWERED)
    page.wait_for_function("__audio && Object.keys(__audio).length > 0")
    page.wait_for_timeout(2500)  # it is heard for a while
    page.fill("#textInput", "What did you say?")
    page.press("#textInput", "Enter")
    answer = page.locator(".line.assistant .words").nth(1)
    expect(answer).to_have_text(re.compile("^I said: Once upon a time.*"), timeout=ANSWERED)
    expect(page.locator(".unheard")).to_have_count(
        1, timeout=ANSWERED
    )  # of the first: the answer was heard out
    expect(story).to_have_class("line assistant cut")
    whole = story.locator(".words").text_content() or ""
    heard = whole.removesuffix(story.locator(".unheard").text_content() or "")
    assert whole.strip() == STORY and 0 < len(heard.split()) < len(STORY.split()) - 5
    item = page.evaluate(
        """() => new Promise((done) => {
          __ws.addEventListener("message", ({ data }) => {
            const event = JSON.parse(data);
            if (event.type === "conversation.item.retrieved") done(event.item);
          });
          __ws.send(JSON.stringify({ type: "conversation.item.retrieve", item_id: Object.keys(__audio)[0] }));
        })"""
    )
    kept = (item["content"][0].get("transcript") or item["content"][0].get("text")).strip()
    assert (answer.text_content() or "").removeprefix("I said: ").strip() == kept
    assert STORY.startswith(kept)
    # The page spreads a clause's letters evenly over its sound, the server knows its words' times: a word or two apart.
    assert abs(len(kept.split()) - len(heard.split())) <= 2
    looks(page, "real-forgotten")


def test_a_dropped_link_resumes_the_same_call(server: RealServer, launch) -> None:
    page = launch(language="en")
    page.goto(server.http)
    page.fill("#textInput", "My name is Kim.")
    page.press("#textInput", "Enter")
    expect(page.locator(".line.assistant .words")).to_have_text("You said: My name is Kim.", timeout=ANSWERED)
    expect(page.locator(".unheard")).to_have_count(0, timeout=ANSWERED)
    page.context.set_offline(True)
    expect(page.locator("#status")).to_have_class("status reconnecting")
    page.context.set_offline(False)
    expect(page.locator("#status")).to_have_class("status connected", timeout=ANSWERED)
    expect(page.locator("#announce")).to_contain_text("Your call carries on.")
    page.fill("#textInput", "What did you say?")
    page.press("#textInput", "Enter")
    expect(page.locator(".line.assistant .words").nth(1)).to_have_text(
        "I said: You said: My name is Kim.", timeout=ANSWERED
    )


@pytest.mark.slow
def test_a_killed_server_comes_back_and_the_page_carries_on(tmp_path: Path, launch, looks) -> None:
    """The process that knew the call is gone: a new call begins by itself, and is told what was said."""
    with chat_stub() as mind:
        env = environment(
            MOKSORI__ENGINE__PROFILE="lite",
            MOKSORI__ENGINE__LLM__KIND="openai",
            MOKSORI__ENGINE__LLM__BASE_URL=mind,
            MOKSORI__ENGINE__LLM__MODEL="stub",
        )
        with serve(cwd=tmp_path, env=env) as first:
            page = launch(language="en")
            page.goto(first.http)
            page.fill("#textInput", "My name is Kim.")
            page.press("#textInput", "Enter")
            answers = page.locator(".line.assistant .words")
            expect(answers).to_have_text("You said: My name is Kim.", timeout=ANSWERED)
            expect(page.locator(".unheard")).to_have_count(0, timeout=ANSWERED)
            first.signal(signal.SIGKILL)
            expect(page.locator("#status")).to_have_class("status reconnecting")
        with serve("--port", str(first.port), cwd=tmp_path, env=env):
            expect(page.locator("#status")).to_have_class("status connected", timeout=ANSWERED)
            page.fill("#textInput", "What did you say?")
            page.press("#textInput", "Enter")
            expect(answers.nth(1)).to_have_text("I said: You said: My name is Kim.", timeout=ANSWERED)
            expect(page.locator(".line.user")).to_have_count(2)  # what is told again is not shown again
            looks(page, "real-restarted")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A demo shop behind calls, answered without a language model."""
    folder = tmp_path_factory.mktemp("shop")
    database = f"sqlite:///{folder}/shop.db"
    made = run("shop", "demo", "--database", database, cwd=folder, env=environment())
    found = re.search(r"(\S+), (010-\d{4}-\d{4})", made.out + made.err)
    assert found, made
    with real_server(folder, MOKSORI__SHOP__DATABASE=database) as running:
        yield Shop(running, folder / "shop.db", found[1], found[2])


@dataclass(frozen=True)
class Shop:
    server: RealServer
    file: Path
    name: str
    phone: str
    """Of a customer with orders."""

    def status_of(self, order: str) -> str:
        with sqlite3.connect(self.file) as database:
            (status,) = database.execute("SELECT status FROM shop_order WHERE id = ?", (order,)).fetchone()
        return str(status)


def voiced(server: RealServer, text: str) -> np.ndarray:
    """Korean as a caller says it: by the server's own voice, since no other here is understood so well."""
    wanted = {"model": "tts-1", "voice": "alloy", "input": text, "response_format": "pcm"}
    answer = httpx.post(f"{server.http}/v1/audio/speech", json=wanted, timeout=120).raise_for_status()
    return np.frombuffer(answer.content, dtype="<i2")


def test_a_spoken_korean_conversation_with_the_shop(shop: Shop, launch, looks) -> None:
    """Two spoken questions, heard and answered in Korean; what the tool did is told, and the page asked for the shop."""
    first = voiced(shop.server, "배송비는 얼마입니까?")
    second = voiced(shop.server, "상담원에게 연결해 주세요.")
    page = launch(microphone=join(silence(1), first, silence(16), second, silence(60)), tap=True)
    started(page, shop.server.http)
    answers = page.locator(".line.assistant .words")
    expect(answers.first).to_have_text(re.compile("배송비는 3,000원"), timeout=ANSWERED)
    expect(page.locator(".line.tool.done .words").first).to_have_text("이용 규정을 확인했습니다")
    expect(answers.nth(1)).to_have_text(re.compile("상담원에게 전달했습니다"), timeout=ANSWERED)
    expect(page.locator(".line.assistant").last.locator(".unheard")).to_have_count(0, timeout=ANSWERED)
    heard = page.locator(".line.user .words").first.inner_text()
    assert re.search("^[가-힣]송비", heard), "the first letter is one the recogniser is not sure of"
    assert len(stretches(page)) >= 2
    expect(page.locator("#latency")).to_have_text(re.compile(r"^응답 \d\.\d초"))
    assert page.evaluate("__sent.find((e) => e.type === 'session.update').session.prompt") == {"id": "shop"}
    looks(page, "real-ko")
    assert not [s for s in page.said if s.startswith(("error", "uncaught"))]


@pytest.mark.slow
def test_an_order_is_cancelled_by_the_card(shop: Shop, launch, looks) -> None:
    """Nothing is changed before the yes; the yes is sent when the sentence was heard; then it is done, once."""
    page = launch(tap=True)
    page.goto(shop.server.http)
    answers = page.locator(".line.assistant .words")

    def write(text: str, answer: str) -> None:
        page.fill("#textInput", text)
        page.press("#textInput", "Enter")
        expect(answers.last).to_have_text(re.compile(answer), timeout=ANSWERED)

    write("주문을 취소하고 싶어요", "성함과 전화번호")
    write(f"{shop.name}이고 {shop.phone}입니다", "어느 주문|진행할까요")
    if "어느 주문" in answers.last.inner_text():
        write("첫 번째요", "진행할까요")
    card = page.locator(".line.proposal")
    expect(card.locator(".words")).to_have_text(re.compile(r"^주문 .*취소하고 .*환불합니다\. 진행할까요\?$"))
    found = re.search(r"\d{6}-\d{4}", card.locator(".words").inner_text())
    assert found and shop.status_of(found[0]) != "cancelled"
    looks(page, "real-shop-card")
    card.get_by_role("button", name="네, 진행해 주세요").click()
    expect(answers.last).to_have_text("네, 주문을 취소했습니다.", timeout=ANSWERED)
    expect(card.locator(".note")).to_have_text("진행하겠다고 답하셨습니다")
    expect(page.locator(".line.tool .words").last).to_have_text("요청을 처리했습니다")
    assert shop.status_of(found[0]) == "cancelled"
    looks(page, "real-shop-done")
    assert not [s for s in page.said if s.startswith(("error", "uncaught"))]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_widget_on_a_shops_page_and_on_a_strangers(
    server: RealServer, site: ShopSite, launch, shot, language: str
) -> None:
    site.sells(server.http, language=language)
    page = launch(language=language)
    page.goto(site.origin)
    widget = page.locator("moksori-voice")
    widget.locator(".launcher").click()
    widget.locator("input").fill("Hello")
    widget.locator("input").press("Enter")
    expect(widget.locator(".line.assistant .words")).to_have_text("You said: Hello", timeout=ANSWERED)

    page.goto(site.other_origin)
    widget.locator(".launcher").click()
    widget.locator("button.primary").first.click()
    said = {"ko": "이 사이트에서는 상담을 열 수 없습니다.", "en": "Calls can't be opened from this site."}
    expect(widget.locator(".problem .said")).to_have_text(said[language])
    shot(page, f"widget-refused-{language}")
    assert violations(page) == []
    assert not [s for s in page.said if "Content Security Policy" in s]


@pytest.mark.slow
def test_a_phone_on_the_same_network_gets_its_microphone(tmp_path: Path, launch, shot) -> None:
    """Under a name that is not localhost, with a certificate of the server's own making, and a key."""
    env = environment(
        MOKSORI__ENGINE__PROFILE="lite",
        MOKSORI_API_KEY="sk-phone",
        MOKSORI__SERVER__ALLOWED_ORIGINS='["self"]',
        XDG_DATA_HOME=str(tmp_path),
    )
    with serve("--tls", "self-signed", cwd=tmp_path, env=env) as server:
        assert server.http.startswith("https://")
        page = launch(language="en", width=360, height=740, ignore_https_errors=True)
        page.goto(f"https://shop.test:{server.port}/")
        assert page.evaluate("isSecureContext")
        page.click("#settingsBtn")
        page.fill("#keyInput", "sk-phone")
        page.click("#settingsClose")
        page.click("#connectBtn")
        expect(page.locator("#status")).to_have_class("status connected", timeout=ANSWERED)
        page.click("#micBtn:not([disabled])")
        expect(page.locator("#micBtn")).to_have_attribute("aria-pressed", "true")
        page.fill("#textInput", "Hello")
        page.press("#textInput", "Enter")
        expect(page.locator(".line.assistant .words:not(:has(.dots))")).to_be_visible(timeout=ANSWERED)
        shot(page, "real-phone-tls")


@pytest.mark.slow
def test_the_local_model_answers_a_spoken_question(tmp_path: Path, launch, looks) -> None:
    """Nothing stands in for anything: hearing, the local language model, speaking."""
    with real_server(tmp_path, MOKSORI__ENGINE__PROFILE="full") as server:
        question = spoken("How many days are in a week?")
        page = launch(microphone=join(silence(1), question, silence(60)), language="en", tap=True)
        thinking = time.monotonic() + 180
        while httpx.get(f"{server.http}/readyz", timeout=60).json()["parts"]["llm"] != "ready":
            assert time.monotonic() < thinking, "The language model did not get ready."
            time.sleep(0.5)
        started(page, server.http)
        expect(page.locator(".line.user .words")).to_have_text(re.compile("days.*week"), timeout=ANSWERED)
        expect(page.locator(".line.assistant .words")).to_have_text(
            re.compile("seven|7", re.I), timeout=ANSWERED
        )
        expect(page.locator(".unheard")).to_have_count(0, timeout=ANSWERED)
        assert stretches(page)
        looks(page, "real-llm-en")
        (SHOTS / "real-llm-en.txt").write_text(page.inner_text("#latency"))
