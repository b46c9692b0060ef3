/** The page at `/`: `VoiceAI` and the elements it drives. */

import VoiceAI, { type Language, type Reconnecting, type TurnTime, type VoiceError } from "../moksori.js";
import type { Connected, ConnectionStatus } from "../events.js";
import type { MicrophoneState } from "../machines/microphone.js";
import { PATIENT } from "../options.js";
import { PROBLEMS, languageOf } from "../texts.js";
import type { ProblemCode } from "../problems.js";
import { el, icon } from "../ui/dom.js";
import { Lines } from "../ui/lines.js";
import { WORDS, type Words } from "../ui/words.js";

type Theme = "auto" | "light" | "dark";

const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const query = new URLSearchParams(location.search);

const ui = {
  status: byId("status"),
  connect: byId<HTMLButtonElement>("connectBtn"),
  mic: byId<HTMLButtonElement>("micBtn"),
  transcript: byId("transcript"),
  scroll: byId("scroll"),
  welcome: byId("welcome"),
  suggestions: byId("suggestions"),
  input: byId<HTMLInputElement>("textInput"),
  send: byId<HTMLButtonElement>("sendBtn"),
  form: byId<HTMLFormElement>("textForm"),
  problem: byId("problem"),
  announce: byId("announce"),
  activity: byId("activity"),
  latency: byId("latency"),
  meter: byId("meter"),
  languageBtn: byId<HTMLButtonElement>("languageBtn"),
  settingsBtn: byId<HTMLButtonElement>("settingsBtn"),
  settings: byId<HTMLDialogElement>("settings"),
  settingsClose: byId<HTMLButtonElement>("settingsClose"),
  device: byId<HTMLSelectElement>("deviceSelect"),
  language: byId<HTMLSelectElement>("languageSelect"),
  theme: byId<HTMLSelectElement>("themeSelect"),
  key: byId<HTMLInputElement>("keyInput"),
};

/** A server that takes longer (ms) to say what its page is for is called without. */
const DEFAULTS_MS = 2_000;

/** A private window may refuse storage; the page works without. */
const stored = {
  get(name: string): string | null {
    try {
      return localStorage.getItem(`moksori.${name}`);
    } catch {
      return null;
    }
  },
  set(name: string, value: string): void {
    try {
      localStorage.setItem(`moksori.${name}`, value);
    } catch {
      // The choice holds until the page is closed.
    }
  },
};

let language: Language = languageOf(query.get("lang") ?? stored.get("language") ?? navigator.language);
let microphone: MicrophoneState["name"] = "off";
let shownProblem: { code: ProblemCode; detail: string | null } | null = null;
let lastTurn: TurnTime | null = null;
let reconnecting: Reconnecting | null = null;
let answering = false;
let calling = false;

const voice = new VoiceAI({ language, maxRetries: PATIENT, ...named("model"), ...named("voice"), ...named("prompt") });

function named(option: "model" | "voice" | "prompt"): { [option: string]: string } {
  const value = query.get(option);
  return value ? { [option]: value } : {};
}

/** What the server's own page is for, where the address does not say; a call waits for it. */
let settled = false;
const defaults = fetch("/page.json", { signal: AbortSignal.timeout(DEFAULTS_MS) })
  .then(async (answer) => {
    const given = (answer.ok ? await answer.json() : {}) as { model?: string | null; prompt?: string | null };
    for (const option of ["model", "prompt"] as const) {
      const value = given[option];
      if (typeof value === "string" && !query.has(option)) voice.configure({ [option]: value });
    }
  })
  .catch(() => {})
  .finally(() => (settled = true));

const words = (): Words => WORDS[language];

const lines = new Lines(ui.transcript, {
  language: () => language,
  answer: (proposal, yes) => voice.connection?.answerProposal(proposal, yes, yes ? words().yesWords : words().noWords),
  announce: (text) => announce(text),
});

// ---- what the call says --------------------------------------------------------------------------------------------

