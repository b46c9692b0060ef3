"""A page with the tutorial's calls, ids and import holds a conversation: typed, spoken, interrupted."""

from __future__ import annotations

import time

import numpy as np
from playwright.sync_api import expect

from .peer import Answer, Peer
from .sound import RATE, join, silence, spoken

PAGE = """<!doctype html>
<html lang="ko">
  <head><meta charset="utf-8"><title>상담</title></head>
  <body>
    <div id="status" class="status disconnected">연결되지 않음</div>
    <button id="connectBtn">연결하기</button>
    <button id="micBtn" disabled>마이크 시작</button>
    <div id="transcript"></div>
    <input id="textInput"><button id="sendBtn">전송</button>
    <script type="module">
      import VoiceAI from "/voice-realtime-client.js";
      const voice = new VoiceAI();
      const $ = (id) => document.getElementById(id);
      const log = (window.log = []);
      let micOn = false;

      function status(text, name) {
        $("status").textContent = text;
        $("status").className = `status ${name}`;
      }
      function line(role, text) {
        const p = document.createElement("p");
        p.className = role;
        p.textContent = text;
        $("transcript").append(p);
      }

      $("connectBtn").addEventListener("click", async () => {
        if (voice.connection) {
          voice.disconnect();
          status("연결되지 않음", "disconnected");
          $("micBtn").disabled = true;
          return;
        }
        status("연결 중", "connecting");
        await voice.connect();
        status("연결됨", "connected");
        $("micBtn").disabled = false;

        voice.connection.on("session.created", (session) => log.push(["created", session.session_id]));
        voice.connection.on("session.updated", (session) => log.push(["updated", session.session_id, session.latency]));
        voice.connection.on("conversation.item.created", (item) => log.push(["item", item.role]));
        voice.connection.on("conversation.item.completed", (item, raw) => {
          log.push(["completed", raw.type]);
          line(item.role, item.content[0].text);
        });
        voice.connection.on("input_audio_buffer.speech_started", () => log.push(["speech"]));
      });
      $("micBtn").addEventListener("click", async () => {
        if (micOn) {
          voice.stopMicrophone();
          micOn = false;
        } else {
          micOn = await voice.startMicrophone();
        }
        $("micBtn").textContent = micOn ? "마이크 중지" : "마이크 시작";
      });
      function send() {
        voice.sendTextMessage($("textInput").value);
        $("textInput").value = "";
      }
      $("sendBtn").addEventListener("click", send);
      $("textInput").addEventListener("keypress", (e) => e.key === "Enter" && send());
      voice.on("latency", (ms, turn) => log.push(["latency", ms, turn]));
      voice.on("interrupted", (detail) => log.push(["interrupted", detail]));
      voice.on("error", (error) => log.push(["error", error.code, error.message, error.todo]));
      voice.on("disconnected", () => log.push(["disconnected", voice.connection]));
    </script>
  </body>
</html>"""


def of(page, kind: str) -> list[list]:
    return [entry for entry in page.evaluate("log") if entry[0] == kind]


def test_a_typed_conversation(peer: Peer, launch) -> None:
    peer.extra["tutorial.html"] = PAGE
    peer.answers = [Answer("네, 오늘 도착합니다.")]
    page = launch()
    page.goto(f"{peer.url}/extra/tutorial.html")
    page.click("#connectBtn")
    expect(page.locator("#status.connected")).to_have_text("연결됨")
    page.fill("#textInput", "제 주문은 언제 오나요?")
    page.press("#textInput", "Enter")
    expect(page.locator("#transcript p")).to_have_text(["제 주문은 언제 오나요?", "네, 오늘 도착합니다."])
    assert of(page, "created")[0][1].startswith("sess_")
    assert of(page, "updated")[0][2] == 42
    assert [e[1] for e in of(page, "item")] == ["user", "assistant"]

    page.click("#connectBtn")
    expect(page.locator("#status")).to_have_text("연결되지 않음")
    assert of(page, "disconnected") == [["disconnected", None]]
    assert of(page, "error") == []


def test_a_spoken_conversation(peer: Peer, launch) -> None:
    peer.extra["tutorial.html"] = PAGE
    peer.transcripts = ["Where is my order?"]
    peer.answers = [Answer("It arrives today.")]
    page = launch(microphone=join(silence(0.5), spoken("Where is my order?"), silence(30)))
    page.goto(f"{peer.url}/extra/tutorial.html")
    page.click("#connectBtn")
    page.click("#micBtn:not([disabled])")
    expect(page.locator("#transcript p")).to_have_text(["Where is my order?", "It arrives today."])
    page.wait_for_function("log.some((e) => e[0] === 'latency')")
    [[_, ms, turn]] = of(page, "latency")
    # The peer waits for 500 ms of silence and thinks for none; the rest is buffers and this machine.
    assert ms >= 450
    assert abs(sum(turn["parts"].values()) - ms) <= 2
    assert turn["parts"]["end_of_turn_ms"] >= 450


