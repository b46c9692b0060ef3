/** The conversation as a person reads it: a pure reduction of events to lines. */

import { addAudio, addText, charsHeard, close, NOTHING_HEARD, setText, type HeardMap } from "./heard.js";
import type { Item, KnownEvent } from "./wire.js";

export interface Proposal {
  id: string;
  /** The sentence that was read out. */
  sentence: string;
  /** `mcp`: answered by an approval item; `spoken`: by a yes or no in the caller's own words. */
  answer: "mcp" | "spoken";
  /** `lapsed`: it will not be made, whoever or whatever ended it. */
  state: "open" | "yes" | "no" | "lapsed";
}

/** `proposed`: nothing is done yet; the tool asks for the caller's yes. */
export type ToolState = "running" | "done" | "proposed" | "failed";

export type Line =
  | { kind: "user"; id: string; text: string; partial: boolean; spoken: boolean }
  | { kind: "assistant"; id: string; map: HeardMap; spoken: boolean; heard: number; cut: boolean; done: boolean }
  | { kind: "tool"; id: string; tool: string; state: ToolState; call: string | null }
  | { kind: "proposal"; id: string; proposal: Proposal };

export interface Transcript {
  readonly lines: readonly Line[];
}

export const EMPTY: Transcript = { lines: [] };

export type TranscriptEvent =
  | KnownEvent
  | { type: "heard"; item: string; samples: number; finished: boolean }
  | { type: "audio_came"; item: string; samples: number }
  | { type: "cut_at"; item: string; samples: number }
  | { type: "answered"; proposal: string; yes: boolean };

/** Text in an item, of whichever kind. */
export function textOf(item: Item): string {
  return (item.content ?? []).map((part) => part.text ?? part.transcript ?? "").join("");
}

function upsert(lines: readonly Line[], line: Line, after: string | null | undefined): readonly Line[] {
  const at = lines.findIndex((l) => l.id === line.id);
  if (at >= 0) return lines.with(at, line);
  const before = after ? lines.findIndex((l) => l.id === after) : -1;
  return before >= 0 ? lines.toSpliced(before + 1, 0, line) : [...lines, line];
}

function find<K extends Line["kind"]>(lines: readonly Line[], kind: K, id: string): Extract<Line, { kind: K }> | null {
  return (lines.find((l) => l.kind === kind && l.id === id) as Extract<Line, { kind: K }> | undefined) ?? null;
}

function assistant(lines: readonly Line[], id: string): Extract<Line, { kind: "assistant" }> {
  return (
    find(lines, "assistant", id) ?? { kind: "assistant", id, map: NOTHING_HEARD, spoken: false, heard: 0, cut: false, done: false }
  );
}

/** What a tool's answer says. One in words of its own says nothing about how it went. */
interface Outcome {
  failed: boolean;
  proposal: { id: string; sentence: string } | null;
}

/** Reads `{"ok", "error", "proposal": {"token", "read_out"}}`; what is of another shape is no proposal. */
export function outcomeOf(output: string | undefined): Outcome {
  let value: unknown;
  try {
    value = JSON.parse(output ?? "");
  } catch {
    // A tool may answer in plain text.
  }
  if (typeof value !== "object" || value === null) return { failed: false, proposal: null };
  const { ok, error, proposal } = value as { ok?: unknown; error?: unknown; proposal?: unknown };
  const { token, read_out } = (typeof proposal === "object" && proposal !== null ? proposal : {}) as Record<string, unknown>;
  return {
    failed: ok === false || (error !== undefined && error !== null),
    proposal: typeof token === "string" && typeof read_out === "string" ? { id: token, sentence: read_out } : null,
  };
}

/** The tool by which a caller's spoken yes is carried out. */
const CONFIRMING = /confirm|commit/;

function carriedOut(lines: readonly Line[]): Line[] {
  return lines.map((l) => (l.kind === "proposal" && l.proposal.state === "open" ? { ...l, proposal: { ...l.proposal, state: "yes" } } : l));
}

