/** `VoiceAI`: a call with its microphone in seven methods. */

import { Audio } from "./audio.js";
import { Connection } from "./connection.js";
import { Emitter, type Handler } from "./emitter.js";
import { VoiceError } from "./errors.js";
import type { ConnectionStatus, Listenable, VoiceEvents } from "./events.js";
import { Microphone, type Device } from "./microphone.js";
import { DEFAULTS, type ConnectOptions } from "./options.js";
import { problem, type Problem } from "./problems.js";
import { languageOf, type Language } from "./texts.js";
import { EMPTY, type Transcript } from "./transcript.js";
import type { ServerEvent } from "./wire.js";

/**
 * A voice conversation.
 *
 * `new VoiceAI()` talks to the server that the page came from. Events: every server event by its own name, and
 * `connected`, `reconnecting`, `disconnected`, `latency` (ms, then its parts), `error` (a `VoiceError`), `transcript`,
 * `status`, `microphone`, `level`, `speaking`, `interrupted`.
 */
export class VoiceAI implements Listenable {
  private readonly emitter = new Emitter();
  private readonly microphone: Microphone;
  private options: ConnectOptions;
  private audio: Audio | null = null;
  private call: Connection | null = null;
  private sending: { stop(): void } | null = null;
  private opening: Promise<Connection> | null = null;
  private shown: Transcript = EMPTY;

  constructor(options: ConnectOptions = {}) {
    this.options = options;
    this.microphone = new Microphone(
      (why) => this.tell(why),
      (state) => {
        if (state.name !== "on") this.stopSending();
        this.emitter.emit("microphone", state);
      },
    );
    this.emitter.on("disconnected", () => {
      if (this.call) this.shown = this.call.transcript;
      this.call = null;
      this.opening = null;
      this.sending = null;
      this.microphone.stop();
    });
  }

  /** The call, or null when there is none. */
  get connection(): Connection | null {
    return this.call;
  }

  get status(): ConnectionStatus {
    return this.call?.status ?? "disconnected";
  }

  /** What was said in this call, or in the last one. */
  get transcript(): Transcript {
    return this.call?.transcript ?? this.shown;
  }

  get listening(): boolean {
    return this.microphone.name === "on";
  }

  /** Change settings for the next call. */
  configure(options: Partial<ConnectOptions>): void {
    this.options = { ...this.options, ...options };
  }

  /** Begin a call. Call it from a click. Rejects with a `VoiceError`, which `error` has told already. */
  connect(): Promise<Connection> {
    if (this.opening) return this.opening;
    const call = new Connection(this.options, { emitter: this.emitter, audio: this.sound() });
    this.call = call;
    this.emitter.emit("transcript", call.transcript);
    this.emitter.emit("status", "connecting");
    const opening = call.open().then(() => call);
    this.opening = opening;
    // A microphone that was started first has been heard all along.
    if (this.microphone.name === "on") void this.startSending();
    return opening;
  }

  /** True when the microphone is on. False when it is not, and `error` has told why. Never throws. */
  async startMicrophone(): Promise<boolean> {
    try {
      if (!this.call) {
        this.tell(problem("not_connected"));
        return false;
      }
      this.sound();
      if (!(await this.microphone.start())) return false;
      await this.startSending();
      return this.sending !== null;
    } catch (error) {
      this.microphone.stop();
      this.tell(problem("mic_failed", String(error)));
      return false;
    }
  }

  /** The call goes on without the microphone. */
  stopMicrophone(): void {
    this.microphone.stop();
  }

  /** The microphones to choose from. */
  microphones(): Promise<Device[]> {
    return this.microphone.devices();
  }

  /** Use another microphone, now if one is on. */
  async chooseMicrophone(id: string | null): Promise<boolean> {
    this.microphone.deviceId = id;
    if (!this.listening) return true;
    this.microphone.stop();
    return this.startMicrophone();
  }

  /** True when the message is on its way, or will be as soon as the link is back. */
  sendTextMessage(text: string): boolean {
    const words = text.trim();
    if (words === "") return false;
    if (!this.call) {
      this.tell(problem("not_connected"));
      return false;
    }
    this.call.sendText(words);
    return true;
  }

  disconnect(): void {
    this.microphone.stop();
    this.call?.disconnect();
    void this.audio?.close();
    this.audio = null;
  }

  on<K extends keyof VoiceEvents>(type: K, handler: (...given: VoiceEvents[K]) => void): () => void;
  on(type: string, handler: (event: ServerEvent, same: ServerEvent) => void): () => void;
  on(type: string, handler: Handler): () => void {
    return this.emitter.on(type, handler);
  }

  off(type: string, handler: (...given: never[]) => void): void {
    this.emitter.off(type, handler as Handler);
  }

  private sound(): Audio {
    this.audio ??= new Audio(this.options.latencyHint ?? DEFAULTS.latencyHint);
    return this.audio;
  }

  private async startSending(): Promise<void> {
    const { track } = this.microphone;
    if (!track || !this.call || this.sending) return;
    const sending = await this.call.sendAudio({ track });
    // Stopped while the worklet was loading.
    if (this.microphone.track === track) this.sending = sending;
    else sending.stop();
  }

  private stopSending(): void {
    this.sending?.stop();
    this.sending = null;
  }

  private get language(): Language {
    return this.options.language ?? languageOf(document.documentElement.lang || navigator.language);
  }

  private tell(why: Problem): void {
    this.emitter.emit("error", new VoiceError(why, this.language), null);
  }
}
