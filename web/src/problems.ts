/** Everything that can go wrong, by name. The sentences for a person are in `texts.ts`, under the same names. */

import type { WireError } from "./wire.js";

export type ProblemCode =
  // the link
  | "server_unreachable"
  | "server_restarting"
  | "server_busy"
  | "network_offline"
  | "key_needed"
  | "key_refused"
  | "origin_refused"
  | "model_unknown"
  | "budget_spent"
  | "call_gone"
  | "call_elsewhere"
  | "call_too_long"
  | "call_ended"
  | "secret_failed"
  | "not_connected"
  // the microphone
  | "mic_insecure"
  | "mic_denied"
  | "mic_missing"
  | "mic_busy"
  | "mic_unplugged"
  | "mic_muted"
  | "mic_failed"
  // the conversation
  | "audio_blocked"
  | "answer_failed"
  | "server_said";

/** `retry`: the next attempt may succeed as it is. `give_up`: a person must do something first. `none`: it goes on. */
export type Remedy = "retry" | "give_up" | "none";

export interface Problem {
  code: ProblemCode;
  remedy: Remedy;
  /** The server's own words, for the one who builds the page. */
  detail: string | null;
}

const REMEDY: Record<ProblemCode, Remedy> = {
  server_unreachable: "retry",
  server_restarting: "retry",
  server_busy: "retry",
  network_offline: "retry",
  key_needed: "give_up",
  key_refused: "give_up",
  origin_refused: "give_up",
  model_unknown: "give_up",
  budget_spent: "give_up",
  call_gone: "retry",
  call_elsewhere: "give_up",
  call_too_long: "give_up",
  call_ended: "give_up",
  secret_failed: "retry",
  not_connected: "none",
  mic_insecure: "none",
  mic_denied: "none",
  mic_missing: "none",
  mic_busy: "none",
  mic_unplugged: "none",
  mic_muted: "none",
  mic_failed: "none",
  audio_blocked: "none",
  answer_failed: "none",
  server_said: "none",
};

export const problem = (code: ProblemCode, detail: string | null = null): Problem => ({ code, remedy: REMEDY[code], detail });

/** Error codes of the wire that end a call, and what each is to a person. */
const WIRE_CODES: Readonly<Record<string, ProblemCode>> = {
  invalid_api_key: "key_refused",
  invalid_client_secret: "key_refused",
  client_secret_expired: "key_refused",
  expired_client_secret: "key_refused",
  authentication_required: "key_needed",
  missing_api_key: "key_needed",
  account_deactivated: "key_refused",
  origin_not_allowed: "origin_refused",
  model_not_found: "model_unknown",
  model_not_allowed: "model_unknown",
  insufficient_quota: "budget_spent",
  budget_exceeded: "budget_spent",
  credit_balance_exhausted: "budget_spent",
  billing_hard_limit_reached: "budget_spent",
  server_overloaded: "server_busy",
  rate_limit_exceeded: "server_busy",
  session_not_found: "call_gone",
  session_expired: "call_too_long",
};

/** What an `error` event means for the call, or null when the call goes on. */
export function fromWire(error: WireError): Problem | null {
  const code = WIRE_CODES[error.code ?? ""];
  return code ? problem(code, error.message) : null;
}

/**
 * What a socket's close means. `before` is the last error event before it, which says more than a code can.
 *
 * 1001 and 1012 are a server that goes away and comes back, 1013 one that is full; 44xx are this server's own.
 */
export function fromClose(code: number, before: Problem | null, opened: boolean): Problem {
  if (before) return before;
  switch (code) {
    case 4404:
      return problem("call_gone");
    case 4409:
      return problem("call_elsewhere");
    case 4401:
      return problem("key_refused");
    case 4403:
      return problem("origin_refused");
    case 1008:
      return problem("key_refused");
    case 1000:
      return problem("call_ended");
    case 1001:
    case 1012:
      return problem("server_restarting");
    case 1013:
      return problem("server_busy");
    default:
      return problem(opened ? "server_restarting" : "server_unreachable");
  }
}

/** What the answer of the secrets endpoint means. */
export function fromStatus(status: number, detail: string | null, hadKey: boolean): Problem {
  if (status === 401) return problem(hadKey ? "key_refused" : "key_needed", detail);
  if (status === 403) return problem("origin_refused", detail);
  if (status === 404 || status === 405) return { ...problem("secret_failed", detail), remedy: "give_up" };
  if (status === 429 || status === 503) return problem("server_busy", detail);
  if (status >= 500) return problem("server_restarting", detail);
  return { ...problem("secret_failed", detail), remedy: "give_up" };
}

/** What a browser throws when it gives no microphone (https://w3c.github.io/mediacapture-main/#dom-mediadevices-getusermedia). */
export function fromMicrophone(name: string): Problem {
  switch (name) {
    case "NotAllowedError":
    case "PermissionDeniedError":
      return problem("mic_denied");
    case "SecurityError":
      return problem("mic_insecure");
    case "NotFoundError":
    case "OverconstrainedError":
    case "DevicesNotFoundError":
      return problem("mic_missing");
    case "NotReadableError":
    case "AbortError":
    case "TrackStartError":
      return problem("mic_busy");
    default:
      return problem("mic_failed", name);
  }
}
