"""The voice page: spoken and typed, in both languages, by keyboard, at 360 px, in light and dark."""

from __future__ import annotations

import json
import re
import time

import pytest
from playwright.sync_api import Page, expect

from .conftest import violations
from .peer import Answer, Peer
from .sound import join, silence, spoken

SAYINGS = {
    "en": ("Where is my order?", "Your order arrives this afternoon. Can I help with anything else?"),
    "ko": ("제 주문 어디쯤 왔나요?", "네, 주문하신 상품은 오늘 오후에 도착합니다. 더 도와드릴까요?"),
}


def heard_everything(page: Page) -> None:
    expect(page.locator("#transcript .unheard")).to_have_count(0)


@pytest.mark.parametrize("language", ["ko", pytest.param("en", marks=pytest.mark.slow)])
def test_a_spoken_conversation(peer: Peer, launch, shot, language: str) -> None:
    question, answer = SAYINGS[language]
    peer.transcripts = [question]
    peer.answers = [Answer(answer)]
    page = launch(microphone=join(silence(0.5), spoken(question, language), silence(40)), language=language)
    page.goto(peer.url)
    page.click("#connectBtn")
    expect(page.locator("#status")).to_have_class("status connected")
    page.click("#micBtn")
    expect(page.locator("#micBtn")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".line.user .words")).to_have_text(question)
    expect(page.locator(".line.assistant .unheard")).not_to_have_count(0)
    shot(page, f"spoken-hearing-{language}")
    heard_everything(page)
    expect(page.locator(".line.assistant .words")).to_have_text(answer)
    expect(page.locator("#latency")).to_contain_text(re.compile(r"\d\.\d"))
    shot(page, f"spoken-{language}")

    # Stopping the microphone does not end the call.
    page.click("#micBtn")
    expect(page.locator("#micBtn")).to_have_attribute("aria-pressed", "false")
    sent = len(peer.of_type("input_audio_buffer.append"))
    page.wait_for_timeout(300)
    assert len(peer.of_type("input_audio_buffer.append")) <= sent + 1
    expect(page.locator("#status")).to_have_class("status connected")
    assert not [s for s in page.said if s.startswith(("error", "uncaught"))]


@pytest.mark.parametrize("language", ["ko", pytest.param("en", marks=pytest.mark.slow)])
def test_barge_in_cuts_the_answer_and_greys_what_was_not_heard(
    peer: Peer, launch, shot, language: str
) -> None:
    question, answer = SAYINGS[language]
    stop = {"en": "Wait, stop please.", "ko": "잠깐만요, 다른 주문이요."}[language]
    peer.transcripts = [question, stop]
    peer.answers = [Answer(f"{answer} {answer}"), Answer("네." if language == "ko" else "Of course.")]
    wav = join(silence(0.5), spoken(question, language), silence(3.5), spoken(stop, language), silence(40))
    page = launch(microphone=wav, language=language)
    page.goto(peer.url)
    page.click("#connectBtn")
    page.click("#micBtn:not([disabled])")
    expect(page.locator(".line.user .words").nth(1)).to_have_text(stop)
    expect(page.locator(".line.assistant")).to_have_count(2)
    first = page.locator(".line.assistant").first
    expect(first).to_have_class("line assistant cut")
    expect(first.locator(".unheard")).not_to_be_empty()
    shown, unheard = (
        first.locator(".words").text_content() or "",
        first.locator(".unheard").text_content() or "",
    )
    words, left = f"{answer} {answer}".split(), unheard.split()
    assert shown == f"{answer} {answer}"
    assert 0 < len(left) < len(words) and words[-len(left) :] == left, "cut between words, not within one"
    [truncation] = peer.of_type("conversation.item.truncate")
    assert 1500 < truncation["audio_end_ms"] < 6500
    shot(page, f"barge-in-{language}")


def test_typing_interrupts_too_and_begins_a_call_by_itself(peer: Peer, launch) -> None:
    peer.answers = [Answer("a long answer " * 6), Answer("second")]
    page = launch(language="en")
    page.goto(peer.url)
    page.fill("#textInput", "first question")
    page.press("#textInput", "Enter")
    expect(page.locator("#status")).to_have_class("status connected")
    expect(page.locator("body.speaking")).to_have_count(1)
    page.wait_for_timeout(800)
    page.fill("#textInput", "second question")
    page.click("#sendBtn")
    expect(page.locator(".line.assistant .words").nth(1)).to_have_text("second")
    [truncation] = peer.of_type("conversation.item.truncate")
    assert 300 < truncation["audio_end_ms"] < 4000
    asked = [e["type"] for e in peer.client_events]
    second = len(asked) - 1 - asked[::-1].index("conversation.item.create")
    assert asked.index("conversation.item.truncate") < second, "the answer knows what was heard"
    assert [e["item"]["content"][0]["text"] for e in peer.of_type("conversation.item.create")] == [
        "first question",
        "second question",
    ]
    assert len(peer.of_type("response.create")) == 2


