/**
 * What the microphone heard, kept until it is certain that the server has it.
 *
 * Positions count samples (24 kHz) since the microphone was first started; a resumed call says from which of its
 * milliseconds it wants the audio again.
 */

/** The server asks for at most 30 s again; the rest is margin for the time a reconnection takes. */
const KEPT_SAMPLES = 24_000 * 60;

export class Ring {
  private frames: { at: number; samples: Int16Array<ArrayBuffer> }[] = [];
  /** Position after the last sample. */
  end = 0;

  push(samples: Int16Array<ArrayBuffer>): void {
    this.frames.push({ at: this.end, samples });
    this.end += samples.length;
    while (this.frames[0] && this.end - this.frames[0].at > KEPT_SAMPLES) this.frames.shift();
  }

  /** The oldest position still kept. */
  get start(): number {
    return this.frames[0]?.at ?? this.end;
  }

  /** Everything from a position on, in the frames it came in; the first may be cut. */
  since(position: number): Int16Array<ArrayBuffer>[] {
    let low = this.frames.length;
    while (low > 0) {
      const frame = this.frames[low - 1] as { at: number; samples: Int16Array<ArrayBuffer> };
      if (frame.at + frame.samples.length <= position) break;
      low--;
    }
    return this.frames.slice(low).map(({ at, samples }) => (at < position ? samples.slice(position - at) : samples));
  }
}
