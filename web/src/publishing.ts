/** Server events for the page's handlers, in the shapes that people's code expects. */

import type { Emitter } from "./emitter.js";
import type { Transcript } from "./transcript.js";
import type { Item, KnownEvent, ServerEvent, Session } from "./wire.js";

/** What the names need to know of the call. */
export interface Known {
  readonly session: Session | null;
  readonly transcript: Transcript;
}

export class Publishing {
  private readonly told = new Set<string>();

  constructor(
    private readonly emitter: Emitter,
    private readonly call: Known,
  ) {}

  /** Items and sessions are handed over themselves, the event second; of others the event, twice. Not for errors. */
  publish(event: ServerEvent, ours: Exclude<KnownEvent, { type: "error" }> | null): void {
    switch (ours?.type) {
      case "session.created":
      case "session.updated":
        return this.emitter.emit(event.type, named(ours.session, ours, this.call.session), event);
      case "conversation.item.added":
        this.emitter.emit(event.type, this.readable(ours.item), event);
        return this.once("conversation.item.created", ours.item, event);
      case "conversation.item.done":
        this.emitter.emit(event.type, this.readable(ours.item), event);
        return this.completed(ours.item, event);
      case "conversation.item.created":
        return this.once(ours.type, ours.item, event);
      case "conversation.item.completed":
        return this.completed(ours.item, event);
      case "conversation.item.input_audio_transcription.completed": {
        this.emitter.emit(event.type, event, event);
        const content = [{ type: "input_audio", transcript: ours.transcript }];
        const item: Item = { id: ours.item_id, type: "message", role: "user", status: "completed", content };
        return this.once("conversation.item.completed", item, event);
      }
      case "session.expired":
        return this.expired(event);
      default:
        return this.emitter.emit(event.type, event, event);
    }
  }

  expired(event: ServerEvent): void {
    this.once("session.expired", { type: "session", id: "session" }, event);
  }

  /** A spoken question is complete when its words are known. */
  private completed(item: Item, event: ServerEvent): void {
    const spoken = item.role === "user" && item.content?.some((part) => part.type === "input_audio" && !part.transcript);
    if (spoken && this.call.session?.audio?.input?.transcription) return;
    this.once("conversation.item.completed", item, event);
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
    const line = this.call.transcript.lines.find((l) => l.id === item.id);
    const shown = line?.kind === "user" ? line.text : line?.kind === "assistant" ? line.map.text : "";
    const [first, ...rest] = item.content;
    return { ...item, content: [{ ...first, text: first.text ?? first.transcript ?? shown }, ...rest] };
  }
}

/** The session with `session_id` and `latency` in it, wherever the event carries them. */
export function named(session: Session, event: { session_id?: string; latency?: number }, before: Session | null): Session {
  const id = event.session_id ?? session.session_id ?? session.id;
  const latency = event.latency ?? session.latency ?? before?.latency;
  return { ...session, ...(id ? { session_id: id } : {}), ...(latency === undefined ? {} : { latency }) };
}