def test_markup_in_a_transcript_stays_text(peer: Peer, launch) -> None:
    evil = '<img src=x onerror="window.owned=1"><script>window.owned=1</script><b>bold</b>'
    peer.answers = [
        Answer(
            evil,
            tool=(
                "<img src=x onerror=window.owned=1>",
                json.dumps({"proposal": {"token": evil, "read_out": evil}}),
            ),
        )
    ]
    page = launch()
    page.goto(peer.url)
    page.fill("#textInput", evil)
    page.press("#textInput", "Enter")
    expect(page.locator(".line.assistant .words")).to_have_text(evil)
    expect(page.locator(".line.user .words")).to_have_text(evil)
    expect(page.locator(".line.proposal .words")).to_have_text(evil)
    assert page.locator("#transcript :is(img, script, b)").count() == 0
    assert page.evaluate("window.owned") is None
    peer.say({"type": "error", "error": {"type": "server_error", "code": "odd", "message": evil}})
    expect(page.locator("#problem .detail")).to_contain_text(evil)
    assert page.locator("#problem :is(img, script, b)").count() == 0


@pytest.mark.parametrize("language", ["ko", pytest.param("en", marks=pytest.mark.slow)])
def test_a_tool_in_plain_words_and_a_card_to_confirm(peer: Peer, launch, shot, language: str) -> None:
    sentence = {
        "ko": "주문 1042번의 파란색 셔츠(M)를 검은색(M)으로 교환합니다. 추가 금액은 없습니다.",
        "en": "Exchange the blue shirt (M) of order 1042 for a black one (M), at no extra cost.",
    }[language]
    ask = {"ko": "교환하고 싶어요", "en": "I'd like to exchange something"}[language]
    done = {"ko": "교환을 접수했습니다.", "en": "The exchange is arranged."}[language]
    proposal = json.dumps(
        {"ok": True, "done": False, "proposal": {"token": "prop_1", "read_out": sentence}}, ensure_ascii=False
    )
    peer.answers = [Answer(sentence, tool=("exchange_items", proposal)), Answer(done)]
    page = launch(language=language)
    page.goto(peer.url)
    page.get_by_role("button", name=ask).click()
    card = page.locator(".line.proposal")
    expect(card.locator(".words")).to_have_text(sentence)
    words = {
        "ko": "변경 내용을 준비했습니다. 확인을 기다립니다",
        "en": "Prepared the change; it waits for your yes",
    }[language]
    expect(page.locator(".line.tool.proposed")).to_have_text(words)
    heard_everything(page)
    shot(page, f"card-{language}")
    assert violations(page) == []
    card.get_by_role("button", name={"ko": "네, 진행해 주세요", "en": "Yes, go ahead"}[language]).click()
    expect(page.locator(".line.assistant .words").nth(1)).to_have_text(done)
    expect(card.get_by_role("button")).to_have_count(0)
    said = peer.of_type("conversation.item.create")[-1]["item"]["content"][0]["text"]
    assert said == {"ko": "네, 그렇게 진행해 주세요.", "en": "Yes, please go ahead with that."}[language]


