/** The module: `import VoiceAI, { connect } from "/moksori.js"`. */

import { Connection } from "./connection.js";
import type { ConnectOptions } from "./options.js";
import { VoiceAI } from "./voice.js";

/** Open a call; the promise brings it once the server has greeted. Call it from a click, or the browser keeps it silent. */
export async function connect(options: ConnectOptions = {}): Promise<Connection> {
  const connection = new Connection(options);
  await connection.open();
  return connection;
}

export default VoiceAI;
export { Connection, VoiceAI };
export { VoiceError } from "./errors.js";
export { PROBLEMS, languageOf } from "./texts.js";
export { SecretRefused } from "./secrets.js";
export type { Connected, ConnectionStatus, Interrupted, Reconnecting, VoiceEvents } from "./events.js";
export type { Device } from "./microphone.js";
export type { ConnectOptions, PromptReference, TurnDetection } from "./options.js";
export type { Problem, ProblemCode } from "./problems.js";
export type { GetSecret, SecretAnswer } from "./secrets.js";
export type { Language, Sentence } from "./texts.js";
export type { Line, Proposal, Transcript } from "./transcript.js";
export type { TurnTime } from "./turnclock.js";
export type { ClientEvent, ContentPart, Item, Response, ServerEvent, Session, Usage } from "./wire.js";
