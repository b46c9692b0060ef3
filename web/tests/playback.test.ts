import { describe, expect, it } from "vitest";
import { SILENT, stepPlayback, type PlaybackEffect, type PlaybackEvent, type PlaybackState } from "../src/machines/playback.js";

function run(...events: PlaybackEvent[]): { state: PlaybackState; effects: PlaybackEffect[] } {
  let state = SILENT;
  const effects: PlaybackEffect[] = [];
  for (const event of events) {
    const [next, made] = stepPlayback(state, event);
    state = next;
    effects.push(...made);
  }
  return { state, effects };
}

const audio = (item: string, samples = 24_000): PlaybackEvent => ({ type: "audio", item, samples });

describe("an answer that is interrupted", () => {
  it("is cut, and the server is told what the loudspeaker was given, in whole milliseconds rounded down", () => {
    const { effects } = run(audio("a"), { type: "interrupt" }, { type: "was_cut", items: [{ item: "a", samples: 12_347 }] });
    expect(effects).toEqual([
      { type: "push", item: "a" },
      { type: "cut" },
      { type: "truncate", item: "a", audio_end_ms: 514 },
    ]);
  });

  it("drops what still comes of it, but not the next answer", () => {
    const { effects, state } = run(audio("a"), { type: "interrupt" }, audio("a"), audio("b"), {
      type: "was_cut",
      items: [{ item: "a", samples: 100 }],
    });
    expect(effects.filter((e) => e.type === "push")).toEqual([
      { type: "push", item: "a" },
      { type: "push", item: "b" },
    ]);
    expect(state.queued).toEqual([{ item: "b", came: 24_000 }]);
  });

  it("is not truncated when all of it had been heard", () => {
    const { effects } = run(audio("a"), { type: "audio_done", item: "a" }, { type: "interrupt" }, { type: "finished", item: "a" }, {
      type: "was_cut",
      items: [],
    });
    expect(effects.some((e) => e.type === "truncate")).toBe(false);
  });

  it("truncates every item in the queue; one that was not begun at nothing", () => {
    const { effects } = run(audio("a"), audio("b"), { type: "interrupt" }, {
      type: "was_cut",
      items: [
        { item: "a", samples: 2400 },
        { item: "b", samples: 0 },
      ],
    });
    expect(effects.filter((e) => e.type === "truncate")).toEqual([
      { type: "truncate", item: "a", audio_end_ms: 100 },
      { type: "truncate", item: "b", audio_end_ms: 0 },
    ]);
  });

  it("is cut once, however often the caller is heard meanwhile", () => {
    const { effects } = run(audio("a"), { type: "interrupt" }, { type: "interrupt" }, { type: "interrupt" });
    expect(effects.filter((e) => e.type === "cut")).toHaveLength(1);
  });
});

describe("an answer that is held", () => {
  const hold: PlaybackEvent = { type: "hold", at_most_ms: 2000 };
  const cut: PlaybackEvent = { type: "was_cut", items: [{ item: "a", samples: 2400 }] };
  const whole: PlaybackEvent = { type: "audio_done", item: "a" };

  it("goes on coming, and nothing is told to the server", () => {
    const { effects, state } = run(audio("a"), hold, audio("a"), whole, { type: "release" });
    expect(effects).toEqual([
      { type: "push", item: "a" },
      { type: "hold", at_most_ms: 2000 },
      { type: "push", item: "a" },
      { type: "end", item: "a" },
      { type: "release" },
    ]);
    expect(state.queued).toEqual([{ item: "a", came: 48_000 }]);
  });

  it("is cut as always when the caller does interrupt, and the hold is over with it", () => {
    const { effects, state } = run(audio("a"), hold, { type: "interrupt" }, cut, { type: "release" });
    expect(effects.slice(2)).toEqual([{ type: "cut" }, { type: "truncate", item: "a", audio_end_ms: 100 }]);
    expect(state.held).toBe(false);
  });

  it("is held again as often as the server says", () => {
    expect(run(audio("a"), hold, hold).effects.filter((e) => e.type === "hold")).toHaveLength(2);
  });

  it("before any of it has come is let go by an interruption", () => {
    expect(run(hold, { type: "interrupt" }).effects).toEqual([{ type: "hold", at_most_ms: 2000 }, { type: "release" }]);
  });
});

it("says nothing to the server when nothing was playing", () => {
  expect(run({ type: "interrupt" }).effects).toEqual([]);
  expect(run({ type: "release" }).effects).toEqual([]);
});
