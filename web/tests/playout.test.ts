import { describe, expect, it } from "vitest";
import { Playout, type Report } from "../src/playout.js";

/** Renders blocks of 128 frames, as a browser does, and keeps all of it. */
class Speaker {
  readonly playout: Playout;
  readonly reports: Report[] = [];
  out: number[] = [];

  constructor(readonly rate: number) {
    this.playout = new Playout(rate);
  }

  play(blocks: number): void {
    for (let i = 0; i < blocks; i++) {
      const block = new Float32Array(128);
      this.reports.push(...this.playout.render(block, this.out.length));
      this.out.push(...block);
    }
  }

  of<T extends Report["type"]>(type: T): Extract<Report, { type: T }>[] {
    return this.reports.filter((r): r is Extract<Report, { type: T }> => r.type === type);
  }
}

/** Each sample's value says which it is, and none is silence. */
const staircase = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => 0.2 + i / 96_000);

const tone = (n: number, hz = 440): Float32Array => Float32Array.from({ length: n }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * i) / 24_000));

describe("the loudspeaker", () => {
  it("at the wire's own rate gives every sample as it came", () => {
    const speaker = new Speaker(24_000);
    const samples = tone(5000);
    speaker.playout.push("a", samples);
    speaker.playout.end("a");
    speaker.play(60);
    expect(samples.every((x, i) => Math.abs(x - (speaker.out[i] as number)) < 1e-5)).toBe(true);
    expect(speaker.of("finished")).toEqual([{ type: "finished", item: "a", samples: 5000, frame: 5000 }]);
  });

  it.each([8000, 16_000, 44_100, 48_000, 96_000])("at %i Hz plays a tone as long and as loud as it is", (rate) => {
    const speaker = new Speaker(rate);
    speaker.playout.push("a", tone(24_000));
    speaker.playout.end("a");
    speaker.play(Math.ceil((1.2 * rate) / 128));
    const middle = speaker.out.slice(Math.round(0.3 * rate), Math.round(0.7 * rate));
    const rms = Math.sqrt(middle.reduce((s, x) => s + x * x, 0) / middle.length);
    expect(rms).toBeCloseTo(0.5 / Math.SQRT2, 2);
    const last = speaker.out.findLastIndex((x) => Math.abs(x) > 0.01);
    expect(last / rate).toBeGreaterThan(0.985);
    expect(last / rate).toBeLessThan(1.002);
  });

  it("does not depend on how the audio was cut into deltas", () => {
    const whole = new Speaker(44_100);
    const pieces = new Speaker(44_100);
    const samples = tone(12_000);
    whole.playout.push("a", samples);
    for (let i = 0; i < 12_000; i += 777) pieces.playout.push("a", samples.slice(i, i + 777));
    for (const speaker of [whole, pieces]) {
      speaker.playout.end("a");
      speaker.play(200);
    }
    expect(pieces.out).toEqual(whole.out);
  });

  it("waits for 40 ms before it begins, unless there is no more to come", () => {
    const speaker = new Speaker(24_000);
    speaker.playout.push("a", tone(900));
    speaker.play(10);
    expect(speaker.of("started")).toEqual([]);
    speaker.playout.end("a");
    speaker.play(1);
    expect(speaker.of("started")).toHaveLength(1);
  });

  it("tells the first audible sample, past the silence in front of the voice", () => {
    const speaker = new Speaker(24_000);
    const samples = new Float32Array(12_000);
    samples.set(tone(6000), 6000);
    speaker.playout.push("a", samples);
    speaker.play(60);
    const [audible] = speaker.of("audible");
    expect(audible?.frame).toBeGreaterThanOrEqual(6000);
    expect(audible?.frame).toBeLessThan(6010);
  });

  it("after a gap waits for more than before, and plays on where it was", () => {
    const speaker = new Speaker(24_000);
    const samples = tone(4800);
    speaker.playout.push("a", samples.slice(0, 2400));
    speaker.play(30);
    const [gap] = speaker.of("gap");
    expect(gap?.bufferMs).toBeGreaterThan(40);
    expect(gap?.bufferMs).toBeLessThanOrEqual(400);
    speaker.playout.push("a", samples.slice(2400));
    speaker.playout.end("a");
    speaker.play(40);
    const sounded = speaker.out.filter((x) => x !== 0);
    // Zero crossings of the tone that are exactly zero are few; all the rest came through.
    expect(sounded.length).toBeGreaterThan(4700);
    expect(speaker.of("finished")[0]?.samples).toBe(4800);
  });
});

