/** The transcript on the page: one element a line, made once and changed in place. */

import type { Language } from "../texts.js";
import type { Line, Transcript } from "../transcript.js";
import { el, icon } from "./dom.js";
import { toolWords, WORDS } from "./words.js";

export interface LinesOptions {
  language: () => Language;
  answer: (proposal: string, yes: boolean) => void;
  /** A line is final: what a screen reader should say, once. */
  announce: (text: string) => void;
}

interface Shown {
  node: HTMLLIElement;
  line: Line;
  language: Language;
  said: boolean;
}

export class Lines {
  private readonly shown = new Map<string, Shown>();

  constructor(
    private readonly list: HTMLElement,
    private readonly options: LinesOptions,
  ) {}

  render({ lines }: Transcript): void {
    const language = this.options.language();
    const visible = lines.filter((line) => !isEmpty(line));
    const ids = new Set(visible.map((line) => line.id));
    for (const [id, { node }] of this.shown) {
      if (ids.has(id)) continue;
      node.remove();
      this.shown.delete(id);
    }
    let before: Element | null = null;
    for (const line of visible) {
      const old = this.shown.get(line.id);
      const entry = old ?? { node: el("li"), line, language, said: false };
      if (!old || old.line !== line || old.language !== language) this.fill(entry.node, line, language);
      this.shown.set(line.id, { ...entry, line, language });
      const expected: Element | null = before ? before.nextElementSibling : this.list.firstElementChild;
      if (expected !== entry.node) this.list.insertBefore(entry.node, expected);
      before = entry.node;
      this.announce(line, language);
    }
  }

  private fill(node: HTMLLIElement, line: Line, language: Language): void {
    const words = WORDS[language];
    switch (line.kind) {
      case "user": {
        node.className = `line user${line.partial ? " partial" : ""}`;
        const waiting = line.text === "";
        const text = el("p", { class: "words" }, line.text);
        if (waiting) text.append(dots(words.listening));
        return node.replaceChildren(who(words.you), text);
      }
      case "assistant": {
        node.className = `line assistant${line.cut ? " cut" : ""}`;
        const { text } = line.map;
        const spokenTo = line.spoken ? line.heard : text.length;
        // The space before the first unheard word belongs to neither, and is not struck through.
        const heard = spokenTo + (/^\s*/.exec(text.slice(spokenTo))?.[0].length ?? 0);
        const body = el("p", { class: "words" }, text.slice(0, heard));
        if (heard < text.length) body.append(el("span", { class: "unheard" }, text.slice(heard)));
        if (text === "") body.append(dots(words.thinking));
        const note = line.cut && heard < text.length ? el("p", { class: "note" }, words.cutHere) : null;
        return node.replaceChildren(...[who(words.agent), body, note].filter((n) => n !== null));
      }
      case "tool": {
        const { state } = line;
        node.className = `line tool ${state}`;
        const mark = state === "running" ? el("span", { class: "spinner", "aria-hidden": "true" }) : icon(state === "failed" ? "alert" : "check");
        return node.replaceChildren(mark, el("p", { class: "words" }, toolWords(line.tool, state, language)));
      }
      case "proposal": {
        const { proposal } = line;
        node.className = `line proposal ${proposal.state}`;
        const title = el("p", { class: "proposal-title" }, words.confirmTitle);
        const sentence = el("p", { class: "words" }, proposal.sentence);
        if (proposal.state !== "open") {
          const answered = el("p", { class: "note" }, words.answered[proposal.state]);
          return node.replaceChildren(title, sentence, answered);
        }
        const yes = el("button", { type: "button", class: "button primary" }, words.yes);
        const no = el("button", { type: "button", class: "button" }, words.no);
        yes.onclick = () => this.options.answer(proposal.id, true);
        no.onclick = () => this.options.answer(proposal.id, false);
        return node.replaceChildren(title, sentence, el("div", { class: "actions" }, yes, no));
      }
      default: {
        const never: never = line;
        return never;
      }
    }
  }

  private announce(line: Line, language: Language): void {
    const entry = this.shown.get(line.id);
    if (!entry || entry.said) return;
    const words = WORDS[language];
    let text: string | null = null;
    if (line.kind === "user" && !line.partial && line.spoken) text = `${words.you}: ${line.text}`;
    // A spoken answer is heard; reading it out as well would talk over it.
    if (line.kind === "assistant" && line.done && !line.spoken) text = `${words.agent}: ${line.map.text}`;
    if (line.kind === "tool" && line.state !== "running") text = toolWords(line.tool, line.state, language);
    if (line.kind === "proposal" && line.proposal.state === "open") text = `${words.confirmTitle} ${line.proposal.sentence}`;
    if (text === null) return;
    entry.said = true;
    this.options.announce(text);
  }
}

/** Nothing to show yet, or ever: a call-off before the first word. */
function isEmpty(line: Line): boolean {
  if (line.kind === "assistant") return line.map.text === "" && (line.done || line.cut);
  return line.kind === "user" && line.text === "" && !line.partial;
}

const who = (name: string): HTMLElement => el("span", { class: "hidden" }, `${name}: `);

function dots(label: string): HTMLElement {
  const row = el("span", { class: "dots" }, el("span", { class: "hidden" }, label));
  for (let i = 0; i < 3; i++) row.append(el("i", { "aria-hidden": "true" }));
  return row;
}