/** Only one proposal stands at a time: another takes its place. */
function proposed(lines: readonly Line[], { id, sentence }: { id: string; sentence: string }): readonly Line[] {
  const others = lines.filter((l) => !(l.kind === "proposal" && l.proposal.state === "open" && l.proposal.answer === "spoken"));
  const proposal: Proposal = { id, sentence, answer: "spoken", state: "open" };
  return upsert(others, { kind: "proposal", id: `proposal:${id}`, proposal }, null);
}

const OUTCOMES: Readonly<Record<string, ToolState>> = { read: "done", committed: "done", proposed: "proposed" };

/** A tool that the server runs itself. One that was refused leaves no line: the answer says what is missing. */
function serverTool(lines: readonly Line[], event: Extract<KnownEvent, { type: "moksori.tool.done" }>): readonly Line[] {
  const id = `tool:${event.call_id}`;
  const state = OUTCOMES[event.outcome];
  if (!state) return lines.filter((l) => l.id !== id);
  const shown = upsert(lines, { kind: "tool", id, tool: event.name, state, call: event.call_id }, null);
  if (event.proposal) return proposed(shown, { id: event.call_id, sentence: event.proposal });
  return event.outcome === "committed" && CONFIRMING.test(event.name) ? carriedOut(shown) : shown;
}

function fromItem(lines: readonly Line[], item: Item, after: string | null | undefined, done: boolean): readonly Line[] {
  const id = item.id;
  if (!id) return lines;
  switch (item.type) {
    case "message": {
      if (item.role === "user") {
        const old = find(lines, "user", id);
        const text = textOf(item) || old?.text || "";
        const spoken = item.content?.some((part) => part.type === "input_audio") ?? old?.spoken ?? false;
        return upsert(lines, { kind: "user", id, text, spoken, partial: spoken && (old?.partial ?? true) && !textOf(item) }, after);
      }
      if (item.role === "assistant") {
        const old = assistant(lines, id);
        const text = textOf(item);
        const spoken = old.spoken || (item.content?.some((part) => part.type === "output_audio") ?? false);
        // A cut item comes back with less text than was sent; what was sent stays in view, greyed.
        const map = text.length > old.map.text.length ? setText(old.map, text) : old.map;
        return upsert(lines, { ...old, map: done ? close(map) : map, spoken, done }, after);
      }
      return lines;
    }
    case "function_call":
    case "mcp_call": {
      const old = find(lines, "tool", id);
      const call = item.call_id ?? null;
      const state = item.type === "mcp_call" ? (done ? (item.status === "incomplete" ? "failed" : "done") : "running") : (old?.state ?? "running");
      return upsert(lines, { kind: "tool", id, tool: item.name ?? old?.tool ?? "", state, call }, after);
    }
    case "function_call_output": {
      const { failed, proposal } = outcomeOf(item.output);
      const tool = lines.find((l) => l.kind === "tool" && l.call === item.call_id);
      const state: ToolState = failed ? "failed" : proposal ? "proposed" : "done";
      let next = lines.map((l) => (l === tool && l.kind === "tool" ? { ...l, state } : l));
      if (state === "done" && tool?.kind === "tool" && CONFIRMING.test(tool.tool)) next = carriedOut(next);
      return proposal ? proposed(next, proposal) : next;
    }
    case "mcp_approval_request":
      return upsert(
        lines,
        {
          kind: "proposal",
          id: `proposal:${id}`,
          proposal: { id, sentence: `${item.name ?? ""} ${item.arguments ?? ""}`.trim(), answer: "mcp", state: "open" },
        },
        after,
      );
    default:
      return lines;
  }
}

