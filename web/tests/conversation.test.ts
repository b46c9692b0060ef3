import { describe, expect, it } from "vitest";
import { toolWords } from "../src/ui/words.js";
import { addAudio, addText, charsHeard, close, NOTHING_HEARD } from "../src/heard.js";
import { stepMicrophone, type MicrophoneEvent, type MicrophoneState } from "../src/machines/microphone.js";
import { baseOf, sessionOf, socketUrl } from "../src/options.js";
import { fromClose, fromMicrophone, fromStatus, problem } from "../src/problems.js";
import { readSecret, usable } from "../src/secrets.js";
import { PROBLEMS } from "../src/texts.js";
import { EMPTY, historyOf, stepTranscript, type Transcript, type TranscriptEvent } from "../src/transcript.js";
import { TurnClock } from "../src/turnclock.js";
import { known, parseEvent } from "../src/wire.js";

describe("which words were heard", () => {
  // "Your order" with one second of audio, then " arrives today" with another.
  let map = addAudio(addText(NOTHING_HEARD, "Your order"), 24_000);
  map = close(addAudio(addText(map, " arrives today"), 24_000));

  it.each([
    [0, ""],
    [6_000, ""],
    [12_000, "Your"],
    [24_000, "Your order"],
    [36_000, "Your order"],
    [44_000, "Your order arrives"],
    [48_000, "Your order arrives today"],
    [99_999, "Your order arrives today"],
  ])("after %i samples", (samples, text) => {
    expect(map.text.slice(0, charsHeard(map, samples))).toBe(text);
  });

  it("takes a Korean eojeol as a word", () => {
    const ko = close(addAudio(addText(NOTHING_HEARD, "오늘 오후에 도착합니다"), 24_000));
    expect(ko.text.slice(0, charsHeard(ko, 16_000))).toBe("오늘 오후에");
  });

  it("hears nothing of words whose audio has not come", () => {
    expect(charsHeard(addText(NOTHING_HEARD, "Hello"), 0)).toBe(0);
  });
});

function told(...events: TranscriptEvent[]): Transcript {
  return events.reduce(stepTranscript, EMPTY);
}

