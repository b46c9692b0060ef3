/**
 * One call: the shell around the link, playback and transcript machines.
 *
 * It owns the socket, the timers and the audio, feeds what happens into the machines, and does what they say. It
 * decides nothing that they could.
 */

import { Audio, type Capture } from "./audio.js";
import { Emitter, type Handler } from "./emitter.js";
import { VoiceError } from "./errors.js";
import type { Connected, ConnectionStatus, Interrupted, Listenable, Reconnecting, VoiceEvents } from "./events.js";
import { VoiceGate } from "./gate.js";
import { stepLink, type Call, type LinkEffect, type LinkEvent, type LinkState } from "./machines/link.js";
import { SILENT, stepPlayback, type PlaybackEffect, type PlaybackEvent, type PlaybackState } from "./machines/playback.js";
import { baseOf, DEFAULTS, sessionOf, socketUrl, type ConnectOptions } from "./options.js";
import { decodePcm, encodePcm, msToSamples } from "./pcm.js";
import type { Report } from "./playout.js";
import { fromClose, fromWire, problem, type Problem } from "./problems.js";
import { Ring } from "./ring.js";
import { readSecret, SecretRefused, secretFrom, usable, type Secret } from "./secrets.js";
import { languageOf, type Language } from "./texts.js";
import { EMPTY, historyOf, stepTranscript, textOf, type Transcript, type TranscriptEvent } from "./transcript.js";
import { TurnClock, type TurnTime } from "./turnclock.js";
import { known, parseEvent, type ClientEvent, type Item, type KnownEvent, type Resume, type ServerEvent, type Session } from "./wire.js";
import type { CaptureFrame } from "./worklets/messages.js";

/** A socket that has not brought `session.created` by then (ms) is given up. */
const OPENING_MS = 10_000;
/** With nothing heard from the server for so long (ms) it is asked for a sign of life. */
const QUIET_MS = 25_000;
/** And with no sign within this (ms), the link is taken for dead. */
const SIGN_MS = 5_000;
/** A tick that comes this late (ms) means that the machine slept. */
const SLEPT_MS = 10_000;
const TICK_MS = 1_000;
/** Silence sent after the microphone is stopped (ms), so that the last words are taken as a finished turn. */
const CLOSING_SILENCE_MS = 1_500;
/** What a socket is closed with: the call is over, or only this socket is and the call is to be resumed. */
const HUNG_UP = 1000;
const BACK_SOON = 4000;
/** An error that ends a call is followed by the close within this (ms). */
const ENDING_MS = 2_000;
/** Errors that only mean that the call had moved on; they are no news to anybody. */
const RACES = new Set(["response_cancel_not_active", "item_create_duplicate_item_id", "conversation_already_has_active_response"]);

interface UnsureItem {
  item: Item & { id: string };
  answer: boolean;
}

let counter = 0;
const freshId = (prefix: string): string => {
  const random = crypto.getRandomValues(new Uint32Array(2));
  return `${prefix}_${(counter++).toString(36)}${[...random].map((n) => n.toString(36)).join("")}`;
};

export class Connection implements Listenable {
  private readonly emitter: Emitter;
  private readonly audio: Audio;
  private readonly ownAudio: boolean;
  private readonly options: ConnectOptions;
  private readonly base: string;
  private readonly model: string;
  private readonly language: Language;

  private link: LinkState = { name: "idle" };
  private playback: PlaybackState = SILENT;
  private transcriptState: Transcript = EMPTY;

  private socket: WebSocket | null = null;
  private secret: Secret | null = null;
  private asking: AbortController | null = null;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private openTimer: ReturnType<typeof setTimeout> | undefined;
  private tick: ReturnType<typeof setInterval> | undefined;
  private tickedAt = 0;
  private heardFromAt = 0;
  private signAskedAt: number | null = null;
  private connectingSince = 0;

  private lastEvent: string | null = null;
  private lastError: Problem | null = null;
  private sessionNow: Session | null = null;
  /** Frames that came before the caller of `connect` could have put on handlers. */
  private held: unknown[] | null = null;

  private readonly ring = new Ring();
  /** Ring position of the server's first sample, and of the next one to send. */
  private ringBase = 0;
  private sent = 0;
  private captures = new Set<Capture>();

  private readonly gate = new VoiceGate();
  private readonly clock = new TurnClock();
  private interruptedAt: number | null = null;

