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
    // A staircase: each sample's value says which it is.
    const samples = Float32Array.from({ length: 48_000 }, (_, i) => 0.2 + i / 96_000);
    speaker.playout.push("a", samples);
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