describe("the transcript", () => {
  it("puts a caller's words where they were said, though they are understood after the answer has begun", () => {
    const { lines } = told(
      { type: "input_audio_buffer.speech_started", item_id: "u", audio_start_ms: 0 },
      { type: "response.output_audio_transcript.delta", response_id: "r", item_id: "a", delta: "Sure" },
      { type: "conversation.item.input_audio_transcription.completed", item_id: "u", transcript: " Where is it? " },
    );
    expect(lines.map((l) => [l.kind, l.id])).toEqual([
      ["user", "u"],
      ["assistant", "a"],
    ]);
    expect(lines[0]).toMatchObject({ text: "Where is it?", partial: false });
  });

  it("shows partial words as they come, and lets go of noise that held none", () => {
    const delta = (text: string): TranscriptEvent => ({
      type: "conversation.item.input_audio_transcription.delta",
      item_id: "u",
      delta: text,
    });
    expect(told(delta("그 파란 "), delta("거"))).toMatchObject({ lines: [{ text: "그 파란 거", partial: true }] });
    const noise = told(delta("음"), {
      type: "conversation.item.input_audio_transcription.completed",
      item_id: "u",
      transcript: "",
    });
    expect(noise.lines).toEqual([]);
  });

  it("keeps a cut answer in view, and knows how much of it was heard", () => {
    const { lines } = told(
      { type: "response.output_audio_transcript.delta", response_id: "r", item_id: "a", delta: "one two three four" },
      { type: "audio_came", item: "a", samples: 24_000 },
      { type: "cut_at", item: "a", samples: 12_000 },
      { type: "heard", item: "a", samples: 24_000, finished: false },
      {
        type: "conversation.item.done",
        item: { id: "a", type: "message", role: "assistant", content: [{ type: "output_audio", transcript: "one two" }] },
      },
    );
    expect(lines[0]).toMatchObject({ cut: true, heard: 7, map: { text: "one two three four" } });
  });

  it("tells a new call only what was heard of the answers", () => {
    const state = told(
      { type: "conversation.item.added", item: { id: "u", type: "message", role: "user", content: [{ type: "input_text", text: "Hi" }] } },
      { type: "response.output_audio_transcript.delta", response_id: "r", item_id: "a", delta: "one two three four" },
      { type: "audio_came", item: "a", samples: 24_000 },
      { type: "cut_at", item: "a", samples: 12_000 },
    );
    expect(historyOf(state).map((i) => [i.role, i.content?.[0]?.text])).toEqual([
      ["user", "Hi"],
      ["assistant", "one two"],
    ]);
  });

  it("makes a card of a proposal and takes an answer to it once", () => {
    const output = JSON.stringify({ ok: true, done: false, proposal: { token: "p1", read_out: "주문을 취소할까요?" } });
    const state = told({ type: "conversation.item.added", item: { id: "o", type: "function_call_output", call_id: "c", output } });
    expect(state.lines).toMatchObject([{ kind: "proposal", proposal: { id: "p1", answer: "spoken", state: "open" } }]);
    const answered = stepTranscript(state, { type: "answered", proposal: "p1", yes: true });
    expect(answered.lines).toMatchObject([{ proposal: { state: "yes" } }]);
  });

  it("takes no card from a tool's plain words, or from anything else that is not one", () => {
    for (const output of ["done", "null", "[]", '{"proposal":3}', '{"proposal":{"token":1}}']) {
      const { lines } = told({ type: "conversation.item.added", item: { id: "o", type: "function_call_output", call_id: "c", output } });
      expect(lines).toEqual([]);
    }
  });

  it("ends a tool's line when its output comes, and says when it failed", () => {
    const call: TranscriptEvent = {
      type: "conversation.item.added",
      item: { id: "f", type: "function_call", name: "find_order", call_id: "c" },
    };
    const output = (text: string): TranscriptEvent => ({
      type: "conversation.item.added",
      item: { id: "o", type: "function_call_output", call_id: "c", output: text },
    });
    expect(told(call).lines).toMatchObject([{ state: "running" }]);
    expect(told(call, output('{"ok":true}')).lines).toMatchObject([{ state: "done" }]);
    expect(told(call, output("in words")).lines).toMatchObject([{ state: "done" }]);
    expect(told(call, output('{"ok":false,"error":{}}')).lines).toMatchObject([{ state: "failed" }]);
    const proposed = told(call, output('{"ok":true,"done":false,"proposal":{"token":"t","read_out":"Shall I?"}}'));
    expect(proposed.lines).toMatchObject([{ state: "proposed" }, { kind: "proposal" }]);
  });

  it("shows what the server's own tools do, and a card for what waits", () => {
    const tool = (name: string, outcome: string, proposal?: string) => [
      { type: "moksori.tool.started" as const, call_id: name, name },
      { type: "moksori.tool.done" as const, call_id: name, name, outcome, proposal: proposal ?? null },
    ];
    const asked = told(...tool("find_orders", "read"), ...tool("cancel_order", "proposed", "취소할까요?"));
    expect(asked.lines).toMatchObject([
      { kind: "tool", tool: "find_orders", state: "done" },
      { kind: "tool", tool: "cancel_order", state: "proposed" },
      { kind: "proposal", proposal: { sentence: "취소할까요?", answer: "spoken", state: "open" } },
    ]);
    const cards = (state: Transcript) => state.lines.filter((l) => l.kind === "proposal");
    const refused = tool("confirm_action", "refused").reduce(stepTranscript, asked);
    expect(refused).toEqual(asked);
    const done = tool("confirm_action", "committed").reduce(stepTranscript, asked);
    expect(cards(done)).toMatchObject([{ proposal: { state: "yes" } }]);
    const ended = stepTranscript(asked, { type: "moksori.proposal.ended", call_id: "cancel_order" });
    expect(cards(ended)).toMatchObject([{ proposal: { state: "lapsed" } }]);
    const no = stepTranscript(asked, { type: "answered", proposal: "cancel_order", yes: false });
    expect(stepTranscript(no, { type: "moksori.proposal.ended", call_id: "cancel_order" })).toEqual(no);
  });

  it("lets one proposal stand at a time, and closes it when a spoken yes was carried out", () => {
    const call = (id: string, name: string): TranscriptEvent => ({
      type: "conversation.item.added",
      item: { id: `f${id}`, type: "function_call", name, call_id: id },
    });
    const output = (id: string, value: object): TranscriptEvent => ({
      type: "conversation.item.added",
      item: { id: `o${id}`, type: "function_call_output", call_id: id, output: JSON.stringify(value) },
    });
    const state = told(
      call("1", "cancel_order"),
      output("1", { ok: true, proposal: { token: "a", read_out: "Cancel one?" } }),
      call("2", "cancel_order"),
      output("2", { ok: true, proposal: { token: "b", read_out: "Cancel both?" } }),
    );
    expect(state.lines.filter((l) => l.kind === "proposal")).toMatchObject([{ proposal: { id: "b", state: "open" } }]);
    const confirmed = [call("3", "confirm"), output("3", { ok: true, done: true })].reduce(stepTranscript, state);
    expect(confirmed.lines.filter((l) => l.kind === "proposal")).toMatchObject([{ proposal: { id: "b", state: "yes" } }]);
    const refused = [call("3", "confirm"), output("3", { ok: false })].reduce(stepTranscript, state);
    expect(refused.lines.filter((l) => l.kind === "proposal")).toMatchObject([{ proposal: { id: "b", state: "open" } }]);
  });
});

