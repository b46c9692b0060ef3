/** 24 kHz PCM16 in, loudspeaker out, with a report of every sample that was given to it. */

import { toFloat } from "../pcm.js";
import { Playout } from "../playout.js";
import { PLAYBACK, type PlaybackCommand, type PlaybackReport } from "./messages.js";

/** Progress is told this often (s); everything else at once. */
const PROGRESS_EVERY = 0.04;

class Playback extends AudioWorkletProcessor {
  private readonly playout = new Playout(sampleRate);
  private told = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<PlaybackCommand>) => {
      switch (data.type) {
        case "push":
          return this.playout.push(data.item, toFloat(data.samples));
        case "end":
          return this.playout.end(data.item);
        case "cut":
          return this.playout.cut();
        case "hold":
          return this.playout.hold(data.atMostMs);
        case "release":
          return this.playout.release();
      }
    };
  }

  override process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const channels = outputs[0];
    const first = channels?.[0];
    if (!channels || !first) return true;
    const reports = this.playout.render(first, currentFrame);
    for (let i = 1; i < channels.length; i++) channels[i]?.set(first);
    for (const report of reports) this.tell(report);
    return true;
  }

  private tell(report: PlaybackReport): void {
    if (report.type === "progress") {
      if (currentTime - this.told < PROGRESS_EVERY) return;
      this.told = currentTime;
    }
    this.port.postMessage(report);
  }
}

registerProcessor(PLAYBACK, Playback);
