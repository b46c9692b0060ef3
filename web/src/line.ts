/**
 * The line to the server: secret, socket, timers, signs of life. The shell around the link machine.
 *
 * It knows nothing of what the events mean, except that any of them is a sign of life.
 */

import { VoiceError } from "./errors.js";
import type { ConnectionStatus, Reconnecting } from "./events.js";
import { stepLink, type Call, type LinkEffect, type LinkEvent, type LinkState } from "./machines/link.js";
import { baseOf, DEFAULTS, socketUrl, type ConnectOptions } from "./options.js";
import { fromClose, problem, type Problem } from "./problems.js";
import { readSecret, SecretRefused, secretFrom, usable, type Secret } from "./secrets.js";
import type { Language } from "./texts.js";
import type { ClientEvent, Resume } from "./wire.js";

/** A socket that has not brought `session.created` by then (ms) is given up. */
const OPENING_MS = 10_000;
/** With nothing heard from the server for so long (ms) it is asked for a sign of life. */
const QUIET_MS = 25_000;
/** And with no sign within this (ms), the link is taken for dead. */
const SIGN_MS = 5_000;
/** A tick that comes this late (ms) means that the machine slept. */
const SLEPT_MS = 10_000;
const TICK_MS = 1_000;
/** What a socket is closed with: the call is over, or only this socket is and the call is to be resumed. */
const HUNG_UP = 1000;
const BACK_SOON = 4000;

export interface LineOwner {
  /** The session that a secret is asked for. */
  asked(): Record<string, unknown>;
  /** One frame of the socket. */
  received(data: unknown): void;
  /** The server has greeted. `lost`: an earlier call could not be resumed, and is to be told again. */
  live(resumed: Resume | null, lost: boolean): void;
  reconnecting(detail: Reconnecting): void;
  status(now: ConnectionStatus): void;
  /** The page came into view again. */
  shown(): void;
  ended(why: Problem | null): void;
}

export class Line {
  private link: LinkState = { name: "idle" };
  private readonly base: string;
  private readonly model: string;
  private socket: WebSocket | null = null;
  private secret: Secret | null = null;
  private asking: AbortController | null = null;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private openTimer: ReturnType<typeof setTimeout> | undefined;
  private tick: ReturnType<typeof setInterval> | undefined;
  private tickedAt = 0;
  private heardFromAt = 0;
  private signAskedAt: number | null = null;
  /** The event after which a resume wants the rest. */
  private lastEvent: string | null = null;
  /** What an `error` event meant for the call: it says more than the close code that follows it. */
  lastError: Problem | null = null;

  constructor(
    private readonly options: ConnectOptions,
    private readonly language: Language,
    private readonly owner: LineOwner,
  ) {
    this.base = baseOf(options.url, location.href);
    this.model = options.model ?? DEFAULTS.model;
  }

  get live(): boolean {
    return this.link.name === "live";
  }

  get closed(): boolean {
    return this.link.name === "closed";
  }

  get status(): ConnectionStatus {
    switch (this.link.name) {
      case "live":
        return "connected";
      case "idle":
      case "closed":
        return "disconnected";
      case "waiting":
        return "reconnecting";
      default:
        return this.link.attempt > 0 || this.link.call ? "reconnecting" : "connecting";
    }
  }

  connect(): void {
    addEventListener("online", this.online);
    addEventListener("offline", this.offline);
    addEventListener("pagehide", this.hidden);
    document.addEventListener("visibilitychange", this.shown);
    this.tickedAt = performance.now();
    this.tick = setInterval(() => this.ticked(), TICK_MS);
    this.happen({ type: "connect" });
  }

  disconnect(): void {
    this.happen({ type: "disconnect" });
  }

  /** `session.created` came. */
  greeted(session: string, resume: Resume | null): void {
    this.happen({ type: "created", session, resume });
  }

  /** An event came. */
  heardFrom(eventId: string | undefined): void {
    this.heardFromAt = performance.now();
    this.signAskedAt = null;
    if (eventId) this.lastEvent = eventId;
  }

