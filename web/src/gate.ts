/**
 * Whether the person at this microphone is speaking, well enough to time a turn by; the server decides turns.
 *
 * The floor follows the quietest level quickly down and slowly up, so that a fan is floor and a word is not.
 */

/** -46 dBFS: with a perfectly quiet microphone nothing below this counts as a voice. */
const QUIETEST_VOICE = 0.005;
/** A voice stands at least 10 dB above the floor. */
const ABOVE_FLOOR = 3.2;
/** The floor rises by about 1 dB a second at 50 frames a second. */
const RISE = 1.0023;

export class VoiceGate {
  private floor = QUIETEST_VOICE / ABOVE_FLOOR;
  /** Device time (s) of the last voiced frame's end, or null before the first. */
  lastVoiced: number | null = null;

  /** One frame; says whether it is voiced. */
  step(rms: number, time: number): boolean {
    this.floor = rms < this.floor ? rms : Math.min(rms, this.floor * RISE + 1e-7);
    const voiced = rms > Math.max(QUIETEST_VOICE, this.floor * ABOVE_FLOOR);
    if (voiced) this.lastVoiced = time;
    return voiced;
  }
}
