/** The answer's way to the ear: played, cut when the caller speaks, and known to the sample as far as it was heard. */

import type { Audio } from "./audio.js";
import type { Interrupted } from "./events.js";
import { SILENT, stepPlayback, type PlaybackEffect, type PlaybackEvent, type PlaybackState } from "./machines/playback.js";
import { decodePcm, msToSamples } from "./pcm.js";
import type { Report } from "./playout.js";

/** A worklet answers a cut within a few ms; after this (ms) nobody waits for it. */
const CUT_MS = 150;

export interface LoudspeakerOwner {
  /** Samples of an item came, were heard up to here, or were cut there. */
  came(item: string, samples: number): void;
  heard(item: string, samples: number, finished: boolean): void;
  /** The server is to keep no more of the item than this. */
  cutAt(item: string, audioEndMs: number): void;
  /** When (performance.now, ms) the first audible sample of an answer was heard, less the time it was held. */
  audible(at: number): void;
  interrupted(detail: Interrupted): void;
  speaking(yes: boolean): void;
  gap(report: Report): void;
}

export class Loudspeaker {
  private state: PlaybackState = SILENT;
  private interruptedAt: number | null = null;
  private waiting: (() => void)[] = [];

  constructor(
    private readonly audio: Audio,
    private readonly owner: LoudspeakerOwner,
  ) {
    audio.onreport = (report) => this.reported(report);
  }

  /** Something of an answer waits to be heard. */
  get sounding(): boolean {
    return this.state.queued.length > 0;
  }

  /** One audio delta. Throws when it is not base64 of PCM16. */
  play(item: string, payload: string): void {
    const samples = decodePcm(payload);
    this.step({ type: "audio", item, samples: samples.length }, samples);
  }

  whole(item: string): void {
    this.step({ type: "audio_done", item });
  }

  silence(): void {
    this.step({ type: "interrupt" });
  }

  /** Stand still, for so long (ms) at most: the caller is heard, and may only be listening. */
  hold(atMostMs: number): void {
    this.step({ type: "hold", at_most_ms: atMostMs });
  }

  /** Play on. */
  release(): void {
    this.step({ type: "release" });
  }

  /** Once a cut under way has been told to the server; at once where there is none. */
  whenSilent(then: () => void): void {
    if (!this.state.cutting) return then();
    this.waiting.push(then);
    setTimeout(() => this.cutDone(), CUT_MS);
  }

  private cutDone(): void {
    for (const then of this.waiting.splice(0)) then();
  }

  private step(event: PlaybackEvent, samples?: Int16Array<ArrayBuffer>): void {
    const before = this.sounding;
    const [next, effects] = stepPlayback(this.state, event);
    this.state = next;
    for (const effect of effects) this.act(effect, samples);
    if (this.sounding !== before) this.owner.speaking(this.sounding);
  }

  private act(effect: PlaybackEffect, samples: Int16Array<ArrayBuffer> | undefined): void {
    switch (effect.type) {
      case "push":
        if (!samples) return;
        this.owner.came(effect.item, samples.length);
        return this.audio.push(effect.item, samples);
      case "end":
        return this.audio.end(effect.item);
      case "cut":
        this.interruptedAt = performance.now();
        return this.audio.cut();
      case "hold":
        return this.audio.hold(effect.at_most_ms);
      case "release":
        return this.audio.release();
      case "truncate":
        return this.owner.cutAt(effect.item, effect.audio_end_ms);
      default: {
        const never: never = effect;
        return never;
      }
    }
  }

  private reported(report: Report): void {
    const rate = this.audio.context.sampleRate;
    const time = report.frame / rate;
    switch (report.type) {
      case "progress": {
        // The device still holds what was rendered last: that much is not heard yet.
        const ahead = Math.max(0, this.audio.heardAt(time) - performance.now());
        return this.owner.heard(report.item, Math.max(0, report.samples - msToSamples(ahead)), false);
      }
      case "audible":
        return this.owner.audible(this.audio.heardAt(time) - (report.stood / rate) * 1000);
      case "finished":
        this.step({ type: "finished", item: report.item });
        return this.owner.heard(report.item, report.samples, true);
      case "cut": {
        const from = this.interruptedAt ?? performance.now();
        this.interruptedAt = null;
        const silent = Math.max(0, Math.round(this.audio.heardAt(time) - from));
        this.step({ type: "was_cut", items: report.items });
        for (const { item, samples } of report.items) {
          this.owner.interrupted({ item, heard_ms: Math.floor(samples / 24), silent_after_ms: silent });
        }
        return this.cutDone();
      }
      case "gap":
        return this.owner.gap(report);
      case "started":
        return;
      default: {
        const never: never = report;
        return never;
      }
    }
  }
}
