import { describe, expect, it } from "vitest";
import { backoff, stepLink, type LinkEffect, type LinkEvent, type LinkState } from "../src/machines/link.js";
import { problem } from "../src/problems.js";

const POLICY = { maxRetries: 3, baseDelay: 2000 };
const OFFLINE = problem("network_offline");

/** Runs events from idle; gives the last state and every effect. */
function run(...events: LinkEvent[]): { state: LinkState; effects: LinkEffect[]; last: readonly LinkEffect[] } {
  let state: LinkState = { name: "idle" };
  const effects: LinkEffect[] = [];
  let last: readonly LinkEffect[] = [];
  for (const event of events) {
    [state, last] = stepLink(state, event, POLICY, OFFLINE);
    effects.push(...last);
  }
  return { state, effects, last };
}

const LIVE: LinkEvent[] = [
  { type: "connect" },
  { type: "secret" },
  { type: "opened" },
  { type: "created", session: "sess_1", resume: null },
];
const lost = (code: Parameters<typeof problem>[0] = "server_restarting"): LinkEvent => ({
  type: "lost",
  problem: problem(code),
  random: 0,
});

describe("a link that is made", () => {
  it("asks for a secret, then opens, then is live with the session that the server named", () => {
    const { state, effects } = run(...LIVE);
    expect(state).toEqual({ name: "live", call: { session: "sess_1" }, offline: false });
    expect(effects).toEqual([
      { type: "ask", renew: false },
      { type: "open", resume: null },
      { type: "live", resumed: null, fresh: true, again: false },
    ]);
  });

  it("is refused at the secret: it ends at once, with the reason", () => {
    const { state, last } = run({ type: "connect" }, { type: "secret_refused", problem: problem("key_needed") });
    expect(state.name).toBe("closed");
    expect(last).toEqual([{ type: "ended", why: problem("key_needed") }]);
  });

  it("renews a refused secret once, and believes the second refusal", () => {
    const once = run({ type: "connect" }, { type: "secret" }, { type: "opened" }, lost("key_refused"));
    expect(once.last).toEqual([{ type: "close" }, { type: "ask", renew: true }]);
    const [state, last] = stepLink(
      stepLink(once.state, { type: "secret" }, POLICY, OFFLINE)[0],
      lost("key_refused"),
      POLICY,
      OFFLINE,
    );
    expect(state.name).toBe("closed");
    expect(last).toContainEqual({ type: "ended", why: problem("key_refused") });
  });
});

describe("a link that is lost", () => {
  it("waits, asks again, and resumes the same call", () => {
    const resume = { ok: true, input_audio_ms: 1200, gap: false };
    const { effects, state } = run(
      ...LIVE,
      lost(),
      { type: "due" },
      { type: "secret" },
      { type: "opened" },
      { type: "created", session: "sess_1", resume },
    );
    expect(state.name).toBe("live");
    expect(effects).toContainEqual({ type: "wait", ms: 1000 });
    expect(effects).toContainEqual({ type: "open", resume: { session: "sess_1" } });
    expect(effects).toContainEqual({ type: "live", resumed: resume, fresh: false, again: true });
  });

  it("gives up after as many attempts as it may make, and not before", () => {
    const events: LinkEvent[] = [...LIVE, lost()];
    for (let i = 0; i < 2; i++) events.push({ type: "due" }, { type: "secret" }, lost("server_unreachable"));
    expect(run(...events).state.name).toBe("waiting");
    events.push({ type: "due" }, { type: "secret" }, lost("server_unreachable"));
    expect(run(...events).state).toEqual({ name: "closed", why: problem("server_unreachable") });
  });

  it("begins counting anew once it has been live again", () => {
    const again: LinkEvent[] = [lost(), { type: "due" }, { type: "secret" }, { type: "created", session: "sess_1", resume: null }];
    const { state } = run(...LIVE, ...again, ...again, ...again, ...again, lost());
    expect(state).toMatchObject({ name: "waiting", attempt: 1 });
  });

  it("forgets a call that the server no longer knows, and opens a new one at once", () => {
    const { effects, state } = run(...LIVE, lost(), { type: "due" }, { type: "secret" }, lost("call_gone"), { type: "due" }, {
      type: "secret",
    });
    expect(state.name).toBe("opening");
    expect(effects.filter((e) => e.type === "wait").map((e) => e.ms)).toEqual([1000, 0]);
    expect(effects.filter((e) => e.type === "open").at(-1)).toEqual({ type: "open", resume: null });
  });

  it.each(["call_elsewhere", "budget_spent", "origin_refused", "call_too_long"] as const)("does not come back from %s", (code) => {
    const { state, effects } = run(...LIVE, lost(code));
    expect(state).toEqual({ name: "closed", why: problem(code) });
    expect(effects.some((e) => e.type === "wait")).toBe(false);
  });
});

describe("a machine without network", () => {
  it("spends no attempt while it is offline, and returns the moment it is online", () => {
    const events: LinkEvent[] = [...LIVE, { type: "offline", random: 0 }];
    for (let i = 0; i < 10; i++) events.push({ type: "due" }, { type: "secret_refused", problem: problem("network_offline") });
    const { state } = run(...events);
    expect(state).toMatchObject({ name: "waiting", offline: true });
    const [next, effects] = stepLink(state, { type: "online" }, POLICY, OFFLINE);
    expect(next).toMatchObject({ name: "asking", call: { session: "sess_1" }, offline: false });
    expect(effects).toEqual([{ type: "unwait" }, { type: "ask", renew: false }]);
  });
});

describe("a call that is hung up", () => {
  const places: [string, LinkEvent[]][] = [
    ["while asking", LIVE.slice(0, 1)],
    ["while opening", LIVE.slice(0, 2)],
    ["while starting", LIVE.slice(0, 3)],
    ["when live", LIVE],
    ["while waiting", [...LIVE, lost()]],
  ];
  it.each(places)("ends %s, once", (_where, events) => {
    const { state, effects } = run(...events, { type: "disconnect" }, { type: "disconnect" }, { type: "due" }, { type: "opened" });
    expect(state).toEqual({ name: "closed", why: null });
    expect(effects.filter((e) => e.type === "ended")).toHaveLength(1);
  });
});

describe("the wait", () => {
  it("doubles, and half of it is chance", () => {
    expect([1, 2, 3].map((n) => backoff(n, POLICY, 0))).toEqual([1000, 2000, 4000]);
    expect([1, 2, 3].map((n) => backoff(n, POLICY, 1))).toEqual([2000, 4000, 8000]);
    expect([4, 9].map((n) => backoff(n, POLICY, 1))).toEqual([8000, 8000]);
  });
});

it("has an answer for every event in every state", () => {
  const events: LinkEvent[] = [
    ...LIVE,
    lost(),
    { type: "disconnect" },
    { type: "secret_refused", problem: problem("server_busy") },
    { type: "due" },
    { type: "offline", random: 0.5 },
    { type: "online" },
    { type: "silent", random: 0.5 },
  ];
  // Every word of four events: no state is undefined, and no two `ended` come without a `connect` between them.
  const walk = (state: LinkState, depth: number, ended: boolean): void => {
    if (depth === 0) return;
    for (const event of events) {
      const [next, effects] = stepLink(state, event, POLICY, OFFLINE);
      const ends = effects.filter((e) => e.type === "ended").length;
      if (typeof next?.name !== "string" || (ended && ends > 0)) expect.fail(`${event.type} in ${state.name}`);
      walk(next, depth - 1, next.name === "closed");
    }
  };
  walk({ name: "idle" }, 4, true);
});
