/**
 * One call: the line, the microphone's way up, the loudspeaker, what was typed, and the transcript, put together.
 *
 * Each of them is a shell around a machine of its own and decides its own part; here an event is handed to those
 * whom it concerns, in the one order that is right.
 */

import { Asking, freshItemId, typed } from "./asking.js";
import { Audio } from "./audio.js";
import { Emitter, type Handler } from "./emitter.js";
import { VoiceError } from "./errors.js";
import type { Connected, ConnectionStatus, Listenable, VoiceEvents } from "./events.js";
import { Line } from "./line.js";
import { Loudspeaker } from "./loudspeaker.js";
import { DEFAULTS, sessionOf, type ConnectOptions } from "./options.js";
import { msToSamples } from "./pcm.js";
import { fromWire, problem, type Problem } from "./problems.js";
import { named, Publishing } from "./publishing.js";
import { languageOf, type Language } from "./texts.js";
import { EMPTY, historyOf, stepTranscript, type Transcript, type TranscriptEvent } from "./transcript.js";
import { TurnClock, type TurnTime } from "./turnclock.js";
import { Uplink } from "./uplink.js";
import { known, parseEvent, type ClientEvent, type KnownEvent, type Resume, type ServerEvent, type Session, type WireError } from "./wire.js";

/** An error that ends a call is followed by the close within this (ms). */
const ENDING_MS = 2_000;
/** Errors that only mean that the call had moved on; they are no news to anybody. */
const RACES = new Set(["response_cancel_not_active", "item_create_duplicate_item_id", "conversation_already_has_active_response"]);

export class Connection implements Listenable {
  private readonly emitter: Emitter;
  private readonly audio: Audio;
  private readonly ownAudio: boolean;
  private readonly language: Language;
  private readonly line: Line;
  private readonly uplink: Uplink;
  private readonly loudspeaker: Loudspeaker;
  private readonly asking: Asking;
  private readonly publishing: Publishing;
  private readonly clock = new TurnClock();

  private transcriptState: Transcript = EMPTY;
  private sessionNow: Session | null = null;
  private connectingSince = 0;
  /** Events that wait for the line. */
  private outbox: ClientEvent[] = [];
  /** A yes to a card, kept until what it says yes to has been heard. */
  private afterHearing: (() => void) | null = null;
  /** Frames that came before the caller of `connect` could have put on handlers. */
  private held: unknown[] | null = null;
  private awaited: { resolve: () => void; reject: (why: VoiceError) => void }[] = [];

  constructor(
    private readonly options: ConnectOptions = {},
    shared?: { emitter?: Emitter; audio?: Audio },
  ) {
    this.emitter = shared?.emitter ?? new Emitter();
    this.ownAudio = shared?.audio === undefined;
    this.audio = shared?.audio ?? new Audio(options.latencyHint ?? DEFAULTS.latencyHint);
    this.language = options.language ?? languageOf(document.documentElement.lang || navigator.language);
    const put = (event: ClientEvent): void => this.line.put(event);
    this.line = new Line(options, this.language, {
      asked: () => this.asked(),
      received: (data) => this.received(data),
      live: (resumed, lost) => this.live(resumed, lost),
      reconnecting: (detail) => this.emitter.emit("reconnecting", detail),
      status: (now) => this.emitter.emit("status", now),
      // A phone takes the sound away for a call of its own, and does not give it back unasked.
      shown: () => void this.audio.wake(),
      ended: (why) => this.ended(why),
    });
    const line = this.line;
    this.uplink = new Uplink(this.audio, {
      get open() {
        return line.live;
      },
      put,
      level: (rms, voiced) => this.emitter.emit("level", rms, voiced),
    });
    this.asking = new Asking(put);
    this.loudspeaker = new Loudspeaker(this.audio, {
      came: (item, samples) => this.show({ type: "audio_came", item, samples }),
      heard: (item, samples, finished) => this.show({ type: "heard", item, samples, finished }),
      cutAt: (item, ms) => this.cutAt(item, ms),
      audible: (at) => this.timed(this.clock.audible(at)),
      interrupted: (detail) => this.emitter.emit("interrupted", detail),
      speaking: (yes) => this.spoke(yes),
      gap: (report) => this.emitter.emit("gap", report),
    });
    this.publishing = new Publishing(this.emitter, this);
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
    if (this.line.live) this.line.put(event);
    else if (!this.line.closed) this.outbox.push(event);
  }

