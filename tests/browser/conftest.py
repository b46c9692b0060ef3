"""A real Chromium, a microphone made of a WAV file, and a tap on the loudspeaker."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from .peer import DIST, Peer, running_peer
from .sound import write_wav

WEB = DIST.parent
SHOTS = WEB.parent / "out" / "browser"
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A name that is not localhost: an address where a browser gives no microphone, and a shop's own origin.
    "--host-resolver-rules=MAP shop.test 127.0.0.1, MAP other.test 127.0.0.1",
)

# Two cores are shared with the browser, the server and whatever else runs here.
expect.set_options(timeout=15_000)

TAP_WORKLET = """
class Tap extends AudioWorkletProcessor {
  process(inputs) {
    const samples = inputs[0]?.[0];
    if (samples?.some((x) => x !== 0)) this.port.postMessage({ frame: currentFrame, samples: samples.slice() });
    return true;
  }
}
registerProcessor("test-tap", Tap);
"""

TAP = """
((TAP_SOURCE) => {
  // Beside whatever is connected to the loudspeaker, a tap of our own hears the same.
  window.__tap = { rate: 0, blocks: [] };
  window.__socket = [];
  window.__sent = [];
  window.__audio = {};
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof AudioDestinationNode && !(this instanceof GainNode)) {
      const context = this.context;
      const source = URL.createObjectURL(new Blob([TAP_SOURCE], { type: "text/javascript" }));
      context.audioWorklet.addModule(source).then(() => {
        const tap = new AudioWorkletNode(context, "test-tap");
        window.__tap.rate = context.sampleRate;
        tap.port.onmessage = ({ data }) => window.__tap.blocks.push({ ...data, at: performance.now() });
        connect.call(this, tap);
        connect.call(tap, new GainNode(context, { gain: 0 })).connect(context.destination);
      });
    }
    return connect.call(this, to, ...rest);
  };
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...given) {
      super(...given);
      window.__ws = this;
      this.addEventListener("message", ({ data }) => {
        const event = JSON.parse(data);
        if (!event.type.endsWith(".delta")) window.__socket.push({ type: event.type, at: performance.now() });
        if (event.type === "response.output_audio.delta") (window.__audio[event.item_id] ??= []).push(event.delta);
      });
    }
    send(data) {
      const event = JSON.parse(data);
      if (event.type !== "input_audio_buffer.append") window.__sent.push({ ...event, at: performance.now() });
      super.send(data);
    }
  };
})(TAP_WORKLET);
""".replace("(TAP_WORKLET)", f"({json.dumps(TAP_WORKLET)})")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def built() -> Path:
    """The page as it is in the sources now."""
    sources = [*WEB.glob("src/**/*"), WEB / "index.html", WEB / "build.mjs"]
    index = DIST / "index.html"
    if not index.exists() or index.stat().st_mtime < max(p.stat().st_mtime for p in sources if p.is_file()):
        npm = shutil.which("npm")
        assert npm, "npm is not installed; the voice page cannot be built."
        if not (WEB / "node_modules").exists():
            subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=WEB, check=True)
        subprocess.run([npm, "run", "build"], cwd=WEB, check=True)
    return DIST


# For this package only: while it runs, no other test of the same process can have an event loop of its own.
@pytest.fixture(scope="package")
def playwright(built: Path) -> Iterator[Playwright]:
    with sync_playwright() as p:
        yield p


@pytest.fixture
def peer(built: Path) -> Iterator[Peer]:
    with running_peer() as running:
        yield running


Launch = Callable[..., Page]
Browsers = Callable[[np.ndarray | None, bool, bool], Browser]


@pytest.fixture(scope="package")
def browsers(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsers]:
    """A Chromium for a microphone; those with nothing to say share one, each test in a context of its own."""
    folder = tmp_path_factory.mktemp("microphones")
    shared: dict[tuple[bool, bool], Browser] = {}

    def start(microphone: np.ndarray | None, device: bool, allowed: bool) -> Browser:
        if microphone is None and (device, allowed) in shared:
            return shared[device, allowed]
        flags = list(FLAGS)
        if device:
            wav = folder / f"{'silence' if microphone is None else id(microphone)}.wav"
            write_wav(wav, np.zeros(24_000, dtype=np.int16) if microphone is None else microphone)
            flags += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={wav}%noloop"]
        if allowed:
            flags.append("--use-fake-ui-for-media-stream")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        if microphone is None:
            shared[device, allowed] = browser
        return browser

    yield start
    for browser in shared.values():
        browser.close()


@pytest.fixture
def launch(browsers: Browsers) -> Iterator[Launch]:
    """Opens a page: `launch(microphone=samples at 24 kHz, language="ko", dark=False, width=1000, …)`."""
    own: list[Browser] = []
    contexts: list[BrowserContext] = []
    pages: list[Page] = []

    def open_page(
        *,
        microphone: np.ndarray | None = None,
        device: bool = True,
        allowed: bool = True,
        language: str = "ko",
        dark: bool = False,
        width: int = 1000,
        height: int = 800,
        tap: bool = False,
        ignore_https_errors: bool = False,
    ) -> Page:
        browser = browsers(microphone, device, allowed)
        if microphone is not None:
            own.append(browser)
        context: BrowserContext = browser.new_context(
            locale="ko-KR" if language == "ko" else "en-US",
            color_scheme="dark" if dark else "light",
            viewport={"width": width, "height": height},
            reduced_motion="reduce",
            ignore_https_errors=ignore_https_errors,
            bypass_csp=tap,  # the tap's own worklet is not one that the page's policy lets in
        )
        contexts.append(context)
        if tap:
            context.add_init_script(TAP)
        page = context.new_page()
        page.set_default_timeout(15_000)
        pages.append(page)
        page.said = []  # type: ignore[attr-defined]
        page.on("console", lambda m: page.said.append(f"{m.type}: {m.text}"))  # type: ignore[attr-defined]
        page.on("pageerror", lambda e: page.said.append(f"uncaught: {e}"))  # type: ignore[attr-defined]
        return page

    yield open_page
    for page in pages:
        print("\n".join(page.said))  # type: ignore[attr-defined]
    for context in contexts:
        context.close()
    for browser in own:
        browser.close()


@pytest.fixture
def shot(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Keeps a picture under out/browser, to be looked at."""
    SHOTS.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> None:
        page.screenshot(path=SHOTS / f"{name}.png")

    return take


@pytest.fixture
def looks(shot: Callable[[Page, str], None]) -> Callable[..., None]:
    """Pictures in light and in dark; axe finds nothing in either."""

    def take(page: Page, name: str, *, axe: bool = True) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            shot(page, f"{name}-{scheme}")
            assert not axe or violations(page) == [], scheme

    return take


def violations(page: Page) -> list[dict[str, Any]]:
    """What axe finds against WCAG 2.2 AA, with the elements at fault."""
    if not page.evaluate("'axe' in window"):
        page.evaluate((WEB / "node_modules" / "axe-core" / "axe.min.js").read_text())
    result = page.evaluate(
        """() => axe.run(document, {
            runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        })"""
    )
    return [{"id": v["id"], "nodes": [n["html"] for n in v["nodes"]]} for v in result["violations"]]
