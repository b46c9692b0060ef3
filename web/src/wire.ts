/** The GA Realtime events this client reads or writes. What it does not read passes through as `ServerEvent`. */

export interface ContentPart {
  type: string;
  text?: string | null;
  transcript?: string | null;
  audio?: string | null;
}

export interface Item {
  id?: string;
  type: string;
  role?: "system" | "user" | "assistant";
  status?: "in_progress" | "completed" | "incomplete";
  content?: ContentPart[];
  name?: string;
  call_id?: string;
  arguments?: string;
  output?: string;
  server_label?: string;
  approval_request_id?: string;
  approve?: boolean;
}

export interface Usage {
  moksori?: { cost?: string | number | null; currency?: string; budget_left?: string | number | null; latency_ms?: number };
  [key: string]: unknown;
}

export interface Response {
  id: string;
  status: "in_progress" | "completed" | "cancelled" | "incomplete" | "failed";
  status_details?: {
    type?: string;
    reason?: string;
    error?: { type?: string; code?: string | null; message?: string };
  } | null;
  output?: Item[];
  usage?: Usage | null;
  metadata?: Record<string, string> | null;
}

export interface Session {
  type?: string;
  id?: string;
  /** The same as `id`; filled in for code that reads it under this name. */
  session_id?: string;
  /** Voice to voice of the last turn (ms); before the first turn, the time it took to connect. */
  latency?: number;
  model?: string;
  expires_at?: number;
  audio?: {
    input?: {
      transcription?: { model?: string; language?: string | null } | null;
      turn_detection?: { type: string; interrupt_response?: boolean; silence_duration_ms?: number } | null;
    };
    output?: { voice?: string };
  };
  [key: string]: unknown;
}

export interface Resume {
  ok: boolean;
  input_audio_ms: number;
  gap: boolean;
}

export interface WireError {
  type: string;
  code?: string | null;
  message: string;
  param?: string | null;
  event_id?: string | null;
}

interface Envelope {
  event_id?: string;
}

/** Events that this client acts on, each with the fields it needs. */
export type KnownEvent = Envelope &
  (
    | { type: "session.created"; session: Session; resume?: Resume; session_id?: string; latency?: number }
    | { type: "session.updated"; session: Session; session_id?: string; latency?: number }
    | { type: "conversation.item.added"; item: Item; previous_item_id?: string | null }
    | { type: "conversation.item.done"; item: Item; previous_item_id?: string | null }
    | { type: "conversation.item.created"; item: Item; previous_item_id?: string | null }
    | { type: "conversation.item.completed"; item: Item }
    | { type: "conversation.item.deleted"; item_id: string }
    | { type: "conversation.item.truncated"; item_id: string; content_index: number; audio_end_ms: number }
    | { type: "conversation.item.input_audio_transcription.delta"; item_id: string; delta?: string }
    | { type: "conversation.item.input_audio_transcription.completed"; item_id: string; transcript: string }
    | { type: "conversation.item.input_audio_transcription.failed"; item_id: string }
    | { type: "input_audio_buffer.speech_started"; item_id: string; audio_start_ms: number }
    | { type: "input_audio_buffer.speech_stopped"; item_id: string; audio_end_ms: number }
    | { type: "input_audio_buffer.committed"; item_id: string; previous_item_id?: string | null }
    | { type: "response.created"; response: Response }
    | { type: "response.done"; response: Response }
    | { type: "response.output_item.added"; response_id: string; item: Item }
    | { type: "response.output_item.done"; response_id: string; item: Item }
    | { type: "response.output_text.delta"; response_id: string; item_id: string; delta: string }
    | { type: "response.output_text.done"; response_id: string; item_id: string; text: string }
    | { type: "response.output_audio_transcript.delta"; response_id: string; item_id: string; delta: string }
    | { type: "response.output_audio_transcript.done"; response_id: string; item_id: string; transcript: string }
    | { type: "response.output_audio.delta"; response_id: string; item_id: string; content_index: number; delta: string }
    | { type: "response.output_audio.done"; response_id: string; item_id: string; content_index: number }
    | { type: "session.expired" }
    | { type: "moksori.tool.started"; call_id: string; name: string }
    | { type: "moksori.tool.done"; call_id: string; name: string; outcome: string; proposal?: string | null }
    | { type: "moksori.proposal.ended"; call_id: string }
    | { type: "moksori.output_audio.held"; at_most_ms: number }
    | { type: "moksori.output_audio.released" }
    | { type: "error"; error: WireError }
  );

export interface ServerEvent extends Envelope {
  type: string;
  [key: string]: unknown;
}

export interface ClientEvent {
  type: string;
  event_id?: string;
  [key: string]: unknown;
}

/** One frame of the socket, or null when it is not an event. */
export function parseEvent(data: unknown): ServerEvent | null {
  if (typeof data !== "string") return null;
  try {
    const value: unknown = JSON.parse(data);
    if (typeof value === "object" && value !== null && typeof (value as ServerEvent).type === "string") {
      return value as ServerEvent;
    }
  } catch {
    // Not JSON: an intermediary spoke, not the server.
  }
  return null;
}

const FIELDS: Record<KnownEvent["type"], readonly string[]> = {
  "session.created": ["session"],
  "session.updated": ["session"],
  "conversation.item.added": ["item"],
  "conversation.item.done": ["item"],
  "conversation.item.created": ["item"],
  "conversation.item.completed": ["item"],
  "conversation.item.deleted": ["item_id"],
  "conversation.item.truncated": ["item_id"],
  "conversation.item.input_audio_transcription.delta": ["item_id"],
  "conversation.item.input_audio_transcription.completed": ["item_id", "transcript"],
  "conversation.item.input_audio_transcription.failed": ["item_id"],
  "input_audio_buffer.speech_started": ["item_id"],
  "input_audio_buffer.speech_stopped": ["item_id"],
  "input_audio_buffer.committed": ["item_id"],
  "response.created": ["response"],
  "response.done": ["response"],
  "response.output_item.added": ["item"],
  "response.output_item.done": ["item"],
  "response.output_text.delta": ["item_id", "delta"],
  "response.output_text.done": ["item_id", "text"],
  "response.output_audio_transcript.delta": ["item_id", "delta"],
  "response.output_audio_transcript.done": ["item_id", "transcript"],
  "response.output_audio.delta": ["item_id", "delta"],
  "response.output_audio.done": ["item_id"],
  "session.expired": [],
  "moksori.tool.started": ["call_id", "name"],
  "moksori.tool.done": ["call_id", "name", "outcome"],
  "moksori.proposal.ended": ["call_id"],
  "moksori.output_audio.held": ["at_most_ms"],
  "moksori.output_audio.released": [],
  error: ["error"],
};

/** The event as one we act on, or null when its type is another or a field that we need is missing. */
export function known(event: ServerEvent): KnownEvent | null {
  if (!Object.hasOwn(FIELDS, event.type)) return null;
  const fields = FIELDS[event.type as KnownEvent["type"]];
  return fields.every((name) => event[name] !== undefined && event[name] !== null) ? (event as unknown as KnownEvent) : null;
}