  /** Send a track's sound until stopped. Capture starts at once; what is said before the link is there goes out after. */
  sendAudio({ track }: { track: MediaStreamTrack }): Promise<{ stop(): void }> {
    return this.uplink.add(track, Math.max(10, Math.min(100, this.options.frameMs ?? DEFAULTS.frameMs)));
  }

  /** A typed message. It interrupts an answer that is being spoken, as a spoken one would. */
  sendText(text: string): void {
    const item = typed(text);
    this.show({ type: "conversation.item.added", item });
    this.clock.textSent(performance.now());
    this.interrupt();
    // The server first learns what was heard of the answer that this one breaks off: the next must know no more.
    this.loudspeaker.whenSilent(() => this.asking.say(item, this.line.live));
  }

  /**
   * Answer a card: an approval goes out as its own item, a proposal as a plain yes or no in the caller's words. A yes
   * is sent when the sentence it agrees to has been heard to its end: before that it would be a yes to nothing.
   */
  answerProposal(id: string, yes: boolean, words: string): void {
    const line = this.transcriptState.lines.find((l) => l.kind === "proposal" && l.proposal.id === id);
    if (line?.kind !== "proposal" || line.proposal.state !== "open") return;
    this.show({ type: "answered", proposal: id, yes });
    if (line.proposal.answer === "spoken") {
      const say = (): void => this.sendText(words);
      if (yes && this.speaking) this.afterHearing = say;
      else say();
      return;
    }
    this.send({
      type: "conversation.item.create",
      item: { id: freshItemId(), type: "mcp_approval_response", approval_request_id: id, approve: yes },
    });
    this.asking.answer();
  }

  /** Stop what is being said here, and let the server know how much was heard. */
  interrupt(): void {
    this.asking.cancel();
    this.silence();
  }

  disconnect(): void {
    this.line.disconnect();
  }

  get status(): ConnectionStatus {
    return this.line.status;
  }

  get session(): Session | null {
    return this.sessionNow;
  }

  get transcript(): Transcript {
    return this.transcriptState;
  }

  /** The answer is being heard at this moment. */
  get speaking(): boolean {
    return this.loudspeaker.sounding;
  }

  /** Begin the call; resolves when the server has greeted, rejects with a `VoiceError` when it is not to be had. */
  open(): Promise<void> {
    const promise = new Promise<void>((resolve, reject) => this.awaited.push({ resolve, reject }));
    this.connectingSince = performance.now();
    this.audio.ready().catch(() => this.tell(problem("audio_blocked")));
    void this.audio.wake().then((awake) => {
      if (!awake && this.audio.able && !this.line.closed) this.askForClick();
    });
    this.line.connect();
    return promise;
  }

  // ---- the line ---------------------------------------------------------------------------------------------------

  /** The session asked for. Where no sound can be made, answers are asked for in writing. */
  private asked(): Record<string, unknown> {
    const session = sessionOf(this.options);
    return this.audio.able ? session : { ...session, output_modalities: ["text"] };
  }

  private live(resumed: Resume | null, lost: boolean): void {
    if (resumed) {
      this.uplink.resume(resumed.input_audio_ms);
      this.asking.resumed();
      this.line.put({ type: "session.update", session: { type: "realtime" } });
    } else {
      this.uplink.restart();
      this.line.put({ type: "session.update", session: this.asked() });
      this.asking.restarted(lost ? historyOf(this.transcriptState) : []);
    }
    for (const event of this.outbox.splice(0)) this.line.put(event);
    this.uplink.flush();
    for (const { resolve } of this.awaited.splice(0)) resolve();
    const connected: Connected = { session: this.sessionNow ?? {}, resumed: resumed !== null, gap: resumed?.gap ?? lost };
    this.emitter.emit("connected", connected);
  }

  private ended(why: Problem | null): void {
    this.uplink.end();
    this.silence();
    this.outbox = [];
    const error = why ? new VoiceError(why, this.language) : null;
    const waiting = this.awaited.splice(0);
    for (const { reject } of waiting) reject(error ?? new VoiceError(problem("call_ended"), this.language));
    if (error) this.emitter.emit("error", error, null);
    this.emitter.emit("disconnected", error);
    if (this.ownAudio) void this.audio.close();
  }

  // ---- what the server says ---------------------------------------------------------------------------------------