voice.on("transcript", (transcript) => {
  lines.render(transcript);
  ui.welcome.hidden = transcript.lines.length > 0;
  follow();
});
voice.on("status", () => {
  if (voice.status === "connected") reconnecting = null;
  render();
});
voice.on("connected", ({ resumed, gap }: Connected) => {
  reconnecting = null;
  clearProblem((code) => !code.startsWith("mic_"));
  if (resumed) announce(words().resumed);
  else if (gap) announce(words().restarted);
  render();
});
voice.on("reconnecting", (detail: Reconnecting) => {
  reconnecting = detail;
  showProblem(detail.why);
  render();
});
voice.on("disconnected", () => {
  calling = false;
  reconnecting = null;
  answering = false;
  render();
});
voice.on("error", (error: VoiceError) => showProblem(error));
voice.on("microphone", (state: MicrophoneState) => {
  microphone = state.name;
  if (state.name === "on" && !state.muted) clearProblem((code) => code.startsWith("mic_"));
  if (state.name !== "on") level(0);
  render();
});
voice.on("level", (rms: number) => level(rms));
voice.on("speaking", () => render());
voice.on("response.created", () => {
  answering = true;
  render();
});
voice.on("response.done", () => {
  answering = false;
  render();
});
voice.on("latency", (_ms: number, turn: TurnTime) => {
  lastTurn = turn;
  render();
});

// ---- what the person does ------------------------------------------------------------------------------------------

ui.connect.onclick = () => {
  if (calling) hangUp();
  else void call();
};
ui.mic.onclick = async () => {
  if (voice.listening) voice.stopMicrophone();
  else if (await voice.startMicrophone()) void fillDevices();
};
ui.form.onsubmit = (event) => {
  event.preventDefault();
  if (say(ui.input.value)) ui.input.value = "";
};
ui.languageBtn.onclick = () => setLanguage(language === "ko" ? "en" : "ko");
ui.settingsBtn.onclick = () => {
  void fillDevices();
  ui.settings.showModal();
};
ui.settings.onclick = (event) => {
  if (event.target === ui.settings) ui.settings.close();
};
ui.language.onchange = () => setLanguage(languageOf(ui.language.value));
ui.theme.onchange = () => setTheme(ui.theme.value as Theme);
ui.device.onchange = () => void voice.chooseMicrophone(ui.device.value || null);
ui.key.onchange = () => voice.configure({ key: ui.key.value.trim() });
navigator.mediaDevices?.addEventListener?.("devicechange", () => void fillDevices());

async function call(): Promise<void> {
  calling = true;
  shownProblem = null;
  renderProblem();
  try {
    if (!settled) await defaults;
    if (!calling) return;
    const opening = voice.connect();
    render();
    await opening;
  } catch {
    // `error` has told it.
  }
  render();
}

function hangUp(): void {
  calling = false;
  voice.disconnect();
  render();
}

/** Words typed before a call begins one. */
function say(text: string): boolean {
  if (text.trim() === "") return false;
  if (!calling) void call();
  if (settled) return voice.sendTextMessage(text);
  void defaults.then(() => voice.sendTextMessage(text));
  return true;
}

// ---- how it looks --------------------------------------------------------------------------------------------------

function render(): void {
  const w = words();
  const status: ConnectionStatus = voice.status;
  document.body.dataset.status = status;
  ui.status.className = `status ${status}`;
  const said = status === "reconnecting" && reconnecting ? w.attempt(reconnecting.attempt, reconnecting.of) : w.status[status];
  if (ui.status.textContent !== said) ui.status.textContent = said;

  const busy = status === "connecting" || status === "reconnecting";
  ui.connect.replaceChildren(icon("call"), calling ? (busy ? w.cancel : w.disconnect) : w.connect);
  ui.connect.classList.toggle("primary", !calling);
  ui.connect.classList.toggle("danger", calling);

  const on = microphone === "on";
  ui.mic.disabled = !calling;
  ui.mic.setAttribute("aria-pressed", String(on));
  ui.mic.classList.toggle("recording", on);
  ui.mic.classList.toggle("active", on);
  ui.mic.classList.toggle("primary", calling && !on);
  ui.mic.replaceChildren(icon("mic"), on ? w.micStop : microphone === "asking" ? w.micAsking : w.micStart);

  ui.activity.textContent = activity(w, status, on);
  document.body.classList.toggle("speaking", voice.connection?.speaking ?? false);
  document.body.classList.toggle("listening", on);
  ui.latency.textContent = calling && lastTurn ? latencyWords(w, lastTurn) : "";
}

function activity(w: Words, status: ConnectionStatus, on: boolean): string {
  if (status !== "connected") return "";
  if (voice.connection?.speaking) return w.speaking;
  if (answering) return w.thinking;
  return on ? w.hearing : w.idle;
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1);