  private readonly active = new Set<string>();
  private responseWanted = false;
  private unsure: UnsureItem[] = [];
  private checkUnsure = false;
  private outbox: ClientEvent[] = [];
  private readonly told = new Set<string>();
  private awaited: { resolve: () => void; reject: (why: VoiceError) => void }[] = [];

  constructor(options: ConnectOptions = {}, shared?: { emitter?: Emitter; audio?: Audio }) {
    this.options = options;
    this.emitter = shared?.emitter ?? new Emitter();
    this.ownAudio = shared?.audio === undefined;
    this.audio = shared?.audio ?? new Audio(options.latencyHint ?? DEFAULTS.latencyHint);
    this.base = baseOf(options.url, location.href);
    this.model = options.model ?? DEFAULTS.model;
    this.language = options.language ?? languageOf(document.documentElement.lang || navigator.language);
    this.audio.onreport = (report) => this.reported(report);
  }

  // ---- what a page uses -------------------------------------------------------------------------------------------

  /** Item and session events hand over the item or session, then the event; others the event, twice. Returns the undo. */
  on<K extends keyof VoiceEvents>(type: K, handler: (...given: VoiceEvents[K]) => void): () => void;
  on(type: string, handler: (event: ServerEvent, same: ServerEvent) => void): () => void;
  on(type: string, handler: Handler): () => void {
    return this.emitter.on(type, handler);
  }

  off(type: string, handler: (...given: never[]) => void): void {
    this.emitter.off(type, handler as Handler);
  }

  /** Any client event, as it is. While the link is being found again it waits. */
  send(event: ClientEvent): void {
    if (this.link.name === "live") this.put(event);
    else if (this.link.name !== "closed") this.outbox.push(event);
  }

  /** Send a track's sound until stopped. Capture starts at once; what is said before the link is there goes out after. */
  async sendAudio({ track }: { track: MediaStreamTrack }): Promise<{ stop(): void }> {
    const frameMs = Math.max(10, Math.min(100, this.options.frameMs ?? DEFAULTS.frameMs));
    const capture = await this.audio.capture(track, frameMs, (frame) => this.captured(frame));
    this.captures.add(capture);
    const stop = (): void => {
      if (!this.captures.delete(capture)) return;
      capture.stop();
      this.ring.push(new Int16Array(msToSamples(CLOSING_SILENCE_MS)));
      this.sendCaptured();
    };
    track.addEventListener("ended", stop, { once: true });
    return { stop };
  }

  /** A typed message. It interrupts an answer that is being spoken, as a spoken one would. */
  sendText(text: string): void {
    const item: UnsureItem["item"] = {
      id: freshId("item"),
      type: "message",
      role: "user",
      content: [{ type: "input_text", text }],
    };
    this.show({ type: "conversation.item.added", item });
    this.clock.textSent(performance.now());
    this.silence();
    this.unsure.push({ item, answer: true });
    if (this.link.name === "live") {
      for (const id of this.active) this.put({ type: "response.cancel", response_id: id });
      this.put({ type: "conversation.item.create", item });
      this.wantResponse();
    }
  }

  /** Answer a card: an approval goes out as its own item, a proposal as a plain yes or no in the caller's words. */
  answerProposal(id: string, yes: boolean, words: string): void {
    const line = this.transcriptState.lines.find((l) => l.kind === "proposal" && l.proposal.id === id);
    if (line?.kind !== "proposal" || line.proposal.state !== "open") return;
    this.show({ type: "answered", proposal: id, yes });
    if (line.proposal.answer === "spoken") return this.sendText(words);
    this.send({
      type: "conversation.item.create",
      item: { id: freshId("item"), type: "mcp_approval_response", approval_request_id: id, approve: yes },
    });
    this.wantResponse();
  }

  /** Stop what is being said here, and let the server know how much was heard. */
  interrupt(): void {
    for (const id of this.active) this.send({ type: "response.cancel", response_id: id });
    this.silence();
  }