describe("the microphone", () => {
  function mic(...events: MicrophoneEvent[]): { state: MicrophoneState; told: string[]; released: boolean } {
    let state: MicrophoneState = { name: "off" };
    const said: string[] = [];
    let released = false;
    for (const event of events) {
      const [next, effects] = stepMicrophone(state, event);
      state = next;
      for (const e of effects) {
        if (e.type === "tell") said.push(e.problem.code);
        if (e.type === "release") released = true;
      }
    }
    return { state, told: said, released };
  }
  const start: MicrophoneEvent = { type: "start", secure: true, present: true };
  const granted: MicrophoneEvent = { type: "granted", muted: false };

  it("does not ask where a browser would not give it", () => {
    expect(mic({ type: "start", secure: false, present: false }).told).toEqual(["mic_insecure"]);
    expect(mic({ type: "start", secure: true, present: false }).told).toEqual(["mic_missing"]);
  });

  it.each([
    ["NotAllowedError", "mic_denied"],
    ["NotFoundError", "mic_missing"],
    ["OverconstrainedError", "mic_missing"],
    ["NotReadableError", "mic_busy"],
    ["SecurityError", "mic_insecure"],
    ["TypeError", "mic_failed"],
  ])("tells what %s means", (error, code) => {
    const { state, told: said } = mic(start, { type: "refused", error });
    expect(said).toEqual([code]);
    expect(state.name).toBe("refused");
    expect(fromMicrophone(error).code).toBe(code);
  });

  it("lets go of a microphone that was granted after it was taken back", () => {
    expect(mic(start, { type: "stop" }, granted)).toMatchObject({ state: { name: "off" }, released: true });
  });

  it("tells that it was unplugged, and can be started again", () => {
    const { state, told: said } = mic(start, granted, { type: "ended" });
    expect([state.name, ...said]).toEqual(["refused", "mic_unplugged"]);
    expect(mic(start, granted, { type: "ended" }, start, granted).state).toEqual({ name: "on", muted: false });
  });

  it("tells a mute once", () => {
    expect(mic(start, granted, { type: "muted" }, { type: "muted" }, { type: "unmuted" }).told).toEqual(["mic_muted"]);
  });
});

describe("where the server is", () => {
  it.each([
    [undefined, "https://shop.example/help?x=1", "https://shop.example"],
    ["wss://voice.example/v1/realtime", "https://shop.example/", "https://voice.example"],
    ["https://voice.example/v1", "https://shop.example/", "https://voice.example/v1"],
    ["http://127.0.0.1:8080/", "https://shop.example/", "http://127.0.0.1:8080"],
    ["/voice", "https://shop.example/a/b", "https://shop.example/voice"],
  ])("%s on %s is %s", (url, page, base) => {
    expect(baseOf(url, page)).toBe(base);
  });

  it("names the call and the last event in the address of a resume", () => {
    const url = new URL(socketUrl("http://h:1", "my/model", { session: "sess_1", lastEvent: "event_9" }));
    expect(url.protocol).toBe("ws:");
    expect(Object.fromEntries(url.searchParams)).toEqual({
      model: "my/model",
      events: "extended",
      holds: "1",
      session_id: "sess_1",
      last_event_id: "event_9",
    });
  });
});

describe("a session's settings", () => {
  it("takes one word as a stored prompt and a sentence as instructions", () => {
    expect(sessionOf({ prompt: "shop" }).prompt).toEqual({ id: "shop" });
    expect(sessionOf({ prompt: "Be kind." }).instructions).toBe("Be kind.");
    expect(sessionOf({ prompt: { id: "shop", variables: { language: "ko" } } }).prompt).toEqual({
      id: "shop",
      variables: { language: "ko" },
    });
  });

  it("lets the page's own fields win without losing the rest", () => {
    const session = sessionOf({ voice: "alloy", session: { audio: { output: { speed: 1.1 } } } }) as {
      audio: { input: { turn_detection: object }; output: object };
    };
    expect(session.audio.output).toEqual({ format: { type: "audio/pcm", rate: 24_000 }, voice: "alloy", speed: 1.1 });
    expect(session.audio.input.turn_detection).toMatchObject({ threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 500 });
  });
});