describe("a cut", () => {
  it.each([24_000, 44_100, 48_000])("at %i Hz is silent within 5 ms and tells to the sample what sounded", (rate) => {
    const speaker = new Speaker(rate);
    speaker.playout.push("a", staircase(48_000));
    speaker.play(300);
    const before = speaker.out.length;
    speaker.playout.cut();
    speaker.play(20);
    const silent = speaker.out.findIndex((x, i) => i >= before && x === 0);
    expect((silent - before) / rate).toBeLessThan(0.005);
    expect(speaker.out.slice(silent).every((x) => x === 0)).toBe(true);
    const [cut] = speaker.of("cut");
    const truth = ((silent - speaker.out.findIndex((x) => x !== 0)) * 24_000) / rate;
    expect(Math.abs((cut?.items[0]?.samples ?? 0) - truth)).toBeLessThanOrEqual(1.5);
    expect(cut?.frame).toBe(silent);
  });

  it("lets an answer through that comes while the old one fades", () => {
    const speaker = new Speaker(24_000);
    speaker.playout.push("a", tone(24_000));
    speaker.play(20);
    speaker.playout.cut();
    speaker.playout.push("b", tone(4800));
    speaker.playout.end("b");
    speaker.play(60);
    expect(speaker.of("cut")[0]?.items.map((i) => i.item)).toEqual(["a"]);
    expect(speaker.of("finished")).toMatchObject([{ item: "b", samples: 4800 }]);
  });

  it("of what waits to begin tells that none of it was heard", () => {
    const speaker = new Speaker(48_000);
    speaker.playout.push("a", tone(100));
    speaker.play(2);
    speaker.playout.cut();
    speaker.play(1);
    expect(speaker.of("cut")).toMatchObject([{ items: [{ item: "a", samples: 0 }] }]);
  });

  it("of nothing answers too", () => {
    const speaker = new Speaker(48_000);
    speaker.playout.cut();
    speaker.play(1);
    expect(speaker.of("cut")).toMatchObject([{ items: [] }]);
  });
});

