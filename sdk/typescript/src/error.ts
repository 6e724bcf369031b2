import type { components } from "./schema.js";

/** One of the closed list of the contract. */
export type ErrorCode = components["schemas"]["ErrorCode"];

/**
 * Why a call failed. Compare by `code`, which is absent where the answer did not come from Latchkey; `status` is 0 where there
 * was no answer at all. Never holds a value that was sent.
 */
export class LatchkeyError extends Error {
  override readonly name = "LatchkeyError";

  constructor(
    /** HTTP status; 0: no answer. */
    readonly status: number,
    readonly code: ErrorCode | undefined,
    /** What is wrong with this request, in a sentence. */
    readonly detail: string,
    /** What to do next, in a sentence. */
    readonly suggested: string,
    /** Finds the request in the service's log. */
    readonly traceId?: string,
    /** Facts for programs, by code. */
    readonly metadata: Readonly<Record<string, unknown>> = {},
    /** Seconds to wait before trying again, where the service says so. */
    readonly retryAfter?: number,
  ) {
    super([`${status} ${code ?? ""}`.trim() + `: ${detail}`, suggested, traceId && `(trace ${traceId})`].filter(Boolean).join(" "));
  }
}

/** The refusal that an answer says. */
export async function refusal(response: Response): Promise<LatchkeyError> {
  const problem: unknown = mediaType(response) === "application/problem+json" ? await response.json().catch(() => undefined) : undefined;
  if (!isProblem(problem)) return foreign(response);
  return said(problem, response.status, retryAfter(response));
}

/** What a problem says. */
export function said(problem: Problem, status = problem.status, retryAfter?: number): LatchkeyError {
  return new LatchkeyError(status, problem.error, problem.detail, problem.suggested, problem.trace_id, problem.metadata, retryAfter);
}

/** For what a proxy, or something that is not Latchkey, has answered. Its words are not repeated. */
export function foreign(response: Response): LatchkeyError {
  return new LatchkeyError(response.status, undefined, `This is no answer of Latchkey (it calls itself ${JSON.stringify(mediaType(response))}).`,
    "See whether the address is right, and whether a proxy answers in its place.", undefined, {}, retryAfter(response));
}

/** For a request that got no answer. */
export function unreachable(): LatchkeyError {
  return new LatchkeyError(0, undefined, "The service cannot be reached.", "See whether it runs and whether this machine is online, then try again.");
}

export function mediaType(response: Response): string {
  return (response.headers.get("Content-Type") ?? "").split(";", 1)[0]!.trim().toLowerCase();
}

type Problem = components["schemas"]["Problem"];

function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && typeof (value as Problem).error === "string" && typeof (value as Problem).detail === "string";
}

function retryAfter(response: Response): number | undefined {
  const seconds = response.headers.get("Retry-After") ?? "";
  return /^\d{1,9}$/.test(seconds) ? Number(seconds) : undefined; // Latchkey writes no dates there
}