  private received(data: unknown): void {
    if (this.held) {
      this.held.push(data);
      return;
    }
    const event = parseEvent(data);
    if (!event) return;
    this.line.heardFrom(event.event_id);
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
    if (event.type !== "error") this.line.lastError = null;
    switch (event.type) {
      case "session.created":
        this.sessionNow = named(event.session, event, this.sessionNow);
        this.sessionNow.latency ??= Math.round(performance.now() - this.connectingSince);
        this.line.greeted(event.session.id ?? "", event.resume ?? null);
        break;
      case "session.updated":
        this.sessionNow = named(event.session, event, this.sessionNow);
        this.asking.caughtUp();
        break;
      case "conversation.item.added":
        this.asking.arrived(event.item.id);
        break;
      case "input_audio_buffer.speech_started":
        this.clock.dropped();
        if (this.sessionNow?.audio?.input?.turn_detection?.interrupt_response !== false) this.silence();
        break;
      case "input_audio_buffer.speech_stopped": {
        const voiced = this.uplink.lastVoiced;
        this.clock.speechStopped(voiced === null ? null : this.audio.renderedAt(voiced), performance.now());
        break;
      }
      case "response.created":
        this.asking.began(event.response.id);
        break;
      case "response.done":
        this.responseDone(event);
        break;
      case "response.output_audio.delta":
        this.audioCame(event.item_id, event.delta);
        break;
      case "response.output_audio.done":
        this.loudspeaker.whole(event.item_id);
        break;
      case "moksori.output_audio.held":
        this.loudspeaker.hold(event.at_most_ms);
        break;
      case "moksori.output_audio.released":
        this.loudspeaker.release();
        break;
      case "error":
        this.line.lastError = fromWire(event.error);
        if (event.error.code === "conversation_already_has_active_response") this.asking.refused();
        break;
      default:
        break;
    }
    this.show(event);
    if (event.type === "response.output_audio.done" && !this.audio.able) {
      // A server that speaks all the same is read, not heard.
      this.show({ type: "heard", item: event.item_id, samples: 0, finished: true });
    }
  }

  private responseDone({ response }: Extract<KnownEvent, { type: "response.done" }>): void {
    if (response.status === "cancelled") this.silence();
    if (response.status === "failed") {
      this.tell(problem("answer_failed", response.status_details?.error?.message ?? null));
    }
    this.asking.done(response.id);
  }

  private audioCame(item: string, payload: string): void {
    if (!this.audio.able) return;
    this.clock.audioArrived(performance.now());
    try {
      this.loudspeaker.play(item, payload);
    } catch {
      this.tell(problem("answer_failed", "An audio delta is not base64."));
    }
  }

  private publish(event: ServerEvent, ours: KnownEvent | null): void {
    this.emitter.emit("event", event, event);
    if (ours?.type === "error") this.erred(ours.error, event);
    else this.publishing.publish(event, ours);
  }

  private erred(error: WireError, event: ServerEvent): void {
    if (RACES.has(error.code ?? "")) return;
    if (error.code === "session_expired") this.publishing.expired(event);
    const last = this.line.lastError;
    if (!last) return this.tell(problem("server_said", error.message), event);
    // What ends the call is told once, when it has ended; unless it does not.
    setTimeout(() => {
      if (this.line.live && this.line.lastError === last) this.tell({ ...last, remedy: "none" }, event);
    }, ENDING_MS);
  }

  // ---- what is heard ----------------------------------------------------------------------------------------------

  /** What was not heard is agreed to by nobody. */
  private silence(): void {
    this.afterHearing = null;
    this.loudspeaker.silence();
  }

  private spoke(yes: boolean): void {
    this.emitter.emit("speaking", yes);
    if (yes || !this.afterHearing) return;
    const say = this.afterHearing;
    this.afterHearing = null;
    say();
  }

  private cutAt(item: string, audioEndMs: number): void {
    this.show({ type: "cut_at", item, samples: msToSamples(audioEndMs) });
    this.send({ type: "conversation.item.truncate", item_id: item, content_index: 0, audio_end_ms: audioEndMs });
  }

  private timed(turn: TurnTime | null): void {
    if (!turn) return;
    if (this.sessionNow) this.sessionNow.latency = turn.voice_to_voice_ms;
    this.emitter.emit("latency", turn.voice_to_voice_ms, turn);
  }

  private show(event: TranscriptEvent): void {
    const next = stepTranscript(this.transcriptState, event);
    if (next === this.transcriptState) return;
    this.transcriptState = next;
    this.emitter.emit("transcript", next);
  }

  private tell(why: Problem, event: ServerEvent | null = null): void {
    this.emitter.emit("error", new VoiceError(why, this.language), event);
  }

  private askForClick(): void {
    this.tell(problem("audio_blocked"));
    const wake = (): void => void this.audio.wake();
    addEventListener("pointerdown", wake, { once: true });
    addEventListener("keydown", wake, { once: true });
  }
}
