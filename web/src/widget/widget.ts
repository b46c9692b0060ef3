/**
 * `<moksori-voice>`: the voice service as one element in a shop's page.
 *
 * Attributes: `prompt`, `model`, `voice`, `url` (the server; default: where this script came from), `secret-url` (an
 * address of the shop's own server that answers a POST with a secret), `lang`, `heading`, `side` (`left` or `right`),
 * `theme` (`light`, `dark`, else as the device), `open`. Colours are custom properties: `--moksori-accent`,
 * `--moksori-on-accent`, `--moksori-surface`, `--moksori-ink`, `--moksori-radius`, `--moksori-font`.
 * Everything it says to the page comes as a `CustomEvent` of the same name as in `VoiceAI`.
 */

import type { VoiceEvents } from "../events.js";
import type { MicrophoneState } from "../machines/microphone.js";
import VoiceAI, { languageOf, PROBLEMS, SecretRefused, type ConnectOptions, type Language, type VoiceError } from "../moksori.js";
import { PATIENT } from "../options.js";
import { fromStatus, problem } from "../problems.js";
import { el, icon } from "../ui/dom.js";
import { Lines } from "../ui/lines.js";
import { WORDS } from "../ui/words.js";
import css from "./widget.css?inline";

const HERE: string = import.meta.url;
/** Not bubbling: a page's own `error` handlers are for its own errors. */
const TOLD = ["connected", "reconnecting", "disconnected", "latency", "error", "transcript"] as const satisfies (keyof VoiceEvents)[];

async function secretOf(address: string): Promise<unknown> {
  let answer: Response;
  try {
    answer = await fetch(address, { method: "POST", credentials: "same-origin", headers: { accept: "application/json" } });
  } catch {
    throw new SecretRefused(problem(navigator.onLine ? "server_unreachable" : "network_offline"));
  }
  if (!answer.ok) throw new SecretRefused(fromStatus(answer.status, null, true));
  return answer.json();
}

export class MoksoriVoice extends HTMLElement {
  static readonly observedAttributes = ["lang", "heading", "open", "theme", "side"];

  /** The conversation, for a page that wants more than the element shows. */
  readonly voice = new VoiceAI();

  private readonly root = this.attachShadow({ mode: "open" });
  private readonly launcher = el("button", { type: "button", class: "launcher", part: "launcher", "aria-expanded": "false" });
  private readonly heading = el("h2", { id: "heading" });
  private readonly status = el("p", { class: "status disconnected", role: "status" });
  private readonly close = el("button", { type: "button", class: "button quiet square" }, icon("close"));
  private readonly list = el("ol", { class: "transcript" });
  private readonly welcome = el("p", { class: "welcome" });
  private readonly view = el("div", { class: "scroll", tabindex: "0", role: "region" }, this.welcome, this.list);
  private readonly announce = el("p", { class: "hidden", role: "log" });
  private readonly trouble = el("div", { class: "problem", role: "alert", hidden: "" });
  private readonly connectButton = el("button", { type: "button", class: "button primary" });
  private readonly micButton = el("button", { type: "button", class: "button", "aria-pressed": "false", disabled: "" });
  private readonly input = el("input", { type: "text", maxlength: "2000", enterkeyhint: "send", autocomplete: "off" });
  private readonly sendButton = el("button", { type: "submit", class: "button primary square" }, icon("send"));
  private readonly form = el("form", { class: "write" }, this.input, this.sendButton);
  private readonly panel = el(
    "section",
    { class: "panel", part: "panel", "aria-labelledby": "heading", hidden: "" },
    el("header", {}, el("div", {}, this.heading, this.status), this.close),
    this.view,
    this.announce,
    this.trouble,
    el("div", { class: "controls" }, el("div", { class: "buttons" }, this.connectButton, this.micButton), this.form),
  );
  private calling = false;
  private problem: VoiceError | null = null;
  private readonly lines = new Lines(this.list, {
    language: () => this.language,
    answer: (id, yes) => {
      const words = WORDS[this.language];
      this.voice.connection?.answerProposal(id, yes, yes ? words.yesWords : words.noWords);
    },
    announce: (text) => this.announce.append(el("span", {}, text)),
  });