def test_what_is_said_before_the_socket_is_open_is_not_lost(peer: Peer, launch) -> None:
    peer.extra["early.html"] = """<!doctype html><title>early</title><button>go</button><script type="module">
      import VoiceAI from "/moksori.js";
      document.querySelector("button").onclick = async () => {
        // The server is slow to give a secret; the caller does not wait for it.
        const getSecret = async () => {
          await new Promise((done) => setTimeout(done, 5000));
          const answer = await fetch("/v1/realtime/client_secrets", { method: "POST", body: '{"session":{}}' });
          return answer.json();
        };
        const voice = new VoiceAI({ getSecret });
        const opening = voice.connect();
        window.mic = await voice.startMicrophone();
        await opening;
        window.live = true;
      };
    </script>"""
    words = spoken("Where is my order?")
    peer.transcripts = ["Where is my order?"]
    # The microphone's file begins with the browser, and another browser may be busy beside it.
    page = launch(microphone=join(silence(2), words, silence(30)))
    page.goto(f"{peer.url}/extra/early.html")
    page.click("button")
    page.wait_for_function("window.live === true")
    deadline = time.monotonic() + 10
    while not peer.of_type("input_audio_buffer.append") or not any(
        e["type"] == "input_audio_buffer.speech_stopped" for s in peer.sessions.values() for e in s.log
    ):
        assert time.monotonic() < deadline, "The words said before the socket was open never came."
        page.wait_for_timeout(50)
    [session] = peer.sessions.values()
    heard = np.concatenate(session.heard)
    loud = np.flatnonzero(np.abs(heard) > 1500)
    assert (loud[-1] - loud[0]) / RATE > 0.9 * len(words) / RATE


def test_an_interruption_is_silent_at_once_and_tells_what_was_heard(peer: Peer, launch) -> None:
    """The tap on the loudspeaker is the judge: of the silence, and of the heard milliseconds."""
    peer.extra["tutorial.html"] = PAGE
    peer.transcripts = ["Where is my order?", "Stop please."]
    steady = (np.full(RATE * 20, 0.25) * 32767).astype(np.int16)
    peer.answers = [Answer("word " * 40, samples=steady), Answer("Yes?")]
    question, interruption = spoken("Where is my order?"), spoken("Stop, please, wait a moment.")
    page = launch(microphone=join(silence(0.5), question, silence(4), interruption, silence(30)), tap=True)
    page.goto(f"{peer.url}/extra/tutorial.html")
    page.click("#connectBtn")
    page.click("#micBtn:not([disabled])")
    page.wait_for_function("log.some((e) => e[0] === 'interrupted')", timeout=20_000)
    page.wait_for_timeout(300)

    [[_, detail], *_] = of(page, "interrupted")
    # The answer's own audio has no silent span, and the next answer comes a second later. A starved machine may stop the
    # loudspeaker for a moment in between: what counts is how much of the answer came out of it.
    tap = page.evaluate(
        "({ rate: __tap.rate, blocks: __tap.blocks.map((b) => [b.frame, b.at, b.samples.length]) })"
    )
    socket = page.evaluate("__socket")
    started = [e["at"] for e in socket if e["type"] == "input_audio_buffer.speech_started"][1]
    first_answer = [b for b in tap["blocks"] if b[1] < started + 400]
    heard_ms = sum(b[2] for b in first_answer) / tap["rate"] * 1000
    [truncation] = peer.of_type("conversation.item.truncate")
    assert truncation["audio_end_ms"] == detail["heard_ms"]
    assert abs(truncation["audio_end_ms"] - heard_ms) <= 20
    assert truncation["audio_end_ms"] > 2000
    assert detail["silent_after_ms"] <= 50
    # And by the tap's own clock: its last sound came to us this long after the server's word.
    assert first_answer[-1][1] - started <= 50


def test_a_refused_microphone_is_false_and_never_an_exception(peer: Peer, launch) -> None:
    peer.extra["tutorial.html"] = PAGE
    page = launch(allowed=False)
    page.goto(f"{peer.url}/extra/tutorial.html")
    page.click("#connectBtn")
    page.click("#micBtn:not([disabled])")
    page.wait_for_function("log.some((e) => e[0] === 'error')")
    [[_, code, message, todo]] = of(page, "error")
    assert code == "mic_denied"
    assert message == "마이크 사용이 허용되지 않았습니다."
    assert "허용" in todo
    expect(page.locator("#micBtn")).to_have_text("마이크 시작")
    assert not [s for s in page.said if s.startswith("uncaught")]


def test_the_lower_layer(peer: Peer, launch) -> None:
    peer.extra["layer.html"] = """<!doctype html><title>layer</title><button>go</button><script type="module">
      import { connect } from "/moksori.js";
      document.querySelector("button").onclick = async () => {
        const seen = (window.seen = []);
        const connection = await connect({ model: "some/model", voice: "alloy", prompt: "Be brief." });
        connection.on("session.created", (session, raw) => seen.push([session.session_id, raw.type]));
        connection.on("session.updated", (session) => seen.push([session.instructions, session.audio.output.voice]));
        connection.on("conversation.item.done", (item) => seen.push([item.role, item.content[0].text]));
        const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
        await connection.sendAudio({ track: stream.getAudioTracks()[0] });
        const item = { type: "message", role: "user", content: [{ type: "input_text", text: "Hello" }] };
        connection.send({ type: "conversation.item.create", item });
        connection.send({ type: "response.create" });
        window.hangUp = () => connection.disconnect();
      };
    </script>"""
    peer.answers = [Answer("Hi.")]
    page = launch(language="en")
    page.goto(f"{peer.url}/extra/layer.html")
    page.click("button")
    page.wait_for_function("window.seen?.some((e) => e[0] === 'assistant')")
    seen = page.evaluate("seen")
    assert seen[0][1] == "session.created"
    assert ["Be brief.", "alloy"] in seen
    assert ["assistant", "Hi."] in seen
    page.wait_for_timeout(300)
    page.evaluate("hangUp()")
    assert "model=some%2Fmodel" in peer.sockets_opened[0]
    assert len(peer.of_type("input_audio_buffer.append")) > 5
    assert {len(e["audio"]) for e in peer.of_type("input_audio_buffer.append")} == {1280}, (
        "20 ms of 24 kHz PCM16"
    )
