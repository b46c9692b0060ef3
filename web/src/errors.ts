/** The error that the module throws and emits: a problem with its sentence. */

import type { Problem, ProblemCode } from "./problems.js";
import { PROBLEMS, type Language } from "./texts.js";

export class VoiceError extends Error {
  override readonly name = "VoiceError";
  readonly code: ProblemCode;
  /** What to do, in the same language as `message`. */
  readonly todo: string;
  /** The server's own words, if it had any. */
  readonly detail: string | null;
  /** The call is over; otherwise it goes on, or is being found again. */
  readonly fatal: boolean;

  constructor(problem: Problem, language: Language) {
    const { said, todo } = PROBLEMS[language][problem.code];
    super(said);
    this.code = problem.code;
    this.todo = todo;
    this.detail = problem.detail;
    this.fatal = problem.remedy === "give_up";
  }
}