describe("secrets", () => {
  it.each([
    ["ek_1", null],
    [{ value: "ek_1", expires_at: 5 }, 5],
    [{ client_secret: { value: "ek_1", expires_at: 5 } }, 5],
    [{ client_secret: "ek_1" }, null],
    [{ clientSecret: "ek_1", expiresAt: 5 }, 5],
  ])("are read from %j", (answer, expires) => {
    expect(readSecret(answer)).toEqual({ value: "ek_1", expires });
  });

  it.each([null, undefined, "", 3, {}, { value: 3 }])("are not read from %j", (answer) => {
    expect(readSecret(answer)).toBeNull();
  });

  it("are used again only while they last, and never when nobody said how long", () => {
    expect(usable({ value: "a", expires: 100 }, 50)).toBe(true);
    expect(usable({ value: "a", expires: 100 }, 95)).toBe(false);
    expect(usable({ value: "a", expires: null }, 0)).toBe(false);
  });
});

describe("problems", () => {
  it("have a sentence and a remedy in both languages, each its own", () => {
    for (const language of ["ko", "en"] as const) {
      const sentences = Object.values(PROBLEMS[language]);
      for (const { said, todo } of sentences) {
        expect(said).toMatch(/[.]$/);
        expect(todo).toMatch(/[.]$/);
        expect(/[가-힣]/.test(said)).toBe(language === "ko");
        expect(/[가-힣]/.test(todo)).toBe(language === "ko");
      }
      expect(new Set(sentences.map((s) => s.said)).size).toBe(sentences.length);
    }
  });

  it.each([
    [1006, true, "server_restarting"],
    [1006, false, "server_unreachable"],
    [1012, true, "server_restarting"],
    [1013, true, "server_busy"],
    [4404, true, "call_gone"],
    [4409, true, "call_elsewhere"],
    [1000, true, "call_ended"],
  ] as const)("close %i, opened %s, is %s", (code, opened, expected) => {
    expect(fromClose(code, null, opened).code).toBe(expected);
  });

  it("believe the error before the close more than its code", () => {
    expect(fromClose(1008, problem("budget_spent"), true).code).toBe("budget_spent");
  });

  it("tell a missing key from a wrong one", () => {
    expect(fromStatus(401, null, false).code).toBe("key_needed");
    expect(fromStatus(401, null, true).code).toBe("key_refused");
    expect(fromStatus(403, null, true).code).toBe("origin_refused");
    expect(fromStatus(502, null, true).remedy).toBe("retry");
  });
});

describe("a turn's time", () => {
  it("is from the last voiced sample to the first audible one, and its parts add up", () => {
    const clock = new TurnClock();
    clock.speechStopped(1000, 1250);
    clock.audioArrived(1500);
    clock.audioArrived(1700);
    const turn = clock.audible(1600);
    expect(turn).toEqual({
      voice_to_voice_ms: 600,
      spoken: true,
      parts: { end_of_turn_ms: 250, answer_ms: 250, playback_ms: 100 },
    });
    expect(clock.audible(1700)).toBeNull();
  });

  it("is not told when the caller spoke on", () => {
    const clock = new TurnClock();
    clock.speechStopped(1000, 1250);
    clock.dropped();
    clock.audioArrived(1500);
    expect(clock.audible(1600)).toBeNull();
  });
});

describe("what comes from the socket", () => {
  it("is an event or nothing", () => {
    expect(parseEvent("not json")).toBeNull();
    expect(parseEvent("[]")).toBeNull();
    expect(parseEvent(new ArrayBuffer(2))).toBeNull();
    expect(parseEvent('{"type":"x"}')).toEqual({ type: "x" });
  });

  it("is acted on only with the fields that it needs, and never by a name from the prototype", () => {
    expect(known({ type: "response.output_audio.delta", item_id: "a" })).toBeNull();
    expect(known({ type: "session.created", session: null })).toBeNull();
    expect(known({ type: "toString" })).toBeNull();
    expect(known({ type: "response.output_audio.delta", item_id: "a", delta: "" })).not.toBeNull();
  });
});

describe("a tool in plain words", () => {
  it.each([
    ["find_orders", "주문을 확인했습니다"],
    ["track_delivery", "배송을 조회했습니다"],
    ["change_customer_address", "주소를 바꿨습니다"],
    ["get_refund_status", "환불을 확인했습니다"],
    ["hand_over", "상담원에게 내용을 전했습니다"],
    ["confirm", "요청을 처리했습니다"],
    ["anything_else", "정보를 확인했습니다"],
  ])("%s", (tool, words) => {
    expect(toolWords(tool, "done", "ko")).toBe(words);
  });

  it("never says that something was done which only was proposed", () => {
    for (const tool of ["cancel_order", "exchange_items", "return_items"]) {
      expect(toolWords(tool, "proposed", "ko")).toContain("기다립니다");
      expect(toolWords(tool, "running", "en")).toContain("Checking");
    }
  });
});