def test_a_failed_tool_and_a_failed_answer_are_told(peer: Peer, launch) -> None:
    peer.answers = [
        Answer("그 주문을 찾지 못했습니다.", tool=("find_order", '{"ok":false,"error":{"code":"not_found"}}'))
    ]
    page = launch()
    page.goto(peer.url)
    page.fill("#textInput", "주문 9999번")
    page.press("#textInput", "Enter")
    expect(page.locator(".line.tool.failed")).to_have_text("처리하지 못했습니다")
    failed = {
        "type": "failed",
        "error": {"type": "server_error", "code": "model_failed", "message": "The model stopped."},
    }
    peer.say(
        {"type": "response.done", "response": {"id": "resp_x", "status": "failed", "status_details": failed}}
    )
    expect(page.locator("#problem .said")).to_have_text("이번 답변을 만들지 못했습니다.")
    expect(page.locator("#problem .detail")).to_contain_text("The model stopped.")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_page_is_accessible_and_fits(peer: Peer, launch, looks, language: str) -> None:
    """At rest, in a call and with the settings open; on a desk and on a phone; in light and dark."""
    question, answer = SAYINGS[language]
    peer.answers = [Answer(answer, pace=0.05)]
    page = launch(language=language)

    def everywhere(state: str) -> None:
        for width in (360, 1000):
            page.set_viewport_size({"width": width, "height": 740})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate("document.documentElement.scrollHeight") <= 740
            looks(page, f"page-{language}-{width}-{state}")

    page.goto(peer.url)
    everywhere("start")
    page.fill("#textInput", question)
    page.press("#textInput", "Enter")
    expect(page.locator(".line.assistant .unheard")).not_to_have_count(0)
    assert violations(page) == []
    heard_everything(page)
    everywhere("call")
    page.click("#settingsBtn")
    everywhere("settings")
    assert page.locator("html").get_attribute("lang") == language


def test_it_can_be_used_by_keyboard_alone(peer: Peer, launch) -> None:
    peer.answers = [Answer("Hello.")]
    page = launch(language="en")
    page.goto(peer.url)
    order = []
    for _ in range(12):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert order[:2] == ["languageBtn", "settingsBtn"]
    assert order.index("connectBtn") < order.index("textInput") < order.index("sendBtn")
    page.focus("#connectBtn")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("Connected")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "micBtn"
    page.keyboard.press("Space")
    expect(page.locator("#micBtn")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Tab")
    page.keyboard.type("Hi")
    page.keyboard.press("Enter")
    expect(page.locator(".line.assistant .words")).to_have_text("Hello.")
    page.focus("#settingsBtn")
    page.keyboard.press("Enter")
    expect(page.locator("#settings")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#settings")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "settingsBtn"


def test_language_and_theme_change_at_once_and_are_remembered(peer: Peer, launch) -> None:
    page = launch(language="en")
    page.goto(peer.url)
    expect(page.locator("#connectBtn")).to_have_text("Connect")
    page.click("#languageBtn")
    expect(page.locator("#connectBtn")).to_have_text("연결하기")
    expect(page.locator("#micBtn")).to_have_text("마이크 시작")
    assert page.title() == "목소리 상담"
    page.click("#settingsBtn")
    page.select_option("#themeSelect", "dark")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    expect(page.locator("#connectBtn")).to_have_text("연결하기")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_no_script_or_style_runs_that_the_policy_forbids(peer: Peer, launch) -> None:
    peer.csp = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; media-src 'self'"
    peer.answers = [Answer("OK.")]
    page = launch()
    page.goto(peer.url)
    page.click("#connectBtn")
    page.click("#micBtn:not([disabled])")
    expect(page.locator("#micBtn")).to_have_attribute("aria-pressed", "true")
    page.fill("#textInput", "네")
    page.press("#textInput", "Enter")
    expect(page.locator(".line.assistant .words")).to_have_text("OK.")
    heard_everything(page)
    assert not [s for s in page.said if "Content Security Policy" in s or s.startswith("uncaught")]


def test_a_screen_reader_is_told_what_is_final_and_no_more(peer: Peer, launch) -> None:
    peer.transcripts = ["Where is my order?"]
    peer.answers = [Answer("It is here.", tool=("find_order", "{}"))]
    page = launch(microphone=join(silence(0.5), spoken("Where is my order?"), silence(30)), language="en")
    page.goto(peer.url)
    page.click("#connectBtn")
    page.click("#micBtn:not([disabled])")
    expect(page.locator(".line.assistant .words")).to_have_text("It is here.")
    heard_everything(page)
    told = page.locator("#announce span").all_inner_texts()
    assert told == ["You: Where is my order?", "Looked up the order"]
    expect(page.locator("#status")).to_have_attribute("role", "status")


def test_the_call_goes_to_its_own_server_with_a_secret_and_never_a_key(peer: Peer, launch) -> None:
    page = launch()
    page.goto(f"{peer.url}/?model=shop-voice&prompt=shop")
    page.click("#connectBtn")
    expect(page.locator("#status")).to_have_class("status connected")
    deadline = time.monotonic() + 5
    while not peer.of_type("session.update") and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    [made] = peer.secrets_made
    assert made["session"]["model"] == "shop-voice"
    session = peer.of_type("session.update")[0]["session"]
    assert session["prompt"] == {"id": "shop"}
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500
    assert "model=shop-voice" in peer.sockets_opened[0]