export function stepTranscript(state: Transcript, event: TranscriptEvent): Transcript {
  const { lines } = state;
  switch (event.type) {
    case "conversation.item.added":
    case "conversation.item.created":
      return { lines: fromItem(lines, event.item, event.previous_item_id, false) };
    case "conversation.item.done":
      return { lines: fromItem(lines, event.item, event.previous_item_id, true) };
    case "conversation.item.deleted":
      return { lines: lines.filter((l) => l.id !== event.item_id) };
    case "input_audio_buffer.speech_started":
      return { lines: upsert(lines, { kind: "user", id: event.item_id, text: "", partial: true, spoken: true }, null) };
    case "conversation.item.input_audio_transcription.delta": {
      const old = find(lines, "user", event.item_id);
      const text = (old?.text ?? "") + (event.delta ?? "");
      return { lines: upsert(lines, { kind: "user", id: event.item_id, text, partial: true, spoken: true }, null) };
    }
    case "conversation.item.input_audio_transcription.completed": {
      const text = event.transcript.trim();
      // Noise that was taken for speech leaves no line behind.
      if (text === "") return { lines: lines.filter((l) => l.id !== event.item_id) };
      return { lines: upsert(lines, { kind: "user", id: event.item_id, text, partial: false, spoken: true }, null) };
    }
    case "conversation.item.input_audio_transcription.failed": {
      const old = find(lines, "user", event.item_id);
      return old ? { lines: upsert(lines, { ...old, partial: false }, null) } : state;
    }
    case "response.output_text.delta": {
      const old = assistant(lines, event.item_id);
      return { lines: upsert(lines, { ...old, map: addText(old.map, event.delta) }, null) };
    }
    case "response.output_audio_transcript.delta": {
      const old = assistant(lines, event.item_id);
      return { lines: upsert(lines, { ...old, map: addText(old.map, event.delta), spoken: true }, null) };
    }
    case "response.output_text.done": {
      const old = assistant(lines, event.item_id);
      return { lines: upsert(lines, { ...old, map: setText(old.map, event.text) }, null) };
    }
    case "response.output_audio_transcript.done": {
      const old = assistant(lines, event.item_id);
      const map = event.transcript.length > old.map.text.length ? setText(old.map, event.transcript) : old.map;
      return { lines: upsert(lines, { ...old, map, spoken: true }, null) };
    }
    case "response.output_audio.done": {
      const old = find(lines, "assistant", event.item_id);
      return old ? { lines: upsert(lines, { ...old, map: close(old.map) }, null) } : state;
    }
    case "moksori.tool.started": {
      const { call_id: call, name: tool } = event;
      return { lines: upsert(lines, { kind: "tool", id: `tool:${call}`, tool, state: "running", call }, null) };
    }
    case "moksori.tool.done":
      return { lines: serverTool(lines, event) };
    case "moksori.proposal.ended":
      return {
        lines: lines.map((l) =>
          l.kind === "proposal" && l.proposal.id === event.call_id && l.proposal.state !== "no"
            ? { ...l, proposal: { ...l.proposal, state: "lapsed" } }
            : l,
        ),
      };
    case "audio_came": {
      const old = assistant(lines, event.item);
      return { lines: upsert(lines, { ...old, map: addAudio(old.map, event.samples), spoken: true }, null) };
    }
    case "heard": {
      const old = find(lines, "assistant", event.item);
      if (!old || old.cut) return state;
      const heard = event.finished ? old.map.text.length : charsHeard(old.map, event.samples);
      return heard === old.heard ? state : { lines: upsert(lines, { ...old, heard }, null) };
    }
    case "cut_at": {
      const old = find(lines, "assistant", event.item);
      if (!old) return state;
      return { lines: upsert(lines, { ...old, heard: charsHeard(old.map, event.samples), cut: true }, null) };
    }
    case "answered":
      return {
        lines: lines.map((l) =>
          l.kind === "proposal" && l.proposal.id === event.proposal
            ? { ...l, proposal: { ...l.proposal, state: event.yes ? "yes" : "no" } }
            : l,
        ),
      };
    default:
      return state;
  }
}

/**
 * What a new call is told of the old one, when the old one could not be resumed: texts only, what was heard of answers.
 * Under their old ids, so that they come back as the lines they are.
 */
export function historyOf(state: Transcript): Item[] {
  return state.lines.flatMap((line): Item[] => {
    if (line.kind === "user" && line.text && !line.partial) {
      return [{ id: line.id, type: "message", role: "user", content: [{ type: "input_text", text: line.text }] }];
    }
    if (line.kind === "assistant") {
      const text = line.spoken ? line.map.text.slice(0, line.heard) : line.map.text;
      if (text) return [{ id: line.id, type: "message", role: "assistant", content: [{ type: "output_text", text }] }];
    }
    return [];
  });
}
