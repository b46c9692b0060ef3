/**
 * Band-limited interpolation with a Kaiser-windowed sinc (J. O. Smith, "Digital Audio Resampling").
 *
 * One table serves any pair of rates. The cut-off sits just under the lower of the two Nyquist frequencies, so a
 * 44.1 or 48 kHz microphone does not alias into the wire's 24 kHz.
 */

/** Zero crossings on each side: 12 keep the pass band flat to about 0.9 of the cut-off. */
const CROSSINGS = 12;
/** Table steps between two crossings; with linear interpolation between steps the error is under -90 dB. */
const STEPS = 256;
/** Kaiser beta for about 80 dB of stop band. */
const BETA = 8;

function bessel0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; k < 32; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

const TABLE: Float64Array = (() => {
  const table = new Float64Array(CROSSINGS * STEPS + 2);
  const norm = bessel0(BETA);
  for (let i = 0; i <= CROSSINGS * STEPS; i++) {
    const x = i / STEPS;
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    const r = x / CROSSINGS;
    table[i] = (sinc * bessel0(BETA * Math.sqrt(Math.max(0, 1 - r * r)))) / norm;
  }
  return table;
})();

export class Sinc {
  /** Samples of the source on either side that one output sample looks at. */
  readonly reach: number;
  private readonly cutoff: number;

  constructor(fromRate: number, toRate: number) {
    this.cutoff = toRate >= fromRate ? 1 : (0.95 * toRate) / fromRate;
    this.reach = Math.ceil(CROSSINGS / this.cutoff);
  }

  /** The signal at the fractional index `at`; beyond the buffer it is silence. */
  valueAt(source: Float32Array, at: number, length: number = source.length): number {
    const first = Math.max(0, Math.ceil(at - this.reach));
    const last = Math.min(length - 1, Math.floor(at + this.reach));
    let sum = 0;
    for (let i = first; i <= last; i++) {
      const x = Math.abs(at - i) * this.cutoff * STEPS;
      const k = Math.floor(x);
      if (k >= CROSSINGS * STEPS) continue;
      const a = TABLE[k] as number;
      sum += (source[i] as number) * (a + ((TABLE[k + 1] as number) - a) * (x - k));
    }
    return sum * this.cutoff;
  }
}

/** A stream from one rate to another; what comes out does not depend on how the input was cut. */
export class Resampler {
  private readonly sinc: Sinc;
  private readonly step: number;
  private held = new Float32Array(0);
  /** Position of the next output sample in `held`. */
  private at = 0;

  constructor(fromRate: number, toRate: number) {
    this.sinc = new Sinc(fromRate, toRate);
    this.step = fromRate / toRate;
  }

  push(input: Float32Array): Float32Array<ArrayBuffer> {
    const joined = new Float32Array(this.held.length + input.length);
    joined.set(this.held);
    joined.set(input, this.held.length);
    const out: number[] = [];
    while (this.at + this.sinc.reach <= joined.length - 1) {
      out.push(this.sinc.valueAt(joined, this.at));
      this.at += this.step;
    }
    const drop = Math.max(0, Math.floor(this.at) - this.sinc.reach);
    this.held = joined.slice(drop);
    this.at -= drop;
    return Float32Array.from(out);
  }
}
