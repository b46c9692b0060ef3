import { beforeEach, describe, expect, it } from "vitest";
import { Asking, type TypedItem } from "../src/asking.js";
import type { ClientEvent } from "../src/wire.js";

const item = (id: string, text = id): TypedItem => ({
  id,
  type: "message",
  role: "user",
  content: [{ type: "input_text", text }],
});

describe("what is typed and asked for", () => {
  let sent: string[];
  let asking: Asking;

  beforeEach(() => {
    sent = [];
    asking = new Asking((event: ClientEvent) => {
      const told = event as { type: string; item?: { id?: string }; response_id?: string };
      sent.push([told.type, told.item?.id ?? told.response_id].filter(Boolean).join(" "));
    });
  });

  it("goes out at once on an open line", () => {
    asking.say(item("a"), true);
    expect(sent).toEqual(["conversation.item.create a", "response.create"]);
  });

  it("asks for the second answer when the first has ended", () => {
    asking.began("resp_1");
    asking.say(item("a"), true);
    expect(sent).toEqual(["conversation.item.create a"]);
    asking.done("resp_1");
    expect(sent).toEqual(["conversation.item.create a", "response.create"]);
  });

  it("asks again where the server had an answer running that we did not know of", () => {
    asking.say(item("a"), true);
    asking.refused();
    asking.done("resp_theirs");
    expect(sent.filter((s) => s === "response.create")).toHaveLength(2);
  });

  it("calls off everything in the making", () => {
    asking.began("resp_1");
    asking.cancel();
    expect(sent).toEqual(["response.cancel resp_1"]);
  });

  it("sends again after a resume what no answer shows to have arrived, once all that was missed has come", () => {
    asking.say(item("a"), true);
    asking.resumed();
    expect(sent).toHaveLength(2);
    asking.caughtUp();
    asking.caughtUp();
    expect(sent.slice(2)).toEqual(["conversation.item.create a", "response.create"]);
  });

  it("sends nothing again after a resume that brought the answer", () => {
    asking.say(item("a"), true);
    asking.resumed();
    asking.arrived("a");
    asking.began("resp_1");
    asking.caughtUp();
    expect(sent).toHaveLength(2);
  });

  it("tells a new call what was said, then what is unsure, and nothing twice", () => {
    asking.began("resp_lost");
    asking.done("resp_lost");
    asking.say(item("new", "And now?"), false);
    asking.restarted([item("old", "Who are you?"), item("new", "And now?")]);
    expect(sent).toEqual(["conversation.item.create old", "conversation.item.create new", "response.create"]);
  });
});
