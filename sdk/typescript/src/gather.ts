import { LatchkeyError, said } from "./error.js";
import type { Body, Options, Schema } from "./latchkey.js";
import type { Verifier } from "./verdict.js";

declare const setImmediate: (then: () => void) => unknown; // of Node, Deno and Bun; what this package is typed for has none

const alone = 1; // calls that are on their way before questions wait for each other; one keeps a thread busy
const patience = 1; // milliseconds for which a question waits for it to come back
const most = 100; // questions in a call, as the contract has it

type Result = Schema<"VerifyResult">;

interface Question {
  body: Body<"AccessKeyVerify">;
  options: Options | undefined;
  answer(result: Result | Promise<Result>): void;
}

/**
 * Asks about several requests in one call where they come faster than answers do: what a call costs, on both sides, is then paid once for all
 * of them. A question that comes while there is little to do is asked at once, with those of the same turn of the loop. Each has its own answer,
 * given after it was asked.
 *
 * Not for runtimes at the edge: they let no request wait for what another one has asked.
 */
export function gather(client: Verifier): Verifier {
  if (!client.accessKeyVerifyBatch) return client;
  let away = 0; // calls that have not come back
  let waiting: Question[] = [];
  let impatient: ReturnType<typeof setTimeout> | undefined;

  /** Makes a call; those that wait when it comes back have its place. */
  async function call<T>(ask: () => Promise<T>): Promise<T> {
    away++;
    try {
      return await ask();
    } finally {
      away--;
      send();
    }
  }

  /** Asks what waits. */
  function send() {
    clearTimeout(impatient);
    if (waiting.length === 0) return;
    const questions = waiting;
    waiting = [];
    void call(() => (questions.length === 1 ? each(client, questions) : together(client, questions)));
  }

  return {
    accessKeyVerify(body, options) {
      return new Promise((answer) => {
        waiting.push({ body, options, answer });
        if (waiting.length === 1 && away < alone) setImmediate(send);
        else if (waiting.length === 1) impatient = setTimeout(send, patience);
        if (waiting.length === most) send();
      });
    },
  };
}

async function together(client: Verifier, questions: Question[]) {
  try {
    const { answers } = await client.accessKeyVerifyBatch!({ questions: questions.map(({ body }) => body) }, questions[0]!.options);
    if (answers.length !== questions.length) throw new Error(`Latchkey gave ${answers.length} answers to ${questions.length} questions.`);
    questions.forEach(({ answer }, i) => answer(read(answers[i]!)));
  } catch (error) {
    if (spoiled(error)) return each(client, questions);
    for (const { answer } of questions) answer(Promise.reject(error));
  }
}

async function read({ result, problem }: Schema<"AccessKeyVerifyBatchAnswer">): Promise<Result> {
  if (problem) throw said(problem);
  if (!result) throw new Error("Latchkey gave neither a result nor a problem.");
  return result;
}

/** Asks one by one, all at the same time. */
async function each(client: Verifier, questions: Question[]) {
  await Promise.allSettled(
    questions.map(async ({ body, options, answer }) => {
      const result = (async () => client.accessKeyVerify(body, options))(); // whoever made the client, it may throw at once
      answer(result);
      await result;
    }),
  );
}

/** A batch that was refused as a whole and unjudged: one of its questions is none, all are too much together, or the service is older than the operation. */
function spoiled(error: unknown): boolean {
  return error instanceof LatchkeyError && [400, 404, 405, 413].includes(error.status);
}