function latencyWords(w: Words, { voice_to_voice_ms, spoken, parts }: TurnTime): string {
  if (!spoken) return w.latency(seconds(voice_to_voice_ms));
  const detail = w.parts(seconds(parts.end_of_turn_ms), seconds(parts.answer_ms), seconds(parts.playback_ms));
  return `${w.latency(seconds(voice_to_voice_ms))} (${detail})`;
}

function level(rms: number): void {
  // -60 dBFS is no bar, -10 dBFS a whole one.
  const db = 20 * Math.log10(Math.max(rms, 1e-4));
  ui.meter.style.setProperty("--level", Math.max(0, Math.min(1, (db + 60) / 50)).toFixed(2));
}

/** Keep the newest line in view, unless the person has scrolled up to read. */
let pinned = true;
ui.scroll.addEventListener("scroll", () => {
  pinned = ui.scroll.scrollHeight - ui.scroll.scrollTop - ui.scroll.clientHeight < 60;
});
function follow(): void {
  if (pinned) ui.scroll.scrollTop = ui.scroll.scrollHeight;
}

function announce(text: string): void {
  ui.announce.append(el("span", {}, text));
}

function showProblem(error: VoiceError): void {
  shownProblem = { code: error.code, detail: error.detail };
  renderProblem();
}

function clearProblem(which: (code: ProblemCode) => boolean): void {
  if (shownProblem && which(shownProblem.code)) {
    shownProblem = null;
    renderProblem();
  }
}

function renderProblem(): void {
  ui.problem.hidden = shownProblem === null;
  if (!shownProblem) return ui.problem.replaceChildren();
  const w = words();
  const { said, todo } = PROBLEMS[language][shownProblem.code];
  const close = el("button", { type: "button", class: "button quiet square", "aria-label": w.dismiss }, icon("close"));
  close.onclick = () => clearProblem(() => true);
  const detail = shownProblem.detail ? el("p", { class: "detail" }, `${w.detail}: ${shownProblem.detail}`) : null;
  ui.problem.dataset.code = shownProblem.code;
  ui.problem.replaceChildren(
    icon("alert"),
    el("div", {}, el("p", { class: "said" }, said), el("p", { class: "todo" }, todo), detail),
    close,
  );
}

async function fillDevices(): Promise<void> {
  const devices = await voice.microphones();
  const chosen = ui.device.value;
  const named = devices.map(({ id, label }, i) => el("option", { value: id }, label || words().unnamedMicrophone(i + 1)));
  ui.device.replaceChildren(el("option", { value: "" }, words().anyMicrophone), ...named);
  ui.device.value = devices.some((d) => d.id === chosen) ? chosen : "";
}

function setLanguage(to: Language): void {
  language = to;
  stored.set("language", to);
  voice.configure({ language: to });
  const w = words();
  document.documentElement.lang = to;
  document.title = w.title;
  for (const node of document.querySelectorAll<HTMLElement>("[data-words]")) {
    node.textContent = w[node.dataset.words as "title"];
  }
  ui.languageBtn.textContent = w.otherLanguage;
  ui.languageBtn.lang = to === "ko" ? "en" : "ko";
  ui.language.value = to;
  ui.input.placeholder = w.placeholder;
  ui.send.setAttribute("aria-label", w.send);
  ui.send.replaceChildren(icon("send"));
  ui.settingsBtn.setAttribute("aria-label", w.settings);
  ui.settingsBtn.replaceChildren(icon("gear"));
  ui.settingsClose.setAttribute("aria-label", w.close);
  ui.settingsClose.replaceChildren(icon("close"));
  ui.suggestions.setAttribute("aria-label", w.suggestionsLabel);
  ui.suggestions.replaceChildren(
    ...w.suggestions.map((text) => {
      const button = el("button", { type: "button", class: "chip" }, text);
      button.onclick = () => say(text);
      return el("li", {}, button);
    }),
  );
  ui.theme.replaceChildren(
    ...(["auto", "light", "dark"] as const).map((theme) => el("option", { value: theme }, w.themes[theme])),
  );
  ui.theme.value = document.documentElement.dataset.theme ?? "auto";
  void fillDevices();
  lines.render(voice.transcript);
  renderProblem();
  render();
}

function setTheme(theme: Theme): void {
  stored.set("theme", theme);
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

const theme = query.get("theme") ?? stored.get("theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
setLanguage(language);
