// openai-realtime-api (npm): a client of the retired beta dialect.

import { RealtimeClient } from "openai-realtime-api";
import { arguments_, microphone, mustSay, run } from "./flows.mjs";

const given = arguments_();
const url = `${given.http.replace("http", "ws")}/v1/realtime`;

async function session(flow, turnDetection) {
  const client = new RealtimeClient({
    url,
    model: "moksori-local",
    apiKey: "none is needed on loopback",
    sessionConfig: { turn_detection: turnDetection },
  });
  client.on("error", (error) => flow.saw("error", error));
  client.on("conversation.interrupted", () => flow.saw("conversation.interrupted"));
  client.on("realtime.event", ({ source, event }) => {
    if (source !== "server") return;
    if (event.type === "response.audio_transcript.done") flow.said = event.transcript;
    flow.saw(event.type, event);
  });
  await client.connect();
  await client.waitForSessionCreated();
  return client;
}

const append = (client) => (piece) => client.appendInputAudio(new Int16Array(new Uint8Array(piece).buffer));

await run({
  async typed(flow) {
    const client = await session(flow, null);
    client.sendUserMessageContent([{ type: "input_text", text: "Hello there" }]);
    await flow.expect("conversation.created");
    await flow.expect("response.audio.delta");
    await flow.expect("response.done");
    mustSay(flow, "hello there");
    const [item] = client.conversation.getItems().filter((each) => each.role === "assistant");
    if (!item.formatted.transcript || !item.formatted.audio.length) throw new Error("the client put no item together");
    client.disconnect();
  },

  async tool(flow) {
    const client = await session(flow, null);
    client.addTool(
      {
        type: "function",
        name: "find_order",
        description: "Find the caller's order.",
        parameters: { type: "object", properties: { question: { type: "string" } } },
      },
      async () => ({ status: "shipped yesterday" }),
    );
    client.sendUserMessageContent([{ type: "input_text", text: "Where is my order?" }]);
    await flow.expect("response.function_call_arguments.done");
    await flow.expect("response.done");
    await flow.expect("response.done");
    mustSay(flow, "shipped yesterday");
    client.disconnect();
  },

  async spoken(flow) {
    const client = await session(flow, { type: "server_vad" });
    const silence = microphone(given.question, append(client));
    await flow.expect("input_audio_buffer.speech_started");
    await flow.expect("conversation.item.input_audio_transcription.completed");
    await flow.expect("response.done");
    silence();
    mustSay(flow, "return policy");
    client.disconnect();
  },

  async interruption(flow) {
    const client = await session(flow, { type: "server_vad" });
    client.sendUserMessageContent([{ type: "input_text", text: "Tell me a story" }]);
    const delta = await flow.expect("response.audio.delta");
    const silence = microphone(given.stop, append(client));
    await flow.expect("conversation.interrupted");
    await client.realtime.send("conversation.item.truncate", {
      item_id: delta.item_id,
      content_index: 0,
      audio_end_ms: 200,
    });
    await flow.expect("conversation.item.truncated");
    await flow.expect("response.done");
    silence();
    client.disconnect();
  },
});
