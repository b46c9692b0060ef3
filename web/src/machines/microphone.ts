/** The microphone's life: asked for, heard, refused, taken away. A total function, like the link's. */

import { fromMicrophone, problem, type Problem } from "../problems.js";

export type MicrophoneState =
  | { name: "off" }
  | { name: "asking" }
  | { name: "on"; muted: boolean }
  | { name: "refused"; why: Problem };

export type MicrophoneEvent =
  | { type: "start"; secure: boolean; present: boolean }
  | { type: "granted"; muted: boolean }
  /** `error` is the name of what getUserMedia threw. */
  | { type: "refused"; error: string }
  | { type: "ended" }
  | { type: "muted" }
  | { type: "unmuted" }
  | { type: "stop" };

export type MicrophoneEffect = { type: "ask" } | { type: "release" } | { type: "tell"; problem: Problem };

export type MicrophoneStep = readonly [MicrophoneState, readonly MicrophoneEffect[]];

export function stepMicrophone(state: MicrophoneState, event: MicrophoneEvent): MicrophoneStep {
  const same: MicrophoneStep = [state, []];
  const refuse = (why: Problem, release: boolean): MicrophoneStep => [
    { name: "refused", why },
    release ? [{ type: "release" }, { type: "tell", problem: why }] : [{ type: "tell", problem: why }],
  ];
  switch (state.name) {
    case "off":
    case "refused":
      switch (event.type) {
        case "start":
          // Outside a secure context a browser hides the whole interface, so that it looks like a missing device.
          if (!event.secure) return refuse(problem("mic_insecure"), false);
          if (!event.present) return refuse(problem("mic_missing"), false);
          return [{ name: "asking" }, [{ type: "ask" }]];
        case "granted":
          // The answer to a question that was taken back: nobody may be listened to.
          return [state, [{ type: "release" }]];
        case "stop":
          return [{ name: "off" }, []];
        default:
          return same;
      }
    case "asking":
      switch (event.type) {
        case "granted":
          return [
            { name: "on", muted: event.muted },
            event.muted ? [{ type: "tell", problem: problem("mic_muted") }] : [],
          ];
        case "refused":
          return refuse(fromMicrophone(event.error), false);
        case "stop":
          return [{ name: "off" }, []];
        default:
          return same;
      }
    case "on":
      switch (event.type) {
        case "stop":
          return [{ name: "off" }, [{ type: "release" }]];
        case "ended":
          return refuse(problem("mic_unplugged"), true);
        case "muted":
          return state.muted ? same : [{ name: "on", muted: true }, [{ type: "tell", problem: problem("mic_muted") }]];
        case "unmuted":
          return [{ name: "on", muted: false }, []];
        default:
          return same;
      }
    default: {
      const never: never = state;
      return never;
    }
  }
}
