// openai (npm): `OpenAIRealtimeWS`, which insists on TLS; the test's certificate is its only authority.

import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { readFileSync } from "node:fs";
import { arguments_, microphone, mustSay, run } from "./flows.mjs";

const given = arguments_();
const TOOL = {
  type: "function",
  name: "find_order",
  description: "Find the caller's order.",
  parameters: { type: "object", properties: { question: { type: "string" } } },
};

async function session(flow, audioInput, more = {}) {
  const client = new OpenAI({ apiKey: "none is needed on loopback", baseURL: `${given.https}/v1` });
  const rt = await OpenAIRealtimeWS.create(client, {
    model: "moksori-local",
    options: { ca: readFileSync(given.ca) },
  });
  rt.on("error", (error) => flow.saw("error", error.message));
  rt.on("event", (event) => {
    if (event.type === "response.output_audio_transcript.done") flow.said = event.transcript;
    if (event.type !== "error") flow.saw(event.type, event);
  });
  await flow.expect("session.created");
  rt.send({ type: "session.update", session: { type: "realtime", audio: { input: audioInput }, ...more } });
  await flow.expect("session.updated");
  return rt;
}

function ask(rt, text) {
  const item = { type: "message", role: "user", content: [{ type: "input_text", text }] };
  rt.send({ type: "conversation.item.create", item });
  rt.send({ type: "response.create" });
}

const append = (rt) => (piece) => rt.send({ type: "input_audio_buffer.append", audio: piece.toString("base64") });
const VAD = { turn_detection: { type: "server_vad" } };

await run({
  async typed(flow) {
    const rt = await session(flow, { turn_detection: null });
    ask(rt, "Hello there");
    await flow.expect("response.output_audio.delta");
    await flow.expect("response.done");
    mustSay(flow, "hello there");
    rt.close();
  },

  async tool(flow) {
    const rt = await session(flow, { turn_detection: null }, { tools: [TOOL] });
    ask(rt, "Where is my order?");
    const call = await flow.expect("response.function_call_arguments.done");
    await flow.expect("response.done");
    const output = JSON.stringify({ status: "shipped yesterday" });
    rt.send({ type: "conversation.item.create", item: { type: "function_call_output", call_id: call.call_id, output } });
    rt.send({ type: "response.create" });
    await flow.expect("response.done");
    mustSay(flow, "shipped yesterday");
    rt.close();
  },

  async spoken(flow) {
    const rt = await session(flow, { ...VAD, transcription: { model: "whisper-1" } });
    const silence = microphone(given.question, append(rt));
    await flow.expect("input_audio_buffer.speech_started");
    await flow.expect("conversation.item.input_audio_transcription.completed");
    await flow.expect("response.done");
    silence();
    mustSay(flow, "return policy");
    rt.close();
  },

  async interruption(flow) {
    const rt = await session(flow, VAD);
    ask(rt, "Tell me a story");
    const first = await flow.expect("response.output_audio.delta");
    const silence = microphone(given.stop, append(rt));
    await flow.expect("input_audio_buffer.speech_started");
    rt.send({ type: "conversation.item.truncate", item_id: first.item_id, content_index: 0, audio_end_ms: 200 });
    await flow.expect("conversation.item.truncated");
    await flow.expect("response.done");
    silence();
    rt.close();
  },
});
