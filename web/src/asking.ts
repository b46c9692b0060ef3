/**
 * What was typed, until it is certain that the server has it, and the answers asked for.
 *
 * One answer runs at a time: a second is asked for when the first has ended. What the server may have lost with a
 * socket is sent again, under the same id, so that it is never there twice.
 */

import type { ClientEvent, Item } from "./wire.js";

export type TypedItem = Item & { id: string };

interface Unsure {
  item: TypedItem;
  answer: boolean;
}

let counter = 0;
const freshId = (prefix: string): string => {
  const random = crypto.getRandomValues(new Uint32Array(2));
  return `${prefix}_${(counter++).toString(36)}${[...random].map((n) => n.toString(36)).join("")}`;
};

export const freshItemId = (): string => freshId("item");

export const typed = (text: string): TypedItem => ({
  id: freshItemId(),
  type: "message",
  role: "user",
  content: [{ type: "input_text", text }],
});

export class Asking {
  private readonly active = new Set<string>();
  private wanted = false;
  private unsure: Unsure[] = [];
  private check = false;

  constructor(private readonly put: (event: ClientEvent) => void) {}

  /** A typed message; sent at once when the line is open, else when it is back. */
  say(item: TypedItem, open: boolean): void {
    this.unsure.push({ item, answer: true });
    if (!open) return;
    this.put({ type: "conversation.item.create", item });
    this.answer();
  }

  /** Call off what is in the making. */
  cancel(): void {
    for (const id of this.active) this.put({ type: "response.cancel", response_id: id });
  }

  /** Ask for an answer, now or when the running one has ended. */
  answer(): void {
    if (this.active.size > 0) this.wanted = true;
    else this.put({ type: "response.create" });
  }

  /** One was running already, as the server says: ask again after it. */
  refused(): void {
    this.wanted = true;
  }

  began(response: string): void {
    this.active.add(response);
    // Whatever it answers, it was made after these items were there.
    this.unsure = [];
  }

  done(response: string): void {
    this.active.delete(response);
    if (!this.wanted || this.active.size > 0) return;
    this.wanted = false;
    this.put({ type: "response.create" });
  }

  arrived(itemId: string | undefined): void {
    this.unsure = this.unsure.filter((u) => u.item.id !== itemId || u.answer);
  }

  /** The same call goes on: what is unsure is judged once all that was missed has come. */
  resumed(): void {
    this.check = this.unsure.length > 0;
  }

  /** All that was missed has come: what the server still does not know was lost on the way. */
  caughtUp(): void {
    if (!this.check) return;
    this.check = false;
    this.resend();
  }

  /** A new call: it is told what was said in the lost one, then what is unsure, as new. */
  restarted(history: readonly Item[]): void {
    this.active.clear();
    this.wanted = false;
    const unsure = new Set<string | undefined>(this.unsure.map((u) => u.item.id));
    for (const item of history) {
      if (!unsure.has(item.id)) this.put({ type: "conversation.item.create", item });
    }
    this.resend();
  }

  private resend(): void {
    for (const { item } of this.unsure) this.put({ type: "conversation.item.create", item });
    if (this.unsure.some((u) => u.answer)) this.answer();
  }
}