  constructor() {
    super();
    // A constructed sheet needs no `unsafe-inline` in the shop's Content-Security-Policy.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    this.root.adoptedStyleSheets = [sheet];
    this.root.append(this.launcher, this.panel);

    this.launcher.onclick = () => this.toggleAttribute("open");
    this.close.onclick = () => {
      this.removeAttribute("open");
      this.launcher.focus();
    };
    this.panel.onkeydown = (event) => {
      if (event.key === "Escape") this.close.click();
    };
    this.connectButton.onclick = () => (this.calling ? this.hangUp() : this.call());
    this.micButton.onclick = () => {
      if (this.voice.listening) this.voice.stopMicrophone();
      else void this.voice.startMicrophone();
    };
    this.form.onsubmit = (event) => {
      event.preventDefault();
      if (this.input.value.trim() === "") return;
      if (!this.calling) this.call();
      if (this.voice.sendTextMessage(this.input.value)) this.input.value = "";
    };

    this.voice.on("transcript", (transcript) => {
      this.lines.render(transcript);
      this.welcome.hidden = transcript.lines.length > 0;
      this.view.scrollTop = this.view.scrollHeight;
    });
    this.voice.on("status", () => this.render());
    this.voice.on("connected", () => {
      this.problem = null;
      this.render();
    });
    this.voice.on("reconnecting", ({ why }) => this.show(why));
    this.voice.on("error", (error) => this.show(error));
    this.voice.on("microphone", (state: MicrophoneState) => {
      if (state.name === "on" && this.problem?.code.startsWith("mic_")) this.problem = null;
      this.render();
    });
    this.voice.on("disconnected", () => {
      this.calling = false;
      this.render();
    });
    for (const name of TOLD) {
      this.voice.on(name as string, (detail: unknown) => this.dispatchEvent(new CustomEvent(name, { detail })));
    }
  }

  connectedCallback(): void {
    this.render();
  }

  disconnectedCallback(): void {
    this.hangUp();
  }

  attributeChangedCallback(name: string): void {
    this.render();
    if (name === "open" && this.hasAttribute("open")) this.input.focus({ preventScroll: true });
  }

  private get language(): Language {
    return languageOf(this.getAttribute("lang") ?? (document.documentElement.lang || navigator.language));
  }

  private call(): void {
    this.calling = true;
    this.problem = null;
    const secretUrl = this.getAttribute("secret-url");
    const options: Partial<ConnectOptions> = {
      language: this.language,
      url: this.getAttribute("url") ?? new URL(".", HERE).href,
      maxRetries: PATIENT,
    };
    for (const name of ["model", "voice", "prompt"] as const) {
      const value = this.getAttribute(name);
      if (value) options[name] = value;
    }
    if (secretUrl) options.getSecret = () => secretOf(new URL(secretUrl, location.href).href) as Promise<string>;
    this.voice.configure(options);
    this.voice.connect().catch(() => {
      // `error` has told it.
    });
    this.render();
  }

  private hangUp(): void {
    this.calling = false;
    this.voice.disconnect();
    this.render();
  }

  private show(error: VoiceError): void {
    this.problem = error;
    this.render();
  }

  private render(): void {
    const words = WORDS[this.language];
    const { status } = this.voice;
    const open = this.hasAttribute("open");
    const on = this.voice.listening;
    this.panel.lang = this.language;
    this.panel.hidden = !open;
    this.launcher.setAttribute("aria-expanded", String(open));
    this.launcher.setAttribute("aria-label", open ? words.minimise : words.open);
    this.launcher.replaceChildren(icon(open ? "close" : "chat"));
    this.launcher.classList.toggle("live", this.calling);
    this.heading.textContent = this.getAttribute("heading") ?? words.title;
    this.close.setAttribute("aria-label", words.minimise);
    this.view.setAttribute("aria-label", words.transcript);
    this.status.className = `status ${status}`;
    this.status.textContent = words.status[status];
    this.welcome.textContent = words.welcome;
    this.connectButton.replaceChildren(icon("call"), this.calling ? words.disconnect : words.connect);
    this.connectButton.className = `button ${this.calling ? "danger" : "primary"}`;
    this.micButton.disabled = !this.calling;
    this.micButton.className = `button${on ? " recording" : this.calling ? " primary" : ""}`;
    this.micButton.setAttribute("aria-pressed", String(on));
    this.micButton.replaceChildren(icon("mic"), on ? words.micStop : words.micStart);
    this.input.placeholder = words.placeholder;
    this.input.setAttribute("aria-label", words.textLabel);
    this.sendButton.setAttribute("aria-label", words.send);
    this.renderProblem();
  }

  private renderProblem(): void {
    this.trouble.hidden = this.problem === null;
    if (!this.problem) return this.trouble.replaceChildren();
    const { said, todo } = PROBLEMS[this.language][this.problem.code];
    this.trouble.dataset.code = this.problem.code;
    this.trouble.replaceChildren(icon("alert"), el("div", {}, el("p", { class: "said" }, said), el("p", {}, todo)));
  }
}

if (!customElements.get("moksori-voice")) customElements.define("moksori-voice", MoksoriVoice);

declare global {
  interface HTMLElementTagNameMap {
    "moksori-voice": MoksoriVoice;
  }
}
