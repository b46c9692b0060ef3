// @openai/agents-realtime: `RealtimeSession` over its WebSocket transport.

import { RealtimeAgent, RealtimeSession, tool } from "@openai/agents-realtime";
import { Flow, arguments_, microphone, mustSay, run } from "./flows.mjs";

const given = arguments_();
const url = `${given.http.replace("http", "ws")}/v1/realtime?model=moksori-local`;

const findOrder = tool({
  name: "find_order",
  description: "Find the caller's order.",
  parameters: {
    type: "object",
    properties: { question: { type: "string" } },
    required: ["question"],
    additionalProperties: true,
  },
  strict: false,
  execute: async () => JSON.stringify({ status: "shipped yesterday" }),
});

/** A session whose events the flow sees; `turnDetection` as the package wants it. */
async function session(flow, turnDetection) {
  const agent = new RealtimeAgent({ name: "shop", instructions: "You help customers.", tools: [findOrder] });
  const held = new RealtimeSession(agent, {
    transport: "websocket",
    model: "moksori-local",
    config: { audio: { input: { transcription: { model: "whisper-1" }, turnDetection } } },
  });
  held.on("error", (error) => flow.saw("error", error?.error ?? error));
  held.on("audio", () => flow.saw("audio"));
  held.on("audio_interrupted", () => flow.saw("audio_interrupted"));
  held.on("agent_tool_start", () => flow.saw("agent_tool_start"));
  held.on("agent_tool_end", () => flow.saw("agent_tool_end"));
  held.on("transport_event", (event) => {
    if (event.type === "response.done") flow.saw("response.done", event.response);
  });
  held.on("history_updated", (history) => {
    const last = history.filter((item) => item.role === "assistant").at(-1);
    const words = last?.content.map((part) => part.transcript ?? part.text ?? "").join("");
    if (words) flow.said = words;
  });
  await held.connect({ apiKey: "none is needed on loopback", url });
  return held;
}

await run({
  async typed(flow) {
    const held = await session(flow, { type: "semantic_vad" });
    held.sendMessage("Hello there");
    await flow.expect("audio");
    await flow.expect("response.done");
    mustSay(flow, "hello there");
    held.close();
  },

  async tool(flow) {
    const held = await session(flow, { type: "semantic_vad" });
    held.sendMessage("Where is my order?");
    await flow.expect("agent_tool_start");
    await flow.expect("agent_tool_end");
    await flow.expect("response.done");
    await flow.expect("response.done");
    mustSay(flow, "shipped yesterday");
    held.close();
  },

  async spoken(flow) {
    const held = await session(flow, { type: "server_vad" });
    const silence = microphone(given.question, (piece) => held.sendAudio(new Uint8Array(piece).buffer));
    await flow.expect("response.done");
    silence();
    mustSay(flow, "return policy");
    held.close();
  },

  async interruption(flow) {
    const held = await session(flow, { type: "server_vad", interruptResponse: true });
    held.sendMessage("Tell me a story");
    await flow.expect("audio");
    const silence = microphone(given.stop, (piece) => held.sendAudio(new Uint8Array(piece).buffer));
    await flow.expect("audio_interrupted");
    await flow.expect("response.done");
    silence();
    held.close();
  },
});
