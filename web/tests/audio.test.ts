import { describe, expect, it } from "vitest";
import { VoiceGate } from "../src/gate.js";
import { decodePcm, encodePcm, samplesToMs, toInt16 } from "../src/pcm.js";
import { Ring } from "../src/ring.js";
import { Resampler } from "../src/sinc.js";

describe("PCM16 on the wire", () => {
  it("comes back as it went, little-endian", () => {
    const samples = Int16Array.from([0, 1, -1, 32767, -32768, 256]);
    // 00 00 | 01 00 | ff ff | ff 7f | 00 80 | 00 01
    expect(encodePcm(samples)).toBe("AAABAP///38AgAAB");
    expect(decodePcm(encodePcm(samples))).toEqual(samples);
  });

  it("survives a frame longer than an argument list may be", () => {
    const samples = Int16Array.from({ length: 200_000 }, (_, i) => (i * 31) & 0x7fff);
    const back = decodePcm(encodePcm(samples));
    expect(back.length).toBe(samples.length);
    expect(back.every((x, i) => x === samples[i])).toBe(true);
  });

  it("clips rather than wraps", () => {
    expect([...toInt16(Float32Array.from([2, -2, 1, -1, 0]))]).toEqual([32767, -32768, 32767, -32768, 0]);
  });

  it("rounds heard milliseconds down: never claim more than was heard", () => {
    expect(samplesToMs(47)).toBe(1);
  });
});

describe("resampling a microphone", () => {
  const sine = (rate: number, hz: number, seconds = 1): Float32Array =>
    Float32Array.from({ length: rate * seconds }, (_, i) => Math.sin((2 * Math.PI * hz * i) / rate));
  const rms = (x: Float32Array): number => Math.sqrt(x.reduce((s, v) => s + v * v, 0) / x.length);

  it.each([8000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])("%i Hz keeps a voice's frequencies", (rate) => {
    const out = new Resampler(rate, 24_000).push(sine(rate, 1000));
    expect(out.length).toBeGreaterThan(23_500);
    const middle = out.subarray(2000, 22_000);
    const error = middle.map((x, i) => Math.abs(x - Math.sin((2 * Math.PI * 1000 * (i + 2000)) / 24_000)));
    expect(Math.max(...error.subarray(0, 10_000), ...error.subarray(10_000))).toBeLessThan(0.003);
  });

  it.each([44_100, 48_000])("%i Hz lets nothing above the new Nyquist frequency fold back", (rate) => {
    const out = new Resampler(rate, 24_000).push(sine(rate, 15_000));
    expect(20 * Math.log10(rms(out.subarray(2000, 22_000)) * Math.SQRT2)).toBeLessThan(-60);
  });

  it("gives the same however the blocks fall", () => {
    const input = sine(44_100, 700);
    const whole = new Resampler(44_100, 24_000).push(input);
    const blocks = new Resampler(44_100, 24_000);
    const pieces: number[] = [];
    for (let i = 0; i < input.length; i += 128) pieces.push(...blocks.push(input.subarray(i, i + 128)));
    expect(pieces.length).toBe(whole.length);
    expect(pieces.every((x, i) => Math.abs(x - (whole[i] as number)) < 1e-6)).toBe(true);
  });
});

describe("what the microphone heard", () => {
  const frame = (value: number): Int16Array<ArrayBuffer> => new Int16Array(480).fill(value);

  it("is given again from any sample, cut within a frame if need be", () => {
    const ring = new Ring();
    for (let i = 0; i < 10; i++) ring.push(frame(i));
    const again = ring.since(480 * 3 + 100);
    expect(again.map((f) => f.length)).toEqual([380, 480, 480, 480, 480, 480, 480]);
    expect(again[0]?.[0]).toBe(3);
  });

  it("is kept for at least the 30 s that a resume may ask for", () => {
    const ring = new Ring();
    for (let i = 0; i < 50 * 120; i++) ring.push(frame(0));
    expect((ring.end - ring.start) / 24_000).toBeGreaterThanOrEqual(30);
    expect((ring.end - ring.start) / 24_000).toBeLessThanOrEqual(61);
  });

  it("is nothing when all of it was sent", () => {
    const ring = new Ring();
    ring.push(frame(1));
    expect(ring.since(ring.end)).toEqual([]);
  });
});

describe("the voice gate", () => {
  it("finds the end of a voice over a fan", () => {
    const gate = new VoiceGate();
    for (let i = 0; i < 100; i++) gate.step(0.004, i * 0.02);
    for (let i = 100; i < 150; i++) gate.step(0.1, i * 0.02);
    for (let i = 150; i < 250; i++) gate.step(0.004, i * 0.02);
    expect(gate.lastVoiced).toBeCloseTo(149 * 0.02, 5);
  });

  it("takes no silence for a voice", () => {
    const gate = new VoiceGate();
    for (let i = 0; i < 500; i++) gate.step(0, i * 0.02);
    expect(gate.lastVoiced).toBeNull();
  });
});
