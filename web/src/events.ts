/** What can be listened to, and what a handler is given. */

import type { VoiceError } from "./errors.js";
import type { MicrophoneState } from "./machines/microphone.js";
import type { Transcript } from "./transcript.js";
import type { TurnTime } from "./turnclock.js";
import type { Item, ServerEvent, Session } from "./wire.js";

export type ConnectionStatus = "connecting" | "connected" | "reconnecting" | "disconnected";

export interface Reconnecting {
  attempt: number;
  of: number;
  /** Until the attempt (ms). */
  delay: number;
  why: VoiceError;
}

export interface Connected {
  session: Session;
  /** The same call as before the loss. */
  resumed: boolean;
  /** Some of what happened meanwhile could not be kept. */
  gap: boolean;
}

export interface Interrupted {
  item: string;
  /** Of this item, what went to the loudspeaker; the server was told the same. */
  heard_ms: number;
  /** From the server's word that the caller speaks to silence at the loudspeaker. */
  silent_after_ms: number;
}

type OnSession = [session: Session, event: ServerEvent];
type OnItem = [item: Item, event: ServerEvent];

/** Every other name is a server event's type, whose handler is given the event. */
export interface VoiceEvents {
  connected: [Connected];
  reconnecting: [Reconnecting];
  /** The error that ended the call, or null when it was ended here. */
  disconnected: [VoiceError | null];
  /** Voice to voice of the last turn as heard here (ms), and its parts. */
  latency: [ms: number, turn: TurnTime];
  error: [VoiceError, ServerEvent | null];
  status: [ConnectionStatus];
  transcript: [Transcript];
  microphone: [MicrophoneState];
  /** Each frame of the microphone: its root mean square (0 to 1), and whether a voice is in it. */
  level: [rms: number, voiced: boolean];
  speaking: [boolean];
  interrupted: [Interrupted];
  /** Every server event, by whatever name. */
  event: [ServerEvent, ServerEvent];
  "session.created": OnSession;
  "session.updated": OnSession;
  "conversation.item.added": OnItem;
  "conversation.item.done": OnItem;
  "conversation.item.created": OnItem;
  "conversation.item.completed": OnItem;
}

export interface Listenable {
  on<K extends keyof VoiceEvents>(type: K, handler: (...given: VoiceEvents[K]) => void): () => void;
  on(type: string, handler: (event: ServerEvent, same: ServerEvent) => void): () => void;
}
