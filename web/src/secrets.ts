/** Short-lived secrets: asked for before each socket, kept until shortly before they run out. */

import { fromStatus, problem, type Problem } from "./problems.js";

/** What `getSecret` may give back: the secret itself, the GA answer, or the older one with `client_secret` inside. */
export type SecretAnswer =
  | string
  | { value: string; expires_at?: number }
  | { client_secret: string | { value: string; expires_at?: number } }
  | { clientSecret: string; expiresAt?: number };

export type GetSecret = () => SecretAnswer | Promise<SecretAnswer>;

export interface Secret {
  value: string;
  /** Unix seconds, or null when nobody said. */
  expires: number | null;
}

/** A secret this close to its end (s) is not worth opening a socket with. */
const MARGIN_S = 10;

export const usable = (secret: Secret | null, nowS: number): secret is Secret =>
  secret !== null && secret.expires !== null && secret.expires - MARGIN_S > nowS;

export function readSecret(answer: unknown): Secret | null {
  if (typeof answer === "string" && answer !== "") return { value: answer, expires: null };
  if (typeof answer !== "object" || answer === null) return null;
  const a = answer as Record<string, unknown>;
  const expires = (x: unknown): number | null => (typeof x === "number" ? x : null);
  if (typeof a.value === "string") return { value: a.value, expires: expires(a.expires_at) };
  if (typeof a.clientSecret === "string") return { value: a.clientSecret, expires: expires(a.expiresAt) };
  const inner = a.client_secret;
  if (typeof inner === "string") return { value: inner, expires: expires(a.expires_at) };
  return typeof inner === "object" && inner !== null ? readSecret(inner) : null;
}

/** Thrown by a secret source; carries what it means for the call. */
export class SecretRefused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.code);
  }
}

function messageIn(body: unknown): string | null {
  const error = (body as { error?: unknown } | null)?.error;
  if (typeof error === "string") return error;
  const message = (error as { message?: unknown } | undefined)?.message;
  return typeof message === "string" ? message : null;
}

/**
 * fetch throws the same for no network, no server, and a server that does not let this origin read its answers. A
 * request that asks to read nothing tells the last from the others.
 */
async function whyUnreadable(base: string): Promise<Problem> {
  if (!navigator.onLine) return problem("network_offline");
  if (new URL(base).origin === location.origin) return problem("server_unreachable");
  try {
    await fetch(`${base}/healthz`, { mode: "no-cors", cache: "no-store" });
    return problem("origin_refused");
  } catch {
    return problem("server_unreachable");
  }
}

/** The server's own endpoint; `key` is for those who hold one (never in a shop's page). */
export async function secretFrom(base: string, session: object, key: string | null, signal: AbortSignal): Promise<SecretAnswer> {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (key) headers.authorization = `Bearer ${key}`;
  let answer: globalThis.Response;
  try {
    answer = await fetch(`${base}/v1/realtime/client_secrets`, {
      method: "POST",
      headers,
      body: JSON.stringify({ session }),
      signal,
    });
  } catch {
    throw new SecretRefused(await whyUnreadable(base));
  }
  const body: unknown = await answer.json().catch(() => null);
  if (!answer.ok) throw new SecretRefused(fromStatus(answer.status, messageIn(body), key !== null));
  return body as SecretAnswer;
}
