/** Microphone at the device's rate in, frames of 24 kHz PCM16 out. */

import { toInt16, WIRE_RATE } from "../pcm.js";
import { Resampler } from "../sinc.js";
import { CAPTURE, type CaptureFrame, type CaptureOptions } from "./messages.js";

class Capture extends AudioWorkletProcessor {
  private readonly resampler = new Resampler(sampleRate, WIRE_RATE);
  private readonly frame: Float32Array;
  private filled = 0;

  constructor(options: { processorOptions?: unknown }) {
    super();
    const { frameMs } = options.processorOptions as CaptureOptions;
    this.frame = new Float32Array(Math.round((frameMs * WIRE_RATE) / 1000));
  }

  override process(inputs: Float32Array[][]): boolean {
    const channels = inputs[0];
    const first = channels?.[0];
    if (!channels || !first) return true;
    let mono = first;
    if (channels.length > 1) {
      mono = new Float32Array(first.length);
      for (const channel of channels) {
        for (let i = 0; i < mono.length; i++) mono[i] = (mono[i] as number) + (channel[i] as number) / channels.length;
      }
    }
    for (const sample of this.resampler.push(mono)) {
      this.frame[this.filled++] = sample;
      if (this.filled === this.frame.length) this.emit();
    }
    return true;
  }

  private emit(): void {
    let power = 0;
    for (const x of this.frame) power += x * x;
    const samples = toInt16(this.frame);
    const message: CaptureFrame = { samples, time: currentTime, rms: Math.sqrt(power / this.frame.length) };
    this.port.postMessage(message, [samples.buffer]);
    this.filled = 0;
  }
}

registerProcessor(CAPTURE, Capture);
