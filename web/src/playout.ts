/**
 * What the loudspeaker is given, sample by sample, and therefore what the caller has heard.
 *
 * Pure: it runs inside the playback worklet, and in tests without one. Source samples are 24 kHz; the output is at
 * the device's rate. Items play in the order in which they came.
 */

import { WIRE_RATE, msToSamples } from "./pcm.js";
import { Sinc } from "./sinc.js";

/** The buffer before an answer starts: enough for the jitter of a good network, too little to be felt. */
export const SHORTEST_BUFFER_MS = 40;
/** A network that needs more than this is told about, not waited for. */
export const LONGEST_BUFFER_MS = 400;
/** After this much audio without a gap the buffer becomes shorter again. */
const CALM_MS = 8_000;
/** The fade at a cut, and on both sides of a hold: no click, and far within the 50 ms in which we must be silent. */
const FADE_MS = 4;
/** -50 dBFS: quieter than this a listener takes for silence. */
const AUDIBLE = 0.00316;

export type Report =
  | { type: "started"; item: string; frame: number }
  /** `stood`: the output frames for which it was held before that. */
  | { type: "audible"; item: string; stood: number; frame: number }
  | { type: "progress"; item: string; samples: number; buffered: number; frame: number }
  | { type: "gap"; item: string; bufferMs: number; frame: number }
  | { type: "finished"; item: string; samples: number; frame: number }
  | { type: "cut"; items: { item: string; samples: number }[]; frame: number };

interface Track {
  item: string;
  chunks: Float32Array[];
  /** Samples in `chunks` before the first one kept: played chunks are let go. */
  dropped: number;
  length: number;
  ended: boolean;
  /** Position of the next output sample, in source samples. */
  at: number;
  started: boolean;
  audible: boolean;
  /** Output frames for which it was held before it was audible. */
  stood: number;
  /** It was cut; it still sounds for the length of the fade. */
  doomed: boolean;
}

export class Playout {
  private readonly sinc: Sinc;
  private readonly step: number;
  private tracks: Track[] = [];
  private running = false;
  private bufferMs = SHORTEST_BUFFER_MS;
  private calm = 0;
  private readonly fade: number;
  /** The volume, in steps of the fade: 0 is silence, `fade` is as it came. */
  private level = 0;
  /** Output frames that a hold has left. */
  private held = 0;
  /** The frame from which on a hold was silent. */
  private stillFrom = 0;
  private frame = 0;
  private reports: Report[] = [];
  private window = new Float32Array(0);

  constructor(readonly rate: number) {
    this.sinc = new Sinc(WIRE_RATE, rate);
    this.step = WIRE_RATE / rate;
    this.fade = Math.round((FADE_MS * rate) / 1000);
  }

  /** More audio of an item, in order. */
  push(item: string, samples: Float32Array): void {
    let track = this.tracks.find((t) => t.item === item && !t.doomed);
    if (!track) {
      track = {
        item,
        chunks: [],
        dropped: 0,
        length: 0,
        ended: false,
        at: 0,
        started: false,
        audible: false,
        stood: 0,
        doomed: false,
      };
      this.tracks.push(track);
    }
    track.chunks.push(samples);
    track.length += samples.length;
  }

  /** The item has no more audio than was pushed. */
  end(item: string): void {
    const track = this.tracks.find((t) => t.item === item);
    if (track) track.ended = true;
  }

  /** Stop everything. The answer says how much of each unfinished item went to the loudspeaker. */
  cut(): void {
    this.held = 0;
    if (this.tracks[0]?.doomed) return;
    for (const track of this.tracks) track.doomed = true;
    if (!this.running) this.settleCut(this.frame);
    else if (this.level === 0) this.settleCut(this.stillFrom);
  }

  /** Stand still and keep what there is and what comes, until released, cut, or so long (ms) has passed. */
  hold(atMostMs: number): void {
    this.held = Math.round((atMostMs * this.rate) / 1000);
  }

  /** Play on from the sample after the last one played. */
  release(): void {
    this.held = 0;
  }

  get buffered(): number {
    return this.tracks.reduce((sum, t) => sum + Math.max(0, t.length - t.at), 0);
  }

