"""The loudspeaker is held while the server finds out whether the caller interrupts: the tap on it is the judge."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Page

from .peer import Answer, Peer
from .sound import RATE
from .tap import stretches

PAGE = """<!doctype html><title>hold</title><button>go</button><script type="module">
  import VoiceAI from "/moksori.js";
  document.querySelector("button").onclick = async () => {
    const voice = (window.voice = new VoiceAI());
    voice.on("transcript", ({ lines }) => (window.heard = lines.find((line) => line.kind === "assistant")?.heard ?? 0));
    voice.on("interrupted", (detail) => (window.interrupted = detail));
    await voice.connect();
  };
</script>"""
SECONDS = 6
WORDS = " ".join(["word"] * SECONDS * 10)
STEADY = np.full(RATE * SECONDS, 8000, dtype=np.int16)
"""Without a silent span: every sample of it is seen by the tap."""
HEARD = 50
"""Characters, about a second: by then the answer sounds, and most of it is still to come."""
TAPPED_MS = 300
"""The tap is put on when the loudspeaker is there, and hears it after this: no sample of the answer is to be missed."""
CLOSE_MS = 20
"""The tap counts in blocks, and one of them at each end and on both sides of a hold may be half full."""


@pytest.fixture
def page(peer: Peer, launch) -> Page:
    """One that hears a long answer."""
    peer.extra["hold.html"] = PAGE
    peer.answers = [Answer(WORDS, samples=STEADY)]
    page = launch(language="en", tap=True)
    page.goto(f"{peer.url}/extra/hold.html")
    page.click("button")
    page.wait_for_function("window.__tap.rate > 0 && window.voice.status === 'connected'")
    page.wait_for_timeout(TAPPED_MS)
    page.evaluate("voice.sendTextMessage('Tell me everything.')")
    page.wait_for_function(f"window.heard >= {HEARD}")
    return page


def held(peer: Peer, at_most_ms: int) -> None:
    peer.say({"type": "moksori.output_audio.held", "event_id": "event_held", "at_most_ms": at_most_ms})


def stands_still(page: Page) -> bool:
    """Whether no word more is heard, once what was on its way when it was told has come."""
    page.wait_for_timeout(150)
    before = page.evaluate("heard")
    page.wait_for_timeout(350)
    return bool(before == page.evaluate("heard") < len(WORDS))


@pytest.mark.parametrize(("at_most_ms", "released"), [(2000, True), (900, False)])
def test_it_stands_still_and_plays_on_without_loss(
    peer: Peer, page: Page, at_most_ms: int, released: bool
) -> None:
    held(peer, at_most_ms)
    assert stands_still(page)
    if released:
        peer.say({"type": "moksori.output_audio.released", "event_id": "event_released"})
    page.wait_for_function(f"heard === {len(WORDS)}")
    page.wait_for_timeout(300)
    before, after = stretches(page)
    assert before.ms > 500
    assert abs(before.ms + after.ms - SECONDS * 1000) <= CLOSE_MS
    assert peer.of_type("conversation.item.truncate") == []
    assert "holds=1" in peer.sockets_opened[0]


def test_an_interruption_is_told_as_of_where_it_stood(peer: Peer, page: Page) -> None:
    held(peer, 2000)
    assert stands_still(page)
    peer.say({"type": "input_audio_buffer.speech_started", "item_id": "item_caller", "audio_start_ms": 0})
    page.wait_for_function("window.interrupted")
    page.wait_for_timeout(2000)
    detail = page.evaluate("interrupted")
    [heard] = stretches(page)
    [truncation] = peer.of_type("conversation.item.truncate")
    assert truncation["audio_end_ms"] == detail["heard_ms"]
    assert abs(heard.ms - detail["heard_ms"]) <= CLOSE_MS
    assert detail["silent_after_ms"] == 0
