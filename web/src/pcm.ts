/** PCM16 little-endian mono at 24 kHz, the wire's audio, to and from samples and base64. */

export const WIRE_RATE = 24_000;

/** Samples in [-1, 1] to 16-bit integers; what is louder is clipped. */
export function toInt16(samples: Float32Array): Int16Array<ArrayBuffer> {
  const out = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    const x = Math.max(-1, Math.min(1, samples[i] as number));
    out[i] = Math.round(x < 0 ? x * 0x8000 : x * 0x7fff);
  }
  return out;
}

export function toFloat(samples: Int16Array): Float32Array<ArrayBuffer> {
  const out = new Float32Array(samples.length);
  for (let i = 0; i < samples.length; i++) out[i] = (samples[i] as number) / 0x8000;
  return out;
}

/** base64 of the samples as little-endian bytes, whatever the machine's own order. */
export function encodePcm(samples: Int16Array): string {
  const bytes = new Uint8Array(samples.length * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < samples.length; i++) view.setInt16(i * 2, samples[i] as number, true);
  let text = "";
  // fromCharCode takes its bytes as arguments, and engines bound how many: 8 KiB is safe everywhere.
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(text);
}

/** The samples in a base64 payload; an odd last byte is dropped. Throws on what is not base64. */
export function decodePcm(payload: string): Int16Array<ArrayBuffer> {
  const text = atob(payload);
  const out = new Int16Array(text.length >> 1);
  for (let i = 0; i < out.length; i++) {
    out[i] = text.charCodeAt(2 * i) | (text.charCodeAt(2 * i + 1) << 8);
  }
  return out;
}

export const msToSamples = (ms: number): number => Math.round((ms * WIRE_RATE) / 1000);
export const samplesToMs = (samples: number): number => Math.floor((samples * 1000) / WIRE_RATE);