  disconnect(): void {
    this.happen({ type: "disconnect" });
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

  get session(): Session | null {
    return this.sessionNow;
  }

  get transcript(): Transcript {
    return this.transcriptState;
  }

  /** The answer is being heard at this moment. */
  get speaking(): boolean {
    return this.playback.queued.length > 0;
  }

  /** Begin the call; resolves when the server has greeted, rejects with a `VoiceError` when it is not to be had. */
  open(): Promise<void> {
    const promise = new Promise<void>((resolve, reject) => this.awaited.push({ resolve, reject }));
    this.connectingSince = performance.now();
    addEventListener("online", this.online);
    addEventListener("offline", this.offline);
    addEventListener("pagehide", this.hidden);
    document.addEventListener("visibilitychange", this.shown);
    this.tickedAt = performance.now();
    this.tick = setInterval(() => this.ticked(), TICK_MS);
    this.audio.ready().catch(() => this.tell(problem("audio_blocked")));
    void this.audio.wake().then((awake) => {
      if (!awake && this.audio.able && this.link.name !== "closed") this.askForClick();
    });
    this.happen({ type: "connect" });
    return promise;
  }

  // ---- the link ---------------------------------------------------------------------------------------------------

  private happen(event: LinkEvent): void {
    const policy = {
      maxRetries: this.options.maxRetries ?? DEFAULTS.maxRetries,
      baseDelay: this.options.baseDelay ?? DEFAULTS.baseDelay,
    };
    const before = this.status;
    const [next, effects] = stepLink(this.link, event, policy, problem("network_offline"));
    this.link = next;
    for (const effect of effects) this.act(effect);
    if (this.status !== before) this.emitter.emit("status", this.status);
  }

  private act(effect: LinkEffect): void {
    switch (effect.type) {
      case "ask":
        return void this.ask(effect.renew);
      case "open":
        return this.openSocket(effect.resume);
      case "close":
        return this.closeSocket();
      case "wait":
        clearTimeout(this.retryTimer);
        this.retryTimer = setTimeout(() => this.happen({ type: "due" }), effect.ms);
        return;
      case "unwait":
        clearTimeout(this.retryTimer);
        return;
      case "live":
        return this.live(effect.resumed, effect.fresh && effect.again);
      case "reconnecting": {
        const why = new VoiceError(effect.why, this.language);
        const detail: Reconnecting = { attempt: effect.attempt, of: effect.of, delay: effect.ms, why };
        return this.emitter.emit("reconnecting", detail);
      }
      case "ended":
        return this.ended(effect.why);
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
      const session = { ...this.asked(), model: this.model };
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

  /** The session asked for. Where no sound can be made, answers are asked for in writing. */
  private asked(): Record<string, unknown> {
    const session = sessionOf(this.options);
    return this.audio.able ? session : { ...session, output_modalities: ["text"] };
  }

  private openSocket(call: Call | null): void {
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
    socket.onmessage = ({ data }) => this.received(data);
    socket.onclose = ({ code }) => {
      if (this.socket !== socket) return;
      this.socket = null;
      const fallback = navigator.onLine ? fromClose(code, this.lastError, opened) : problem("network_offline");
      this.happen({ type: "lost", problem: fallback, random: Math.random() });
    };
  }

  private closeSocket(): void {
    clearTimeout(this.openTimer);
    this.asking = null;
    const socket = this.socket;
    this.socket = null;
    this.signAskedAt = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(this.link.name === "closed" ? HUNG_UP : BACK_SOON);
  }

  private live(resumed: Resume | null, replay: boolean): void {
    clearTimeout(this.openTimer);
    if (resumed) {
      this.sent = Math.max(this.ring.start, this.ringBase + msToSamples(resumed.input_audio_ms));
      this.checkUnsure = this.unsure.length > 0;
      this.put({ type: "session.update", session: { type: "realtime" } });
    } else {
      this.active.clear();
      this.responseWanted = false;
      this.ringBase = Math.max(this.sent, this.ring.start);
      this.sent = this.ringBase;
      this.put({ type: "session.update", session: this.asked() });
      if (replay) this.retell();
      for (const { item } of this.unsure) this.put({ type: "conversation.item.create", item });
      if (this.unsure.some((u) => u.answer)) this.wantResponse();
    }
    for (const event of this.outbox.splice(0)) this.put(event);
    this.sendCaptured();
    for (const { resolve } of this.awaited.splice(0)) resolve();
    const connected: Connected = {
      session: this.sessionNow ?? {},
      resumed: resumed !== null,
      gap: resumed?.gap ?? replay,
    };
    this.emitter.emit("connected", connected);
  }

  /** A new call is told what was said in the one that is lost; the words still unsure are sent after, as new. */
  private retell(): void {
    const unsure = new Set(this.unsure.map((u) => textOf(u.item)));
    for (const item of historyOf(this.transcriptState)) {
      if (item.role === "user" && unsure.has(textOf(item))) continue;
      this.put({ type: "conversation.item.create", item });
    }
  }

  private ended(why: Problem | null): void {
    clearTimeout(this.retryTimer);
    clearInterval(this.tick);
    removeEventListener("online", this.online);
    removeEventListener("offline", this.offline);
    removeEventListener("pagehide", this.hidden);
    document.removeEventListener("visibilitychange", this.shown);
    for (const capture of this.captures) capture.stop();
    this.captures.clear();
    this.silence();
    this.outbox = [];
    const error = why ? new VoiceError(why, this.language) : null;
    const waiting = this.awaited.splice(0);
    for (const { reject } of waiting) reject(error ?? new VoiceError(problem("call_ended"), this.language));
    if (error) this.emitter.emit("error", error, null);
    this.emitter.emit("disconnected", error);
    if (this.ownAudio) void this.audio.close();
  }

  private readonly online = (): void => this.happen({ type: "online" });
  private readonly offline = (): void => this.happen({ type: "offline", random: Math.random() });
  private readonly hidden = (event: PageTransitionEvent): void => {
    if (!event.persisted) this.disconnect();
  };
  private readonly shown = (): void => {
    if (document.visibilityState !== "visible") return;
    // A phone takes the sound away for a call of its own, and does not give it back unasked.
    void this.audio.wake();
    this.askForSign();
  };

  private ticked(): void {
    const now = performance.now();
    const late = now - this.tickedAt - TICK_MS;
    this.tickedAt = now;
    if (this.link.name !== "live") return;
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
    if (this.link.name !== "live" || this.signAskedAt !== null) return;
    this.signAskedAt = performance.now();
    this.put({ type: "session.update", session: { type: "realtime" } });
  }

  private put(event: ClientEvent): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(event));
  }

  // ---- the microphone ---------------------------------------------------------------------------------------------

  private captured(frame: CaptureFrame): void {
    const voiced = this.gate.step(frame.rms, frame.time);
    this.emitter.emit("level", frame.rms, voiced);
    this.ring.push(frame.samples);
    this.sendCaptured();
  }

  private sendCaptured(): void {
    if (this.link.name !== "live") return;
    for (const samples of this.ring.since(this.sent)) {
      this.put({ type: "input_audio_buffer.append", audio: encodePcm(samples) });
    }
    this.sent = this.ring.end;
  }

  // ---- what the server says ---------------------------------------------------------------------------------------

  private received(data: unknown): void {
    if (this.held) {
      this.held.push(data);
      return;
    }
    const event = parseEvent(data);
    if (!event) return;
    this.heardFromAt = performance.now();
    this.signAskedAt = null;
    if (event.event_id) this.lastEvent = event.event_id;
    const ours = known(event);
    if (ours?.type === "session.created" && this.awaited.length > 0) {
      // The promise of `open` resolves now; handlers put on by whoever awaits it must still see this event.
      this.held = [];
      setTimeout(() => {
        const held = this.held ?? [];
        this.held = null;
        this.publish(event, ours);
        for (const frame of held) this.received(frame);
      });
      this.attend(ours);
      return;
    }
    if (ours) this.attend(ours);
    this.publish(event, ours);
  }

  private attend(event: KnownEvent): void {
    if (event.type !== "error") this.lastError = null;
    switch (event.type) {
      case "session.created": {
        this.sessionNow = this.named(event.session, event);
        this.sessionNow.latency ??= Math.round(performance.now() - this.connectingSince);
        this.happen({ type: "created", session: event.session.id ?? "", resume: event.resume ?? null });
        break;
      }
      case "session.updated":
        this.sessionNow = this.named(event.session, event);
        if (this.checkUnsure) this.resendUnsure();
        break;
      case "conversation.item.added":
        this.unsure = this.unsure.filter((u) => u.item.id !== event.item.id || u.answer);
        break;
      case "input_audio_buffer.speech_started":
        this.clock.dropped();
        if (this.sessionNow?.audio?.input?.turn_detection?.interrupt_response !== false) this.silence();
        break;
      case "input_audio_buffer.speech_stopped": {
        const voiced = this.gate.lastVoiced;
        this.clock.speechStopped(voiced === null ? null : this.audio.renderedAt(voiced), performance.now());
        break;
      }
      case "response.created":
        this.active.add(event.response.id);
        // Whatever it answers, it was made after these items were there.
        this.unsure = [];
        break;
      case "response.done":
        this.responseDone(event);
        break;
      case "response.output_audio.delta":
        this.audioCame(event.item_id, event.delta);
        break;
      case "response.output_audio.done":
        this.play({ type: "audio_done", item: event.item_id });
        break;
      case "error": {
        this.lastError = fromWire(event.error);
        if (event.error.code === "conversation_already_has_active_response") this.responseWanted = true;
        break;
      }
      default:
        break;
    }
    this.show(event);
    if (event.type === "response.output_audio.done" && !this.audio.able) {
      // A server that speaks all the same is read, not heard.
      this.show({ type: "heard", item: event.item_id, samples: 0, finished: true });
    }
  }

  private responseDone(event: Extract<KnownEvent, { type: "response.done" }>): void {
    const { response } = event;
    this.active.delete(response.id);
    if (response.status === "cancelled") this.silence();
    if (response.status === "failed") {
      this.tell(problem("answer_failed", response.status_details?.error?.message ?? null));
    }
    if (this.responseWanted && this.active.size === 0) {
      this.responseWanted = false;
      this.put({ type: "response.create" });
    }
  }

  private named(session: Session, event: { session_id?: string; latency?: number }): Session {
    const id = event.session_id ?? session.session_id ?? session.id;
    const latency = event.latency ?? session.latency ?? this.sessionNow?.latency;
    return { ...session, ...(id ? { session_id: id } : {}), ...(latency === undefined ? {} : { latency }) };
  }

  /** Hand an event to the page's handlers, in the shapes people's code expects. */
  private publish(event: ServerEvent, ours: KnownEvent | null): void {
    this.emitter.emit("event", event, event);
    switch (ours?.type) {
      case "session.created":
      case "session.updated":
        return this.emitter.emit(event.type, this.named(ours.session, ours), event);
      case "conversation.item.added":
        this.emitter.emit(event.type, this.readable(ours.item), event);
        return this.once("conversation.item.created", ours.item, event);
      case "conversation.item.done": {
        this.emitter.emit(event.type, this.readable(ours.item), event);
        // A spoken question is complete when its words are known.
        const spoken = ours.item.role === "user" && ours.item.content?.some((part) => part.type === "input_audio");
        const transcribed = this.sessionNow?.audio?.input?.transcription;
        return spoken && transcribed ? undefined : this.once("conversation.item.completed", ours.item, event);
      }
      case "conversation.item.created":
      case "conversation.item.completed":
        return this.once(ours.type, ours.item, event);
      case "conversation.item.input_audio_transcription.completed": {
        this.emitter.emit(event.type, event, event);
        const content = [{ type: "input_audio", transcript: ours.transcript }];
        const item: Item = { id: ours.item_id, type: "message", role: "user", status: "completed", content };
        return this.once("conversation.item.completed", item, event);
      }
      case "session.expired":
        return this.once("session.expired", { type: "session", id: "session" }, event);
      case "error": {
        const { error } = ours;
        if (RACES.has(error.code ?? "")) return;
        if (error.code === "session_expired") this.once("session.expired", { type: "session", id: "session" }, event);
        const tell = (why: Problem): void => this.emitter.emit("error", new VoiceError(why, this.language), event);
        const last = this.lastError;
        if (!last) return tell(problem("server_said", error.message));
        // What ends the call is told once, when it has ended; unless it does not.
        setTimeout(() => {
          if (this.link.name === "live" && this.lastError === last) tell({ ...last, remedy: "none" });
        }, ENDING_MS);
        return;
      }
      default:
        return this.emitter.emit(event.type, event, event);
    }
  }

  /** These names stand for others on a server that does not send them; one that sends both is heard once. */
  private once(type: string, item: Item, event: ServerEvent): void {
    const key = `${type} ${item.id ?? ""}`;
    if (this.told.has(key)) return;
    this.told.add(key);
    this.emitter.emit(type, this.readable(item), event);
  }

  /** The item with its words in `content[0].text`, whether they were written, spoken or heard. */
  private readable(item: Item): Item {
    if (item.type !== "message" || !item.content?.[0]) return item;
    const line = this.transcriptState.lines.find((l) => l.id === item.id);
    const shown = line?.kind === "user" ? line.text : line?.kind === "assistant" ? line.map.text : "";
    const [first, ...rest] = item.content;
    return { ...item, content: [{ ...first, text: first.text ?? first.transcript ?? shown }, ...rest] };
  }

  private wantResponse(): void {
    if (this.active.size > 0) this.responseWanted = true;
    else this.put({ type: "response.create" });
  }

  /** After a resume, and after all that was missed has come: what the server still does not know was lost on the way. */
  private resendUnsure(): void {
    this.checkUnsure = false;
    for (const { item } of this.unsure) this.put({ type: "conversation.item.create", item });
    if (this.unsure.some((u) => u.answer)) this.wantResponse();
  }

  // ---- the loudspeaker --------------------------------------------------------------------------------------------

  private audioCame(item: string, payload: string): void {
    if (!this.audio.able) return;
    let samples: Int16Array<ArrayBuffer>;
    try {
      samples = decodePcm(payload);
    } catch {
      return this.tell(problem("answer_failed", "An audio delta is not base64."));
    }
    this.clock.audioArrived(performance.now());
    this.play({ type: "audio", item, samples: samples.length }, samples);
  }

  private play(event: PlaybackEvent, samples?: Int16Array<ArrayBuffer>): void {
    const before = this.speaking;
    const [next, effects] = stepPlayback(this.playback, event);
    this.playback = next;
    for (const effect of effects) this.sound(effect, samples);
    if (this.speaking !== before) this.emitter.emit("speaking", this.speaking);
  }

  private sound(effect: PlaybackEffect, samples: Int16Array<ArrayBuffer> | undefined): void {
    switch (effect.type) {
      case "push":
        if (!samples) return;
        this.show({ type: "audio_came", item: effect.item, samples: samples.length });
        return this.audio.push(effect.item, samples);
      case "end":
        return this.audio.end(effect.item);
      case "cut":
        this.interruptedAt = performance.now();
        return this.audio.cut();
      case "truncate":
        this.show({ type: "cut_at", item: effect.item, samples: msToSamples(effect.audio_end_ms) });
        return this.send({
          type: "conversation.item.truncate",
          item_id: effect.item,
          content_index: 0,
          audio_end_ms: effect.audio_end_ms,
        });
      default: {
        const never: never = effect;
        return never;
      }
    }
  }

  private silence(): void {
    this.play({ type: "interrupt" });
  }

  private reported(report: Report): void {
    const time = report.frame / this.audio.context.sampleRate;
    switch (report.type) {
      case "progress": {
        // The device still holds what was rendered last: that much is not heard yet.
        const ahead = Math.max(0, this.audio.heardAt(time) - performance.now());
        const samples = Math.max(0, report.samples - msToSamples(ahead));
        return this.show({ type: "heard", item: report.item, samples, finished: false });
      }
      case "audible": {
        const turn = this.clock.audible(this.audio.heardAt(time));
        if (turn) this.latency(turn);
        return;
      }
      case "finished":
        this.play({ type: "finished", item: report.item });
        return this.show({ type: "heard", item: report.item, samples: report.samples, finished: true });
      case "cut": {
        const from = this.interruptedAt ?? performance.now();
        this.interruptedAt = null;
        const silent = Math.max(0, Math.round(this.audio.heardAt(time) - from));
        this.play({ type: "was_cut", items: report.items });
        for (const { item, samples } of report.items) {
          const detail: Interrupted = { item, heard_ms: Math.floor(samples / 24), silent_after_ms: silent };
          this.emitter.emit("interrupted", detail);
        }
        return;
      }
      case "gap":
        return this.emitter.emit("gap", report);
      case "started":
        return;
      default: {
        const never: never = report;
        return never;
      }
    }
  }

  private latency(turn: TurnTime): void {
    if (this.sessionNow) this.sessionNow.latency = turn.voice_to_voice_ms;
    this.emitter.emit("latency", turn.voice_to_voice_ms, turn);
  }

  private show(event: TranscriptEvent): void {
    const next = stepTranscript(this.transcriptState, event);
    if (next === this.transcriptState) return;
    this.transcriptState = next;
    this.emitter.emit("transcript", next);
  }

  private tell(why: Problem): void {
    this.emitter.emit("error", new VoiceError(why, this.language), null);
  }

  private askForClick(): void {
    this.tell(problem("audio_blocked"));
    const wake = (): void => void this.audio.wake();
    addEventListener("pointerdown", wake, { once: true });
    addEventListener("keydown", wake, { once: true });
  }
}
