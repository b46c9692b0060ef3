/** The browser's audio: one context, a playback worklet, and capture worklets for microphone tracks. */

import type { Report } from "./playout.js";
import {
  CAPTURE,
  PLAYBACK,
  type CaptureFrame,
  type CaptureOptions,
  type PlaybackCommand,
} from "./worklets/messages.js";

// Kept in a variable so that the bundler leaves the worklets alone: they are files of their own beside this one.
const HERE: string = import.meta.url;
const workletUrl = (name: string): string => new URL(name, HERE).href;

export interface Capture {
  stop(): void;
}

export interface Output {
  push(item: string, samples: Int16Array<ArrayBuffer>): void;
  end(item: string): void;
  cut(): void;
  hold(atMostMs: number): void;
  release(): void;
}

export class Audio implements Output {
  readonly context: AudioContext;
  private readonly loaded: Promise<void>;
  private player: AudioWorkletNode | null = null;
  private waiting: PlaybackCommand[] = [];
  /** What the loudspeaker was given; see `Report`. */
  onreport: (report: Report) => void = () => {};

  /** Must be made within a click or key press, or the browser keeps it silent until one comes. */
  constructor(latencyHint: AudioContextLatencyCategory | number = "interactive") {
    this.context = new AudioContext({ latencyHint });
    this.loaded = this.able ? this.load(this.context.audioWorklet).then(() => this.begin()) : Promise.resolve();
    // Whoever needs the worklets awaits `ready`, and is told there.
    this.loaded.catch(() => {});
  }

  /** False at an address that is not secure: browsers have no worklets there, so nothing sounds and nothing is heard. */
  get able(): boolean {
    return (this.context.audioWorklet as AudioWorklet | undefined) !== undefined;
  }

  /** The worklets are there. Rejects when they cannot be loaded. */
  ready(): Promise<void> {
    return this.loaded;
  }

  /** Let the sound out; false while the browser still wants a click. */
  async wake(): Promise<boolean> {
    if (this.context.state === "running") return true;
    // A blocked resume() stays pending for ever, so it is raced with a moment.
    await Promise.race([this.context.resume().catch(() => {}), new Promise((done) => setTimeout(done, 250))]);
    return (this.context.state as AudioContextState) === "running";
  }

  push(item: string, samples: Int16Array<ArrayBuffer>): void {
    this.command({ type: "push", item, samples });
  }

  end(item: string): void {
    this.command({ type: "end", item });
  }

  cut(): void {
    this.command({ type: "cut" });
  }

  hold(atMostMs: number): void {
    this.command({ type: "hold", atMostMs });
  }

  release(): void {
    this.command({ type: "release" });
  }

  /** Feed a track into frames until stopped. */
  async capture(track: MediaStreamTrack, frameMs: number, onframe: (frame: CaptureFrame) => void): Promise<Capture> {
    await this.loaded;
    const source = this.context.createMediaStreamSource(new MediaStream([track]));
    const processorOptions: CaptureOptions = { frameMs };
    const node = new AudioWorkletNode(this.context, CAPTURE, { numberOfOutputs: 1, processorOptions });
    // A node that leads nowhere is not run by every browser; this one leads to the loudspeaker, at no volume.
    const nowhere = new GainNode(this.context, { gain: 0 });
    source.connect(node).connect(nowhere).connect(this.context.destination);
    node.port.onmessage = ({ data }: MessageEvent<CaptureFrame>) => onframe(data);
    return {
      stop: () => {
        node.port.onmessage = null;
        source.disconnect();
        node.disconnect();
        nowhere.disconnect();
      },
    };
  }

  /** When (performance.now, ms) the device time `seconds` is or was at the loudspeaker. */
  heardAt(seconds: number): number {
    const stamp = this.context.getOutputTimestamp?.();
    if (stamp?.performanceTime && stamp.contextTime !== undefined) {
      return stamp.performanceTime + (seconds - stamp.contextTime) * 1000;
    }
    return this.renderedAt(seconds) + (this.context.outputLatency || this.context.baseLatency || 0) * 1000;
  }

  /** When (performance.now, ms) the device time `seconds` was rendered. */
  renderedAt(seconds: number): number {
    return performance.now() + (seconds - this.context.currentTime) * 1000;
  }

  async close(): Promise<void> {
    this.onreport = () => {};
    if (this.context.state !== "closed") await this.context.close();
  }

  private async load(worklets: AudioWorklet): Promise<void> {
    await Promise.all(["capture-worklet.js", "playback-worklet.js"].map((name) => worklets.addModule(workletUrl(name))));
  }

  private begin(): void {
    this.player = new AudioWorkletNode(this.context, PLAYBACK, { numberOfInputs: 0, outputChannelCount: [1] });
    this.player.port.onmessage = ({ data }: MessageEvent<Report>) => this.onreport(data);
    this.player.connect(this.context.destination);
    for (const command of this.waiting.splice(0)) this.command(command);
  }

  private command(command: PlaybackCommand): void {
    if (!this.able) return;
    if (!this.player) this.waiting.push(command);
    else if (command.type === "push") this.player.port.postMessage(command, [command.samples.buffer]);
    else this.player.port.postMessage(command);
  }
}
