/**
 * The life of a call's link: secret, socket, first frame, loss, return.
 *
 * A total function over (state, event); what to do comes out as data. A call survives its sockets: `session` and the
 * conversation stay through `waiting`, and go only with `disconnect` or a refusal.
 */

import type { Problem } from "../problems.js";
import type { Resume } from "../wire.js";

export interface LinkPolicy {
  /** Attempts after a loss before giving up. */
  maxRetries: number;
  /** Wait before the first of them (ms); it doubles each time. */
  baseDelay: number;
}

export type LinkState =
  | { name: "idle" }
  | { name: "asking"; attempt: number; call: Call | null; renewed: boolean; offline: boolean }
  | { name: "opening"; attempt: number; call: Call | null; renewed: boolean; offline: boolean }
  | { name: "starting"; attempt: number; call: Call | null; renewed: boolean; offline: boolean }
  | { name: "live"; call: Call; offline: boolean }
  | { name: "waiting"; attempt: number; call: Call | null; offline: boolean; why: Problem }
  | { name: "closed"; why: Problem | null };

/** A call that the server knows: what a resume needs. */
export interface Call {
  session: string;
}

export type LinkEvent =
  | { type: "connect" }
  | { type: "disconnect" }
  | { type: "secret" }
  | { type: "secret_refused"; problem: Problem }
  | { type: "opened" }
  | { type: "created"; session: string; resume: Resume | null }
  /** `problem` is what the close says together with the last error before it; `random` is in [0, 1). */
  | { type: "lost"; problem: Problem; random: number }
  | { type: "due" }
  | { type: "offline"; random: number }
  | { type: "online" }
  | { type: "silent"; random: number };

export type LinkEffect =
  | { type: "ask"; renew: boolean }
  | { type: "open"; resume: Call | null }
  | { type: "close" }
  | { type: "wait"; ms: number }
  | { type: "unwait" }
  | { type: "live"; resumed: Resume | null; fresh: boolean; again: boolean }
  | { type: "reconnecting"; attempt: number; of: number; ms: number; why: Problem }
  | { type: "ended"; why: Problem | null };

export type LinkStep = readonly [LinkState, readonly LinkEffect[]];

/** No wait is longer (ms): a server that is back should not be waited for. */
export const LONGEST_DELAY = 8_000;

/** Exponential with half of it random ("equal jitter"): many callers of one restarted server do not return at once. */
export function backoff(attempt: number, policy: LinkPolicy, random: number): number {
  const whole = Math.min(policy.baseDelay * 2 ** (attempt - 1), Math.max(policy.baseDelay, LONGEST_DELAY));
  return Math.round(whole / 2 + (whole / 2) * random);
}

const same = (state: LinkState): LinkStep => [state, []];

function lost(
  state: { attempt: number; call: Call | null; offline: boolean },
  why: Problem,
  random: number,
  policy: LinkPolicy,
  closing: readonly LinkEffect[],
): LinkStep {
  // The call itself is gone on the server: what is left to do is to begin another and tell so.
  const call = why.code === "call_gone" ? null : state.call;
  if (why.remedy === "give_up") return [{ name: "closed", why }, [...closing, { type: "ended", why }]];
  // No network is nobody's failure: it costs no attempt.
  const attempt = state.offline ? Math.max(1, state.attempt) : state.attempt + 1;
  if (attempt > policy.maxRetries) return [{ name: "closed", why }, [...closing, { type: "ended", why }]];
  const ms = why.code === "call_gone" ? 0 : backoff(attempt, policy, random);
  return [
    { name: "waiting", attempt, call, offline: state.offline, why },
    [...closing, { type: "reconnecting", attempt, of: policy.maxRetries, ms, why }, { type: "wait", ms }],
  ];
}

export function stepLink(state: LinkState, event: LinkEvent, policy: LinkPolicy, offlineProblem: Problem): LinkStep {
  if (event.type === "disconnect") {
    if (state.name === "idle" || state.name === "closed") return same(state);
    return [
      { name: "closed", why: null },
      [{ type: "unwait" }, { type: "close" }, { type: "ended", why: null }],
    ];
  }
  switch (state.name) {
    case "idle":
    case "closed":
      if (event.type !== "connect") return same(state);
      return [{ name: "asking", attempt: 0, call: null, renewed: false, offline: false }, [{ type: "ask", renew: false }]];

    case "asking":
      switch (event.type) {
        case "secret":
          return [{ ...state, name: "opening" }, [{ type: "open", resume: state.call }]];
        case "secret_refused":
          return lost(state, event.problem, 0.5, policy, []);
        case "offline":
          return same({ ...state, offline: true });
        case "online":
          return same({ ...state, offline: false });
        default:
          return same(state);
      }

    case "opening":
    case "starting":
      switch (event.type) {
        case "opened":
          return same({ ...state, name: "starting" });
        case "created": {
          const resumed = state.call !== null && event.resume?.ok === true ? event.resume : null;
          return [
            { name: "live", call: { session: event.session }, offline: state.offline },
            [{ type: "live", resumed, fresh: resumed === null, again: state.attempt > 0 }],
          ];
        }
        case "lost":
          // A secret may have been spent or have run out since it was made: ask for a new one, once, before believing it.
          if (event.problem.code === "key_refused" && !state.renewed) {
            return [{ ...state, name: "asking", renewed: true }, [{ type: "close" }, { type: "ask", renew: true }]];
          }
          return lost(state, event.problem, event.random, policy, [{ type: "close" }]);
        case "offline":
          return lost({ ...state, offline: true }, offlineProblem, event.random, policy, [{ type: "close" }]);
        case "online":
          return same({ ...state, offline: false });
        case "silent":
          return lost(state, offlineProblem, event.random, policy, [{ type: "close" }]);
        default:
          return same(state);
      }

    case "live":
      switch (event.type) {
        case "created":
          return same({ ...state, call: { session: event.session } });
        case "lost":
          return lost({ ...state, attempt: 0 }, event.problem, event.random, policy, [{ type: "close" }]);
        case "offline":
          return lost({ ...state, attempt: 0, offline: true }, offlineProblem, event.random, policy, [{ type: "close" }]);
        case "online":
          return same({ ...state, offline: false });
        case "silent":
          return lost({ ...state, attempt: 0 }, offlineProblem, event.random, policy, [{ type: "close" }]);
        default:
          return same(state);
      }

    case "waiting":
      switch (event.type) {
        case "due":
          return [
            { name: "asking", attempt: state.attempt, call: state.call, renewed: false, offline: state.offline },
            [{ type: "ask", renew: false }],
          ];
        case "online":
          return [
            { name: "asking", attempt: state.attempt, call: state.call, renewed: false, offline: false },
            [{ type: "unwait" }, { type: "ask", renew: false }],
          ];
        case "connect":
          return [
            { name: "asking", attempt: state.attempt, call: state.call, renewed: false, offline: state.offline },
            [{ type: "unwait" }, { type: "ask", renew: false }],
          ];
        case "offline":
          return same({ ...state, offline: true });
        default:
          return same(state);
      }

    default: {
      const never: never = state;
      return never;
    }
  }
}