  put(event: ClientEvent): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(event));
  }

  private happen(event: LinkEvent): void {
    const policy = {
      maxRetries: this.options.maxRetries ?? DEFAULTS.maxRetries,
      baseDelay: this.options.baseDelay ?? DEFAULTS.baseDelay,
    };
    const before = this.status;
    const [next, effects] = stepLink(this.link, event, policy, problem("network_offline"));
    this.link = next;
    for (const effect of effects) this.act(effect);
    if (this.status !== before) this.owner.status(this.status);
  }

  private act(effect: LinkEffect): void {
    switch (effect.type) {
      case "ask":
        return void this.ask(effect.renew);
      case "open":
        return this.open(effect.resume);
      case "close":
        return this.close();
      case "wait":
        clearTimeout(this.retryTimer);
        this.retryTimer = setTimeout(() => this.happen({ type: "due" }), effect.ms);
        return;
      case "unwait":
        clearTimeout(this.retryTimer);
        return;
      case "live":
        clearTimeout(this.openTimer);
        return this.owner.live(effect.resumed, effect.fresh && effect.again);
      case "reconnecting": {
        const why = new VoiceError(effect.why, this.language);
        return this.owner.reconnecting({ attempt: effect.attempt, of: effect.of, delay: effect.ms, why });
      }
      case "ended":
        this.rest();
        return this.owner.ended(effect.why);
      default: {
        const never: never = effect;
        return never;
      }
    }
  }

  private async ask(renew: boolean): Promise<void> {
    if (renew) this.secret = null;
    if (usable(this.secret, Date.now() / 1000)) return this.happen({ type: "secret" });
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    const timer = setTimeout(() => asking.abort(), OPENING_MS);
    try {
      const { getSecret, key } = this.options;
      const session = { ...this.owner.asked(), model: this.model };
      const answer = getSecret ? await getSecret() : await secretFrom(this.base, session, key ?? null, asking.signal);
      if (this.asking !== asking) return;
      this.secret = readSecret(answer);
      if (!this.secret) throw new SecretRefused(problem("secret_failed"));
      this.happen({ type: "secret" });
    } catch (error) {
      if (this.asking !== asking) return;
      const why = error instanceof SecretRefused ? error.problem : problem("secret_failed", String(error));
      this.happen({ type: "secret_refused", problem: why });
    } finally {
      clearTimeout(timer);
    }
  }

  private open(call: Call | null): void {
    this.lastError = null;
    const url = socketUrl(this.base, this.model, call ? { session: call.session, lastEvent: this.lastEvent } : null);
    const socket = new WebSocket(url, ["realtime", `openai-insecure-api-key.${this.secret?.value ?? ""}`]);
    this.socket = socket;
    let opened = false;
    clearTimeout(this.openTimer);
    this.openTimer = setTimeout(() => this.happen({ type: "silent", random: Math.random() }), OPENING_MS);
    socket.onopen = () => {
      opened = true;
      this.happen({ type: "opened" });
    };
    socket.onmessage = ({ data }) => this.owner.received(data);
    socket.onclose = ({ code }) => {
      if (this.socket !== socket) return;
      this.socket = null;
      const why = navigator.onLine ? fromClose(code, this.lastError, opened) : problem("network_offline");
      this.happen({ type: "lost", problem: why, random: Math.random() });
    };
  }

  private close(): void {
    clearTimeout(this.openTimer);
    this.asking = null;
    const socket = this.socket;
    this.socket = null;
    this.signAskedAt = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(this.closed ? HUNG_UP : BACK_SOON);
  }

  private rest(): void {
    clearTimeout(this.retryTimer);
    clearInterval(this.tick);
    removeEventListener("online", this.online);
    removeEventListener("offline", this.offline);
    removeEventListener("pagehide", this.hidden);
    document.removeEventListener("visibilitychange", this.shown);
  }

  private readonly online = (): void => this.happen({ type: "online" });
  private readonly offline = (): void => this.happen({ type: "offline", random: Math.random() });
  private readonly hidden = (event: PageTransitionEvent): void => {
    if (!event.persisted) this.disconnect();
  };
  private readonly shown = (): void => {
    if (document.visibilityState !== "visible") return;
    this.owner.shown();
    this.askForSign();
  };

  private ticked(): void {
    const now = performance.now();
    const late = now - this.tickedAt - TICK_MS;
    this.tickedAt = now;
    if (!this.live) return;
    if (this.signAskedAt !== null) {
      // The wait starts anew after a sleep: the sign may be lying unread in the socket.
      if (late > SLEPT_MS) this.signAskedAt = now;
      else if (now - this.signAskedAt > SIGN_MS) this.happen({ type: "silent", random: Math.random() });
      return;
    }
    if (late > SLEPT_MS || now - this.heardFromAt > QUIET_MS) this.askForSign();
  }

  /** A change of nothing is the one client event that any Realtime server answers and that leaves no mark. */
  private askForSign(): void {
    if (!this.live || this.signAskedAt !== null) return;
    this.signAskedAt = performance.now();
    this.put({ type: "session.update", session: { type: "realtime" } });
  }
}
