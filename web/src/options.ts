/** What a caller of the module may set, and what it is when they do not. */

import type { GetSecret } from "./secrets.js";
import type { Language } from "./texts.js";

/** A stored prompt by its id, with the variables it takes. */
export interface PromptReference {
  id: string;
  version?: string;
  variables?: Record<string, string>;
}

export interface TurnDetection {
  type: "server_vad" | "semantic_vad";
  threshold?: number;
  prefix_padding_ms?: number;
  silence_duration_ms?: number;
  eagerness?: "low" | "medium" | "high" | "auto";
  interrupt_response?: boolean;
  create_response?: boolean;
  idle_timeout_ms?: number | null;
}

export interface ConnectOptions {
  model?: string;
  voice?: string;
  /** A string of words is the instructions; one word without spaces, or an object, names a stored prompt. */
  prompt?: string | PromptReference;
  /** The server: its address, or the address of its socket. Default: where the page comes from. */
  url?: string;
  /** Gets a short-lived secret from your own server. Default: this server's own endpoint. */
  getSecret?: GetSecret;
  /** An access key, for a page that only its owner opens. Never put one in a page for customers. */
  key?: string;
  /** The language the caller is expected to speak, and of the sentences in errors. Default: the page's. */
  language?: Language;
  /** Attempts after the link is lost. */
  maxRetries?: number;
  /** Wait before the first attempt (ms); it doubles each time, half of it random. */
  baseDelay?: number;
  latencyHint?: AudioContextLatencyCategory | number;
  /** Audio sent at a time (ms): 10 to 100. */
  frameMs?: number;
  turnDetection?: TurnDetection | null;
  /** Any other session fields, put over all of the above. */
  session?: Record<string, unknown>;
}

export const DEFAULTS = {
  model: "moksori-local",
  maxRetries: 3,
  baseDelay: 2000,
  latencyHint: "interactive",
  frameMs: 20,
  /** The values OpenAI documents; 500 ms is the longest wait, a sure end of turn is answered sooner. */
  turnDetection: { type: "server_vad", threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 500 },
} as const satisfies ConnectOptions;

/** Attempts of the page and the widget: together half a minute to a minute, as long as a server keeps a lost call. */
export const PATIENT = 8;

/** `https://host[/path]` without a trailing slash or the socket's own path, whichever form was given. */
export function baseOf(url: string | undefined, page: string): string {
  const parsed = new URL(url ?? "/", page);
  const scheme = parsed.protocol.replace(/^ws/, "http");
  return `${scheme}//${parsed.host}${parsed.pathname.replace(/\/(v1\/realtime\/?)?$/, "")}`;
}

/** The socket's address; a call that is being resumed is named, a new one names its model. */
export function socketUrl(base: string, model: string, resume: { session: string; lastEvent: string | null } | null): string {
  const url = new URL(`${base.replace(/^http/, "ws")}/v1/realtime`);
  url.searchParams.set("model", model);
  // What the server's own tools do is told only to who asks for it.
  url.searchParams.set("events", "extended");
  // Where the loudspeaker can be held, the server has the time to tell "mm-hmm" from an interruption.
  url.searchParams.set("holds", "1");
  if (resume) {
    url.searchParams.set("session_id", resume.session);
    if (resume.lastEvent) url.searchParams.set("last_event_id", resume.lastEvent);
  }
  return url.href;
}

type Tree = { [key: string]: unknown };

function merge(under: Tree, over: Tree): Tree {
  const out: Tree = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const old = out[key];
    const both = isTree(old) && isTree(value);
    out[key] = both ? merge(old, value) : value;
  }
  return out;
}

const isTree = (x: unknown): x is Tree => typeof x === "object" && x !== null && !Array.isArray(x);

/** The session that the options describe, in GA form, as for `session.update` and for the secret. */
export function sessionOf(options: ConnectOptions): Tree {
  const input: Tree = {
    format: { type: "audio/pcm", rate: 24_000 },
    transcription: { model: "gpt-4o-mini-transcribe", ...(options.language ? { language: options.language } : {}) },
    turn_detection: options.turnDetection === undefined ? { ...DEFAULTS.turnDetection } : options.turnDetection,
  };
  const output: Tree = { format: { type: "audio/pcm", rate: 24_000 }, ...(options.voice ? { voice: options.voice } : {}) };
  const session: Tree = { type: "realtime", output_modalities: ["audio"], audio: { input, output } };
  const { prompt } = options;
  if (typeof prompt === "object") session.prompt = { ...prompt };
  else if (prompt && /^[\w.-]+$/.test(prompt)) session.prompt = { id: prompt };
  else if (prompt) session.instructions = prompt;
  return options.session ? merge(session, options.session) : session;
}
