/** What passes between the page and its two worklets. */

import type { Report } from "../playout.js";

export const CAPTURE = "moksori-capture";
export const PLAYBACK = "moksori-playback";

export interface CaptureOptions {
  frameMs: number;
}

/** One frame of the microphone: 24 kHz PCM16, and the device time (s) at which its last sample was taken in. */
export interface CaptureFrame {
  samples: Int16Array<ArrayBuffer>;
  time: number;
  rms: number;
}

export type PlaybackCommand =
  | { type: "push"; item: string; samples: Int16Array<ArrayBuffer> }
  | { type: "end"; item: string }
  | { type: "cut" }
  | { type: "hold"; atMostMs: number }
  | { type: "release" };

export type PlaybackReport = Report;
