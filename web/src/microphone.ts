/** The shell around the microphone machine: asks the browser, follows the track, chooses devices. */

import { stepMicrophone, type MicrophoneEffect, type MicrophoneEvent, type MicrophoneState } from "./machines/microphone.js";
import type { Problem } from "./problems.js";

export interface Device {
  id: string;
  label: string;
}

export class Microphone {
  private state: MicrophoneState = { name: "off" };
  private stream: MediaStream | null = null;
  private answered: ((on: boolean) => void)[] = [];
  deviceId: string | null = null;

  constructor(
    private readonly tell: (problem: Problem) => void,
    private readonly changed: (state: MicrophoneState) => void,
  ) {}

  get name(): MicrophoneState["name"] {
    return this.state.name;
  }

  get track(): MediaStreamTrack | null {
    return this.stream?.getAudioTracks()[0] ?? null;
  }

  /** True once it is on; false when it was refused, for a reason that was told. */
  start(): Promise<boolean> {
    if (this.state.name === "on") return Promise.resolve(true);
    const answer = new Promise<boolean>((resolve) => this.answered.push(resolve));
    const present = typeof navigator.mediaDevices?.getUserMedia === "function";
    this.happen({ type: "start", secure: isSecureContext, present });
    return answer;
  }

  stop(): void {
    this.happen({ type: "stop" });
  }

  /** The microphones there are; without labels until one was allowed. */
  async devices(): Promise<Device[]> {
    const all = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
    return all.filter((d) => d.kind === "audioinput" && d.deviceId !== "").map((d) => ({ id: d.deviceId, label: d.label }));
  }

  private happen(event: MicrophoneEvent): void {
    const [next, effects] = stepMicrophone(this.state, event);
    const moved = next !== this.state;
    this.state = next;
    for (const effect of effects) this.act(effect);
    if (moved) this.changed(next);
    if (next.name !== "asking") for (const answer of this.answered.splice(0)) answer(next.name === "on");
  }

  private act(effect: MicrophoneEffect): void {
    switch (effect.type) {
      case "ask":
        return void this.ask();
      case "release":
        for (const track of this.stream?.getTracks() ?? []) {
          track.onended = track.onmute = track.onunmute = null;
          track.stop();
        }
        this.stream = null;
        return;
      case "tell":
        return this.tell(effect.problem);
      default: {
        const never: never = effect;
        return never;
      }
    }
  }

  private async ask(): Promise<void> {
    const audio: MediaTrackConstraints = {
      channelCount: 1,
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      ...(this.deviceId ? { deviceId: { exact: this.deviceId } } : {}),
    };
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      return this.happen({ type: "refused", error: error instanceof Error ? error.name : String(error) });
    }
    this.stream = stream;
    const track = this.track;
    if (track) {
      track.onended = () => this.happen({ type: "ended" });
      track.onmute = () => this.happen({ type: "muted" });
      track.onunmute = () => this.happen({ type: "unmuted" });
    }
    // A Bluetooth headset is muted for the moment it takes to change its profile; only what stays muted is told.
    if (track?.muted) await new Promise((done) => setTimeout(done, 500));
    this.happen({ type: "granted", muted: track?.muted ?? false });
  }
}
