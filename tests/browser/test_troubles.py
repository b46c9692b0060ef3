"""What goes wrong, and what a person is told: each state reached, its sentence read, its picture kept."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from .peer import Answer, Peer
from .sound import join, silence, spoken

Told = Callable[..., None]

UNTOUCHED = """(() => {
  // Without the browser's own cleaning of the sound, what the server has can be compared with the WAV.
  const ask = MediaDevices.prototype.getUserMedia;
  MediaDevices.prototype.getUserMedia = function () {
    return ask.call(this, { audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  };
})()"""


@pytest.fixture
def told(looks: Callable[..., None]) -> Told:
    """The problem on the page is this one: read in both languages, pictured in both and in light and dark."""

    def check(page: Page, code: str, ko: str, en: str, *, axe: bool = True, name: str = "") -> None:
        for _ in range(2):
            language = page.locator("html").get_attribute("lang") or ""
            expect(page.locator(f"#problem[data-code={code}] .said")).to_have_text(
                {"ko": ko, "en": en}[language]
            )
            expect(page.locator("#problem .todo")).not_to_be_empty()
            looks(page, f"trouble-{name or code}-{language}", axe=axe)
            page.click("#languageBtn")

    return check


def test_the_microphone_is_denied(peer: Peer, launch, told: Told) -> None:
    page = launch(allowed=False)
    page.goto(peer.url)
    page.click("#connectBtn")
    page.click("#micBtn:not([disabled])")
    told(page, "mic_denied", ko="마이크 사용이 허용되지 않았습니다.", en="The microphone is not allowed.")
    # The call goes on by text.
    page.fill("#textInput", "hello")
    page.press("#textInput", "Enter")
    expect(page.locator(".line.assistant .words")).to_have_text("OK.")


def test_there_is_no_microphone(peer: Peer, launch, told: Told) -> None:
    page = launch(device=False)
    page.goto(peer.url)
    page.click("#connectBtn")
    page.click("#micBtn:not([disabled])")
    told(page, "mic_missing", ko="마이크를 찾을 수 없습니다.", en="No microphone was found.")


def test_the_address_is_not_secure(peer: Peer, launch, told: Told) -> None:
    page = launch()
    page.goto(f"http://shop.test:{peer.port}/")
    page.click("#connectBtn")
    page.click("#micBtn:not([disabled])")
    told(
        page,
        "mic_insecure",
        ko="이 주소에서는 브라우저가 마이크를 막습니다.",
        en="The browser blocks the microphone at this address.",
    )


@pytest.mark.parametrize("error", ["NotReadableError", "ended", "mute"])
def test_the_microphone_is_in_use_or_goes_away(peer: Peer, launch, told: Told, error: str) -> None:
    page = launch()
    page.add_init_script(
        """(() => {
          const ask = MediaDevices.prototype.getUserMedia;
          MediaDevices.prototype.getUserMedia = async function (...given) {
            if (window.__busy) throw new DOMException("Could not start audio source", "NotReadableError");
            const stream = await ask.apply(this, given);
            window.__track = stream.getAudioTracks()[0];
            return stream;
          };
        })()"""
    )
    page.goto(peer.url)
    page.click("#connectBtn")
    if error == "NotReadableError":
        page.evaluate("window.__busy = true")
    page.click("#micBtn:not([disabled])")
    if error == "NotReadableError":
        told(
            page,
            "mic_busy",
            ko="마이크를 다른 프로그램이 쓰고 있습니다.",
            en="Another program is using the microphone.",
        )
        page.evaluate("window.__busy = false")
    elif error == "ended":
        expect(page.locator("#micBtn")).to_have_attribute("aria-pressed", "true")
        page.evaluate("__track.dispatchEvent(new Event('ended'))")
        told(page, "mic_unplugged", ko="마이크 연결이 빠졌습니다.", en="The microphone was unplugged.")
        expect(page.locator("#micBtn")).to_have_attribute("aria-pressed", "false")
    else:
        expect(page.locator("#micBtn")).to_have_attribute("aria-pressed", "true")
        page.evaluate("__track.dispatchEvent(new Event('mute'))")
        told(page, "mic_muted", ko="마이크가 음소거되어 있습니다.", en="The microphone is muted.")
        page.evaluate("__track.dispatchEvent(new Event('unmute'))")
        expect(page.locator("#problem")).to_be_hidden()
        return
    page.click("#micBtn")
    expect(page.locator("#micBtn")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#problem")).to_be_hidden()


def test_the_server_wants_a_key_and_then_the_right_one(peer: Peer, launch, told: Told) -> None:
    peer.required_key = "sk-right"
    page = launch()
    page.goto(peer.url)
    page.click("#connectBtn")
    told(page, "key_needed", ko="이 서버에는 접속 키가 필요합니다.", en="This server needs an access key.")
    for key in ("sk-wrong", "sk-right"):
        page.click("#settingsBtn")
        page.fill("#keyInput", key)
        page.click("#settingsClose")
        page.click("#connectBtn")
        if key == "sk-wrong":
            wrong = {
                "ko": "접속 키가 올바르지 않거나 만료되었습니다.",
                "en": "The access key is wrong or has expired.",
            }
            told(page, "key_refused", **wrong)
    expect(page.locator("#status")).to_have_class("status connected")
    expect(page.locator("#problem")).to_be_hidden()


def test_an_expired_secret_is_renewed_without_a_word_and_told_when_it_cannot_be(
    peer: Peer, launch, told: Told
) -> None:
    peer.expired_secrets = 1
    page = launch()
    page.goto(peer.url)
    page.click("#connectBtn")
    expect(page.locator("#status")).to_have_class("status connected")
    assert len(peer.secrets_made) == 2
    assert page.locator("#problem").is_hidden()
    page.click("#connectBtn")
    peer.expired_secrets = 2
    page.click("#connectBtn")
    told(
        page,
        "key_refused",
        ko="접속 키가 올바르지 않거나 만료되었습니다.",
        en="The access key is wrong or has expired.",
        name="secret_expired",
    )


@pytest.mark.parametrize(
    ("code", "close", "expected", "ko", "en"),
    [
        pytest.param(
            "invalid_api_key",
            1008,
            "key_refused",
            "접속 키가 올바르지 않거나 만료되었습니다.",
            "The access key is wrong or has expired.",
            id="invalid_api_key",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "model_not_found",
            1008,
            "model_unknown",
            "요청한 음성 모델이 이 서버에 없습니다.",
            "This server does not have the voice model that was asked for.",
            id="model_not_found",
        ),
        pytest.param(
            "insufficient_quota",
            1008,
            "budget_spent",
            "준비된 사용 한도를 모두 썼습니다.",
            "The budget for this service is used up.",
            id="insufficient_quota",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "origin_not_allowed",
            1008,
            "origin_refused",
            "이 사이트에서는 상담을 열 수 없습니다.",
            "Calls can't be opened from this site.",
            id="origin_not_allowed",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_socket_is_refused(
    peer: Peer,
    launch,
    told: Told,
    code: str,
    close: int,
    expected: str,
    ko: str,
    en: str,
) -> None:
    peer.refuse_socket = (code, "The server's own words.", close)
    page = launch()
    page.goto(peer.url)
    page.click("#connectBtn")
    told(page, expected, ko=ko, en=en)
    expect(page.locator("#problem .detail")).to_contain_text("The server's own words.")
    expect(page.locator("#status")).to_have_class("status disconnected")
    # It is final: nothing is tried again behind the person's back.
    opened = len(peer.sockets_opened)
    page.wait_for_timeout(1500)
    assert len(peer.sockets_opened) == opened
    peer.refuse_socket = None
    page.click("#connectBtn")
    expect(page.locator("#status")).to_have_class("status connected")


def test_the_server_is_killed_and_restarted_in_the_middle_of_a_call(
    peer: Peer, launch, told: Told, looks
) -> None:
    """The same call is resumed, what was said meanwhile arrives, and nothing arrives twice."""
    words = spoken("Where is my order?")
    peer.transcripts = ["Where is my order?"]
    peer.answers = [Answer("before"), Answer("after")]
    page = launch(microphone=join(silence(2.5), words, silence(60)))
    page.add_init_script(UNTOUCHED)
    page.goto(peer.url)
    page.fill("#textInput", "hello")
    page.press("#textInput", "Enter")
    expect(page.locator(".line.assistant .words")).to_have_text("before")
    page.click("#micBtn")
    expect(page.locator("#micBtn")).to_have_attribute("aria-pressed", "true")
    began = time.monotonic()
    page.wait_for_timeout(500)
    peer.stop()
    expect(page.locator("#status")).to_have_class("status reconnecting")
    told(
        page,
        "server_restarting",
        ko="서버와의 연결이 끊어졌습니다.",
        en="The connection to the service was lost.",
        axe=False,
    )
    # The words are spoken while there is no server at all.
    page.wait_for_timeout(max(0.0, began + 5 - time.monotonic()) * 1000)
    peer.start()
    expect(page.locator("#status")).to_have_class("status connected", timeout=20_000)
    expect(page.locator("#problem")).to_be_hidden()
    expect(page.locator(".line.user .words").nth(1)).to_have_text("Where is my order?")
    expect(page.locator(".line.assistant .words").nth(1)).to_have_text("after")
    expect(page.locator("#micBtn")).to_have_attribute("aria-pressed", "true")
    looks(page, "resumed")

    assert len(peer.sessions) == 1
    assert "last_event_id=event_" in peer.sockets_opened[-1]
    [session] = peer.sessions.values()
    heard = np.concatenate(session.heard)
    # The microphone's own WAV lies in what the server has once, whole: no sample lost or doubled by the drop.
    assert likeness(heard, words) > 0.9
    assert page.locator(".line.user .words").all_inner_texts() == ["hello", "Where is my order?"]


def likeness(sound: np.ndarray, pattern: np.ndarray) -> float:
    """How much a sound is like a pattern where it is most like it (normalised correlation)."""
    a, b = sound.astype(float), pattern.astype(float)
    size = 1 << (len(a) + len(b)).bit_length()
    cross = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)[: len(a) - len(b)]
    energy = np.cumsum(np.concatenate([[0.0], a * a]))
    power = energy[len(b) : len(b) + len(cross)] - energy[: len(cross)]
    return float(np.max(cross / np.sqrt(np.maximum(power, 1.0) * np.sum(b * b))))


def test_a_call_that_the_server_no_longer_knows_goes_on_as_a_new_one(peer: Peer, launch) -> None:
    peer.answers = [Answer("My name is Moksori."), Answer("again")]
    page = launch(language="en")
    page.goto(peer.url)
    page.fill("#textInput", "Who are you?")
    page.press("#textInput", "Enter")
    expect(page.locator(".line.assistant .words")).to_have_text("My name is Moksori.")
    expect(page.locator("#transcript .unheard")).to_have_count(0)
    peer.resumes = False
    peer.close_sockets(1012)
    expect(page.locator("#status")).to_have_class("status reconnecting")
    expect(page.locator("#status")).to_have_class("status connected")
    expect(page.locator("#announce")).to_contain_text("What was said is remembered.")
    page.fill("#textInput", "And now?")
    page.press("#textInput", "Enter")
    expect(page.locator(".line.assistant .words")).to_have_text(["My name is Moksori.", "again"])
    items = [e["item"] for e in peer.of_type("conversation.item.create")]
    assert [(i["role"], i["content"][0]["text"]) for i in items] == [
        ("user", "Who are you?"),
        ("user", "Who are you?"),
        ("assistant", "My name is Moksori."),
        ("user", "And now?"),
    ]


def test_what_is_typed_while_the_line_is_down_is_sent_when_it_is_back(peer: Peer, launch) -> None:
    peer.answers = [Answer("first"), Answer("second")]
    page = launch(language="en")
    page.goto(peer.url)
    page.fill("#textInput", "one")
    page.press("#textInput", "Enter")
    expect(page.locator(".line.assistant .words")).to_have_text("first")
    peer.close_sockets(1012)
    expect(page.locator("#status")).to_have_class("status reconnecting")
    page.fill("#textInput", "two")
    page.press("#textInput", "Enter")
    expect(page.locator(".line.assistant .words").nth(1)).to_have_text("second")
    assert [e["item"]["content"][0]["text"] for e in peer.of_type("conversation.item.create")] == [
        "one",
        "two",
    ]
    assert len(peer.of_type("response.create")) == 2


def test_ten_seconds_without_network(peer: Peer, launch, told: Told) -> None:
    peer.answers = [Answer("before"), Answer("after")]
    page = launch()
    page.goto(peer.url)
    page.fill("#textInput", "one")
    page.press("#textInput", "Enter")
    expect(page.locator(".line.assistant .words")).to_have_text("before")
    page.context.set_offline(True)
    expect(page.locator("#status")).to_have_class("status reconnecting")
    told(page, "network_offline", ko="인터넷 연결이 끊겼습니다.", en="You are offline.")
    page.wait_for_timeout(10_000)
    expect(page.locator("#status")).to_have_class("status reconnecting")
    page.context.set_offline(False)
    expect(page.locator("#status")).to_have_class("status connected", timeout=3000)
    expect(page.locator("#problem")).to_be_hidden()
    assert len(peer.sessions) == 1, "the same call"
    page.fill("#textInput", "two")
    page.press("#textInput", "Enter")
    expect(page.locator(".line.assistant .words").nth(1)).to_have_text("after")


def test_a_server_that_does_not_come_back(peer: Peer, launch, told: Told) -> None:
    """Tried for as long as a server keeps a call, the longest wait 8 s; then a person is told."""
    page = launch()
    page.clock.install()
    page.goto(peer.url)
    page.click("#connectBtn")
    expect(page.locator("#status")).to_have_class("status connected")
    peer.stop()
    expect(page.locator("#status")).to_have_text(re.compile(r"\(1/8\)"))
    attempts: list[int] = []
    for _second in range(
        90
    ):  # the clock goes on by itself, too: which second shows which attempt is not for us to say
        page.clock.run_for(1_000)
        page.wait_for_timeout(50)
        shown = re.search(r"\((\d)/8\)", page.locator("#status").inner_text())
        if shown is None:
            break
        attempts.append(int(shown[1]))
    assert attempts == sorted(attempts) and attempts[-1] == 8
    expect(page.locator("#status")).to_have_class("status disconnected")
    told(page, "server_unreachable", ko="상담 서버에 연결할 수 없습니다.", en="The service can't be reached.")
    expect(page.locator("#connectBtn")).to_have_text("연결하기")


def test_the_call_continues_in_another_window(peer: Peer, launch, told: Told) -> None:
    page = launch()
    page.goto(peer.url)
    page.click("#connectBtn")
    expect(page.locator("#status")).to_have_class("status connected")
    peer.close_sockets(4409)
    told(
        page,
        "call_elsewhere",
        ko="이 통화가 다른 창에서 이어지고 있습니다.",
        en="This call continues in another window.",
    )
    expect(page.locator("#status")).to_have_class("status disconnected")


def test_a_socket_that_dies_without_a_word_is_noticed(peer: Peer, launch) -> None:
    """After a sleep, or a change of network, a socket can be open and dead: the page asks for a sign of life."""
    page = launch(language="en", tap=True)
    page.clock.install()
    page.goto(peer.url)
    page.click("#connectBtn")
    expect(page.locator("#status")).to_have_class("status connected")
    while not page.evaluate("__socket.some((e) => e.type === 'session.updated')"):
        page.wait_for_timeout(20)
    # From here on the socket takes everything and brings nothing.
    peer.deaf = True
    page.clock.run_for(27_000)
    expect(page.locator("#status")).to_have_class("status connected")
    for _ in range(16):  # in small steps: the first try to come back may be due before the seventh second
        page.clock.run_for(500)
        if "reconnecting" in (page.locator("#status").get_attribute("class") or ""):
            break
    expect(page.locator("#status")).to_have_class("status reconnecting")
    peer.deaf = False
    page.clock.run_for(3_000)
    expect(page.locator("#status")).to_have_class("status connected")
    assert len(peer.sockets_opened) == 2
    assert len(peer.sessions) == 1, "the same call"
