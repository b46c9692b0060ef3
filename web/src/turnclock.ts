/** How long the caller waited, as heard here: from the end of their voice to the first sound of the answer. */

export interface TurnTime {
  /** From the last voiced sample (or the press of Enter) to the first audible one, in ms. */
  voice_to_voice_ms: number;
  spoken: boolean;
  parts: {
    /** The server being sure that the caller had finished, network included. */
    end_of_turn_ms: number;
    /** Understanding, thinking and the first sound synthesised, network included. */
    answer_ms: number;
    /** Buffer, device, and the silence in front of the first word. */
    playback_ms: number;
  };
}

interface Turn {
  from: number;
  spoken: boolean;
  stopped: number | null;
  arrived: number | null;
}

/** Times are ms on one clock. */
export class TurnClock {
  private turn: Turn | null = null;

  /** The server says that the caller stopped; `voiced` is when their voice was last heard here, if it was. */
  speechStopped(voiced: number | null, now: number): void {
    this.turn = { from: voiced !== null && voiced < now ? voiced : now, spoken: true, stopped: now, arrived: null };
  }

  textSent(now: number): void {
    this.turn = { from: now, spoken: false, stopped: now, arrived: null };
  }

  /** The caller speaks again: what was running is no longer a turn to time. */
  dropped(): void {
    this.turn = null;
  }

  audioArrived(now: number): void {
    if (this.turn) this.turn.arrived ??= now;
  }

  /** First audible sample of an answer; the turn's time, once. */
  audible(at: number): TurnTime | null {
    const turn = this.turn;
    if (!turn || turn.stopped === null || turn.arrived === null) return null;
    this.turn = null;
    const round = (x: number): number => Math.max(0, Math.round(x));
    return {
      voice_to_voice_ms: round(at - turn.from),
      spoken: turn.spoken,
      parts: {
        end_of_turn_ms: round(turn.stopped - turn.from),
        answer_ms: round(turn.arrived - turn.stopped),
        playback_ms: round(at - turn.arrived),
      },
    };
  }
}
