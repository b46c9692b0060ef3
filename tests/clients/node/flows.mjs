// What the Node programs share: arguments, a microphone, and one JSON line a flow, as `programs/flows.py` does.

import { readFileSync } from "node:fs";

const PATIENCE_MS = 40_000;
const FRAME = 960; // 20 ms of PCM16 at 24 kHz

export function arguments_() {
  const given = {};
  for (let at = 2; at < process.argv.length; at += 2) given[process.argv[at].slice(2)] = process.argv[at + 1];
  return { ...given, question: readFileSync(given.question), stop: readFileSync(given.stop) };
}

export class Flow {
  event = "none";
  said = "";
  #seen = [];
  #waiting = [];

  saw(event, detail) {
    this.event = event;
    const waiter = this.#waiting.findIndex((each) => each.events.includes(event));
    if (waiter >= 0) this.#waiting.splice(waiter, 1)[0].resolve([event, detail]);
    else this.#seen.push([event, detail]);
  }

  /** The next of these events, one that has come already included; each is given out once. */
  until(...events) {
    const at = this.#seen.findIndex(([event]) => events.includes(event));
    if (at >= 0) return Promise.resolve(this.#seen.splice(at, 1)[0]);
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`waited for ${events.join(" or ")}; the last event was ${this.event}`));
      const timer = setTimeout(late, PATIENCE_MS);
      this.#waiting.push({ events, resolve: (value) => (clearTimeout(timer), resolve(value)) });
    });
  }

  /** The same, and anything called "error" fails the flow. */
  async expect(...events) {
    const [event, detail] = await this.until(...events, "error");
    if (event === "error") throw new Error(`an error event: ${JSON.stringify(detail)}`);
    return detail;
  }
}

export function mustSay(flow, words) {
  if (!flow.said.toLowerCase().includes(words)) throw new Error(`'${words}' was not said: '${flow.said}'`);
}

/** 20 ms at a time in real time, then silence; returns how to stop it. */
export function microphone(pcm, send) {
  const began = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    while (sent * 20 <= performance.now() - began) {
      const piece = Buffer.alloc(FRAME);
      pcm.subarray(sent * FRAME, (sent + 1) * FRAME).copy(piece);
      sent += 1;
      send(piece);
    }
  }, 10);
  return () => clearInterval(timer);
}

export async function run(flows) {
  for (const [name, act] of Object.entries(flows)) {
    const flow = new Flow();
    const line = { flow: name, ok: true };
    try {
      await act(flow);
    } catch (error) {
      Object.assign(line, { ok: false, error: String(error.message ?? error.error ?? error), trace: String(error.stack).slice(0, 1000) });
    }
    console.log(JSON.stringify({ ...line, event: flow.event, said: flow.said }));
  }
  process.exit(0);
}