describe("a hold", () => {
  /** The frame from which on it is silent, and the one at which it plays on; -1 when it does not. */
  const stood = (speaker: Speaker, from: number): { still: number; on: number } => {
    const still = speaker.out.findIndex((x, i) => i >= from && x === 0);
    return { still, on: speaker.out.findIndex((x, i) => i >= still && x !== 0) };
  };

  it.each([24_000, 44_100, 48_000])("at %i Hz is silent within 5 ms and plays on from the very next sample", (rate) => {
    const [undisturbed, speaker] = [new Speaker(rate), new Speaker(rate)];
    for (const { playout } of [undisturbed, speaker]) playout.push("a", staircase(48_000));
    undisturbed.play(300);
    speaker.play(100);
    speaker.playout.hold(2000);
    speaker.play(50);
    speaker.playout.release();
    speaker.play(200);
    const { still, on } = stood(speaker, 100 * 128);
    const fade = still - 100 * 128;
    expect(fade / rate).toBeLessThan(0.005);
    expect(on).toBe(150 * 128);
    const joined = [...speaker.out.slice(0, still), ...speaker.out.slice(on)];
    const wrong = undisturbed.out.findIndex((x, i) => {
      const y = joined[i] as number;
      return Math.abs(i - still) <= fade ? y < 0 || y > x : Math.abs(x - y) > 1e-6;
    });
    expect(wrong).toBe(-1);
    expect(speaker.of("gap")).toEqual([]);
  });

  it("makes no click: neither side of it steps by more than the fade does", () => {
    const speaker = new Speaker(48_000);
    speaker.playout.push("a", new Float32Array(48_000).fill(0.5));
    speaker.play(100);
    speaker.playout.hold(2000);
    speaker.play(20);
    speaker.playout.release();
    speaker.play(20);
    const around = speaker.out.slice(90 * 128);
    const steps = around.slice(1).map((x, i) => Math.abs(x - (around[i] as number)));
    expect(Math.max(...steps)).toBeLessThan(0.005);
  });

  it.each([24_000, 48_000])("at %i Hz tells how far it came, and nothing more while it lasts", (rate) => {
    const speaker = new Speaker(rate);
    speaker.playout.push("a", staircase(48_000));
    speaker.play(100);
    speaker.playout.hold(2000);
    speaker.play(2);
    const { still } = stood(speaker, 100 * 128);
    expect(speaker.of("progress").at(-1)?.samples).toBe((still * 24_000) / rate);
    const told = speaker.reports.length;
    speaker.playout.push("a", staircase(100));
    speaker.play(100);
    expect(speaker.reports.length).toBe(told);
    speaker.playout.release();
    speaker.play(1);
    expect(speaker.of("progress").at(-1)?.samples).toBe(((still + 128) * 24_000) / rate);
  });

  it.each([24_000, 48_000])("at %i Hz is cut at once, at the sample where it stands", (rate) => {
    const speaker = new Speaker(rate);
    speaker.playout.push("a", staircase(48_000));
    speaker.playout.push("b", staircase(2400));
    speaker.play(100);
    speaker.playout.hold(2000);
    speaker.play(40);
    const { still } = stood(speaker, 100 * 128);
    speaker.playout.cut();
    speaker.playout.push("c", staircase(2400));
    speaker.play(10);
    const items = [
      { item: "a", samples: (still * 24_000) / rate },
      { item: "b", samples: 0 },
    ];
    expect(speaker.of("cut")).toEqual([{ type: "cut", items, frame: still }]);
    expect(speaker.of("started").at(-1)).toEqual({ type: "started", item: "c", frame: 140 * 128 });
  });

  it("that comes just before a cut is one fade with it", () => {
    const speaker = new Speaker(48_000);
    speaker.playout.push("a", staircase(48_000));
    speaker.play(100);
    speaker.playout.hold(2000);
    speaker.play(1);
    speaker.playout.cut();
    speaker.play(10);
    const { still, on } = stood(speaker, 100 * 128);
    expect(still - 100 * 128).toBe(192);
    expect(on).toBe(-1);
    expect(speaker.of("cut")).toEqual([{ type: "cut", items: [{ item: "a", samples: still / 2 }], frame: still }]);
  });

  it.each([24_000, 48_000])("at %i Hz ends by itself when its time is over", (rate) => {
    const speaker = new Speaker(rate);
    speaker.playout.push("a", staircase(48_000));
    speaker.play(10);
    speaker.playout.hold(500);
    speaker.play(300);
    const seconds = (stood(speaker, 10 * 128).on - 10 * 128) / rate;
    expect(seconds).toBeGreaterThanOrEqual(0.5);
    expect(seconds).toBeLessThan(0.5 + 128 / rate);
  });

  it("that is held again lasts from then on", () => {
    const speaker = new Speaker(48_000);
    speaker.playout.push("a", staircase(48_000));
    speaker.play(10);
    speaker.playout.hold(160);
    speaker.play(40);
    speaker.playout.hold(160);
    speaker.play(200);
    expect(stood(speaker, 10 * 128).on).toBe((10 + 40 + 60) * 128);
  });

  it("keeps what comes before anything sounds, and then begins it as it is", () => {
    const speaker = new Speaker(24_000);
    speaker.playout.hold(2000);
    speaker.play(5);
    const samples = staircase(4800);
    speaker.playout.push("a", samples);
    speaker.playout.end("a");
    speaker.play(20);
    expect(speaker.reports).toEqual([]);
    speaker.playout.release();
    speaker.play(40);
    expect(samples.every((x, i) => Math.abs(x - (speaker.out[25 * 128 + i] as number)) < 1e-6)).toBe(true);
    expect(speaker.of("audible")).toEqual([{ type: "audible", item: "a", stood: 20 * 128, frame: 25 * 128 }]);
    expect(speaker.of("finished")).toMatchObject([{ samples: 4800 }]);
  });

  it("that is silent before the audio ran out is no gap when there is more by its end", () => {
    const speaker = new Speaker(24_000);
    const samples = staircase(4800);
    // 46 samples are left for a fade of 96.
    speaker.playout.push("a", samples.slice(0, 18 * 128 + 46));
    speaker.play(18);
    speaker.playout.hold(2000);
    speaker.play(10);
    speaker.playout.push("a", samples.slice(18 * 128 + 46));
    speaker.playout.end("a");
    speaker.playout.release();
    speaker.play(40);
    expect(speaker.of("gap")).toEqual([]);
    expect(speaker.out.filter((x) => x !== 0)).toHaveLength(4800);
  });

  it("while a cut fades is for what comes after the cut", () => {
    const speaker = new Speaker(48_000);
    speaker.playout.push("a", staircase(48_000));
    speaker.play(10);
    speaker.playout.cut();
    speaker.playout.hold(2000);
    speaker.playout.push("b", staircase(2400));
    speaker.play(20);
    expect(speaker.of("cut")).toMatchObject([{ items: [{ item: "a" }] }]);
    expect(speaker.of("started").map((r) => r.item)).toEqual(["a"]);
    speaker.playout.release();
    speaker.play(1);
    expect(speaker.of("started").map((r) => r.item)).toEqual(["a", "b"]);
  });

  it("that was never asked for is not ended: a release alone does nothing", () => {
    const [undisturbed, speaker] = [new Speaker(48_000), new Speaker(48_000)];
    for (const { playout } of [undisturbed, speaker]) playout.push("a", staircase(4800));
    undisturbed.play(20);
    speaker.play(10);
    speaker.playout.release();
    speaker.play(10);
    expect(speaker.out).toEqual(undisturbed.out);
  });
});
