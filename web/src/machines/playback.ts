/**
 * Which audio may sound, and what is told to the server when it is cut.
 *
 * The server sends faster than a voice speaks, so an answer can be whole on the wire and half heard here: a barge-in
 * is settled by what the loudspeaker was given, not by what has come.
 */

import { samplesToMs } from "../pcm.js";

export interface PlaybackState {
  /** Items whose audio is in the loudspeaker's queue, in order, with the samples that came for each. */
  readonly queued: readonly { readonly item: string; readonly came: number }[];
  /** Items that were cut: what still comes for them is dropped. */
  readonly cut: ReadonlySet<string>;
  /** A cut was asked for and the loudspeaker has not answered yet. */
  readonly cutting: boolean;
  /** A hold was asked for; the loudspeaker may have ended it when its time was over. */
  readonly held: boolean;
}

export const SILENT: PlaybackState = { queued: [], cut: new Set(), cutting: false, held: false };

export type PlaybackEvent =
  | { type: "audio"; item: string; samples: number }
  | { type: "audio_done"; item: string }
  /** The caller speaks, types, or the answer was called off. */
  | { type: "interrupt" }
  /** The caller is heard, and it is open whether it is an interruption. */
  | { type: "hold"; at_most_ms: number }
  | { type: "release" }
  | { type: "was_cut"; items: readonly { item: string; samples: number }[] }
  | { type: "finished"; item: string };

export type PlaybackEffect =
  | { type: "push"; item: string }
  | { type: "end"; item: string }
  | { type: "cut" }
  | { type: "hold"; at_most_ms: number }
  | { type: "release" }
  /** Tell the server how much of the item was heard, and it keeps no more than that. */
  | { type: "truncate"; item: string; audio_end_ms: number };

export type PlaybackStep = readonly [PlaybackState, readonly PlaybackEffect[]];

/** More cut items than this are forgotten: their audio stopped coming long ago. */
const REMEMBERED = 64;

const remember = (cut: ReadonlySet<string>, items: readonly string[]): ReadonlySet<string> =>
  new Set([...cut, ...items].slice(-REMEMBERED));

const release = (state: PlaybackState): PlaybackStep =>
  state.held ? [{ ...state, held: false }, [{ type: "release" }]] : [state, []];

export function stepPlayback(state: PlaybackState, event: PlaybackEvent): PlaybackStep {
  switch (event.type) {
    case "audio": {
      if (state.cut.has(event.item)) return [state, []];
      const known = state.queued.some((q) => q.item === event.item);
      const queued = known
        ? state.queued.map((q) => (q.item === event.item ? { item: q.item, came: q.came + event.samples } : q))
        : [...state.queued, { item: event.item, came: event.samples }];
      return [{ ...state, queued }, [{ type: "push", item: event.item }]];
    }
    case "audio_done":
      return state.queued.some((q) => q.item === event.item) ? [state, [{ type: "end", item: event.item }]] : [state, []];
    case "interrupt": {
      // A cut ends the hold by itself; where there is nothing to cut, it has to be ended.
      if (state.queued.length === 0 || state.cutting) return release(state);
      const cut = remember(
        state.cut,
        state.queued.map((q) => q.item),
      );
      return [{ ...state, cut, cutting: true, held: false }, [{ type: "cut" }]];
    }
    case "hold":
      return [{ ...state, held: true }, [{ type: "hold", at_most_ms: event.at_most_ms }]];
    case "release":
      return release(state);
    case "was_cut": {
      const heard = new Map(event.items.map(({ item, samples }) => [item, samples]));
      // An item that finished in the same instant is in no list: all of it was heard, and there is nothing to take back.
      const effects = state.queued.flatMap(({ item, came }): PlaybackEffect[] => {
        const samples = heard.get(item);
        return samples === undefined ? [] : [{ type: "truncate", item, audio_end_ms: samplesToMs(Math.min(samples, came)) }];
      });
      return [{ ...state, queued: state.queued.filter((q) => !state.cut.has(q.item)), cutting: false }, effects];
    }
    case "finished":
      return [{ ...state, queued: state.queued.filter((q) => q.item !== event.item) }, []];
    default: {
      const never: never = event;
      return never;
    }
  }
}
