/** The microphone's way to the server: captured, kept until it is certain that the server has it, sent. */

import type { Audio, Capture } from "./audio.js";
import { VoiceGate } from "./gate.js";
import { encodePcm, msToSamples } from "./pcm.js";
import { Ring } from "./ring.js";
import type { ClientEvent } from "./wire.js";
import type { CaptureFrame } from "./worklets/messages.js";

/** Silence sent after the microphone is stopped (ms), so that the last words are taken as a finished turn. */
const CLOSING_SILENCE_MS = 1_500;

export interface UplinkOwner {
  /** Whether the line takes audio now. */
  readonly open: boolean;
  put(event: ClientEvent): void;
  level(rms: number, voiced: boolean): void;
}

export class Uplink {
  private readonly ring = new Ring();
  /** Ring position of the server's first sample, and of the next one to send. */
  private base = 0;
  private sent = 0;
  private readonly captures = new Set<Capture>();
  private readonly gate = new VoiceGate();

  constructor(
    private readonly audio: Audio,
    private readonly owner: UplinkOwner,
  ) {}

  /** Device time (s) at which a voice was last heard here. */
  get lastVoiced(): number | null {
    return this.gate.lastVoiced;
  }

  /** Capture begins at once; what is said before the line is there goes out after. */
  async add(track: MediaStreamTrack, frameMs: number): Promise<{ stop(): void }> {
    const capture = await this.audio.capture(track, frameMs, (frame) => this.captured(frame));
    this.captures.add(capture);
    const stop = (): void => {
      if (!this.captures.delete(capture)) return;
      capture.stop();
      this.ring.push(new Int16Array(msToSamples(CLOSING_SILENCE_MS)));
      this.flush();
    };
    track.addEventListener("ended", stop, { once: true });
    return { stop };
  }

  /** The same call goes on: the server wants the sound again from this many ms of it. */
  resume(inputAudioMs: number): void {
    this.sent = Math.max(this.ring.start, this.base + msToSamples(inputAudioMs));
  }

  /** A new call begins with what was not sent yet. */
  restart(): void {
    this.base = Math.max(this.sent, this.ring.start);
    this.sent = this.base;
  }

  flush(): void {
    if (!this.owner.open) return;
    for (const samples of this.ring.since(this.sent)) {
      this.owner.put({ type: "input_audio_buffer.append", audio: encodePcm(samples) });
    }
    this.sent = this.ring.end;
  }

  end(): void {
    for (const capture of this.captures) capture.stop();
    this.captures.clear();
  }

  private captured(frame: CaptureFrame): void {
    this.owner.level(frame.rms, this.gate.step(frame.rms, frame.time));
    this.ring.push(frame.samples);
    this.flush();
  }
}