  /** Fill one block of output. `frame` is the device's frame number of its first sample. */
  render(out: Float32Array, frame: number): Report[] {
    this.frame = frame;
    out.fill(0);
    const held = this.held > 0;
    this.held = Math.max(0, this.held - out.length);
    let i = 0;
    while (i < out.length) {
      if (held && (!this.running || this.level === 0)) break;
      const track = this.tracks[0];
      if (!track) {
        this.running = false;
        break;
      }
      if (!this.running) {
        const enough = track.length - track.at >= msToSamples(this.bufferMs);
        if (!enough && !track.ended) break;
        this.running = true;
        this.level = this.fade;
      }
      i = this.fill(track, out, i, held);
    }
    if (held) this.tracks.forEach((track) => (track.stood += track.audible ? 0 : out.length - i));
    this.frame = frame + out.length;
    const track = this.tracks[0];
    if (this.running && track && i > 0) {
      this.reports.push({
        type: "progress",
        item: track.item,
        samples: Math.min(track.length, Math.floor(track.at)),
        buffered: Math.floor(this.buffered),
        frame: this.frame,
      });
    }
    const reports = this.reports;
    this.reports = [];
    return reports;
  }

  private fill(track: Track, out: Float32Array, from: number, held: boolean): number {
    let i = from;
    const fadingOut = held || track.doomed;
    const source = this.sourceAround(track, out.length - from);
    if (!track.started && track.length > 0) {
      track.started = true;
      this.reports.push({ type: "started", item: track.item, frame: this.frame + i });
    }
    for (; i < out.length; i++) {
      // Near the end of what has come, the last samples wait for those the interpolation needs after them.
      const reach = track.ended || this.step === 1 ? 0 : this.sinc.reach;
      if (track.at + reach > track.length - 1 && !(track.ended && track.at <= track.length - 1)) {
        if (track.ended) this.finish(track, i);
        else if (held && !track.doomed) this.standStill(i);
        else this.starve(track, i);
        return i;
      }
      if (!fadingOut && this.level < this.fade) this.level++;
      const value = (this.sinc.valueAt(source.samples, track.at - source.base, source.length) * this.level) / this.fade;
      out[i] = value;
      if (!track.audible && Math.abs(value) > AUDIBLE) {
        track.audible = true;
        this.reports.push({ type: "audible", item: track.item, stood: track.stood, frame: this.frame + i });
      }
      track.at += this.step;
      if (fadingOut && --this.level === 0) {
        if (track.doomed) this.settleCut(this.frame + i + 1);
        else this.standStill(i + 1);
        return i + 1;
      }
    }
    this.calm += (out.length - from) * this.step;
    if (this.calm > msToSamples(CALM_MS)) {
      this.calm = 0;
      this.bufferMs = Math.max(SHORTEST_BUFFER_MS, this.bufferMs * 0.8);
    }
    return i;
  }

  private finish(track: Track, i: number): void {
    this.tracks.shift();
    this.reports.push({ type: "finished", item: track.item, samples: track.length, frame: this.frame + i });
    if (track.doomed) this.settleCut(this.frame + i);
  }

  private starve(track: Track, i: number): void {
    this.running = false;
    this.calm = 0;
    this.bufferMs = Math.min(LONGEST_BUFFER_MS, this.bufferMs * 1.5 + 20);
    this.reports.push({ type: "gap", item: track.item, bufferMs: this.bufferMs, frame: this.frame + i });
    if (track.doomed) this.settleCut(this.frame + i);
  }

  private standStill(i: number): void {
    this.level = 0;
    this.stillFrom = this.frame + i;
  }

  private settleCut(frame: number): void {
    const items = this.tracks
      .filter((t) => t.doomed)
      .map((t) => ({ item: t.item, samples: Math.min(t.length, Math.floor(t.at)) }));
    this.tracks = this.tracks.filter((t) => !t.doomed);
    this.running = false;
    this.reports.push({ type: "cut", items, frame });
  }

  /** The stretch of source that the next `outputs` samples look at, in one piece. */
  private sourceAround(track: Track, outputs: number): { samples: Float32Array; base: number; length: number } {
    const base = Math.max(0, Math.floor(track.at) - this.sinc.reach);
    while (track.chunks[0] && track.dropped + track.chunks[0].length <= base) {
      track.dropped += track.chunks[0].length;
      track.chunks.shift();
    }
    const want = Math.ceil(outputs * this.step) + 2 * this.sinc.reach + 2;
    if (this.window.length < want) this.window = new Float32Array(want);
    let length = 0;
    let start = track.dropped;
    for (const chunk of track.chunks) {
      const skip = Math.max(0, base - start);
      const piece = chunk.subarray(skip, Math.min(chunk.length, skip + want - length));
      this.window.set(piece, length);
      length += piece.length;
      start += chunk.length;
      if (length >= want) break;
    }
    return { samples: this.window, base, length };
  }
}
