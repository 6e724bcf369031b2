import { foreign, LatchkeyError, mediaType, refusal, unreachable } from "./error.js";

export type Fetch = (request: Request) => Promise<Response>;

/** How long a call may take, and how often it is made again. */
export interface Patience {
  /** Milliseconds for a call with all its attempts and waits; false: as long as it takes. Default: 30 000; the service gives a request 8 000. */
  timeout?: number | false | undefined;
  /**
   * Calls that are safe to repeat are made again where there was no answer, at 503, and at 429 with a Retry-After; false: never.
   * `attempts` counts the first one too (default 3); `within` is the milliseconds in which the last one must begin (default 10 000),
   * so that a longer Retry-After is not waited for.
   */
  retries?: false | { attempts?: number; within?: number } | undefined;
}

// Of what changes something, these may be repeated after an answer that was lost: openapi.yaml says of each that repeating
// it is fine, or it leaves things as the first call left them, and answers the same. Creating, regenerating, setting up and changing the own
// password would be done twice; what is deleted, signed out or revoked by its own key would answer 404 or 401 as if it had never been;
// what replaces a value might undo what somebody else has changed meanwhile.
const repeatable = new Set([
  "DELETE /api/auth/access-keys/{access_key_id}",
  "DELETE /api/admin/access-keys/{access_key_id}",
  "DELETE /api/auth/access-keys/{access_key_id}/previous-secret",
  "PUT /api/accounts/{handle}/roles/{role_id}",
  "DELETE /api/accounts/{handle}/roles/{role_id}",
  "PUT /api/admin/accounts/{account_id}/password", // its holder does not have it yet, and so cannot have changed it
  "POST /api/admin/accounts/{account_id}/suspend",
  "POST /api/admin/accounts/{account_id}/restore",
  "POST /api/auth/access-keys/{access_key_id}/explain", // spends nothing
  "POST /oauth/introspect", // spends nothing
  "POST /api/access-keys/report",
  "POST /api/auth/access-keys/revoke-all",
]);

/** Whether a call may be made again though the first may have been carried out. */
function safeToRepeat({ method, body }: RequestInit, path: string): boolean {
  const operation = `${method} ${path}`;
  if (operation === "POST /api/access-keys/verify") return JSON.parse(body as string).record === false; // any other spends
  if (operation === "POST /api/access-keys/verify/batch") return JSON.parse(body as string).questions?.every((question: { record?: boolean }) => question.record === false) ?? false;
  if (operation === "POST /api/admin/accounts/{account_id}/credits") return !!JSON.parse(body as string).idempotency_key;
  return method === "GET" || repeatable.has(operation);
}

/** What a Request is made of. Making one costs as much as half a call, and each attempt needs its own. */
export class Draft {
  constructor(
    readonly url: string,
    readonly init: RequestInit & Pick<Patience, "timeout">,
  ) {}
}

/**
 * Gets the whole answer that is none of a refusal, or throws: a LatchkeyError, or the reason of the signal. `fetch` is undefined for the
 * global one.
 */
export async function send({ url, init: { timeout: ofCall, signal, ...init } }: Draft, path: string, fetch: Fetch | undefined, { timeout = 30_000, retries = {} }: Patience): Promise<Response> {
  new URL(url, globalThis.location?.href); // or a wrong address would look like a service that is away
  const { attempts = 3, within = 10_000 } = retries || { attempts: 1 };
  const most = attempts > 1 && safeToRepeat(init, path) ? attempts : 1;
  const latest = Date.now() + within;
  const time = bounded(signal ?? undefined, ofCall ?? timeout);
  const request = time.signal ? { ...init, signal: time.signal } : init;
  try {
    for (let attempt = 1; ; attempt++) {
      time.signal?.throwIfAborted();
      try {
        return await once(() => (fetch ? fetch(new Request(url, request)) : globalThis.fetch(url, request)));
      } catch (error) {
        time.signal?.throwIfAborted();
        const wait = attempt < most ? pause(error, attempt) : undefined;
        if (wait === undefined || Date.now() + wait > latest) throw error;
        await sleep(wait, time.signal);
      }
    }
  } finally {
    time.forget();
  }
}

/** Half an answer is none: the body is read before anybody acts on it. */
async function once(ask: () => Promise<Response>): Promise<Response> {
  let response: Response;
  try {
    const answer = await ask();
    const body = await answer.arrayBuffer();
    const { status, statusText, headers } = answer;
    // A browser hides where a redirect leads, and its status.
    response = new Response(body.byteLength > 0 ? body : null, { status: status || 302, statusText, headers });
  } catch (error) {
    throw error instanceof DOMException && error.name === "AbortError" ? error : unreachable();
  }
  if (!response.ok) throw await refusal(response);
  if (response.status !== 204 && mediaType(response) !== "application/json") throw foreign(response);
  return response;
}

/** Milliseconds to wait before the next attempt, with full jitter; undefined: there is none. */
function pause(error: unknown, attempt: number): number | undefined {
  if (!(error instanceof LatchkeyError)) return undefined;
  const { status, retryAfter } = error;
  if (status !== 0 && status !== 503 && (status !== 429 || retryAfter === undefined)) return undefined;
  return (retryAfter ?? 0) * 1000 + Math.random() * Math.min(2000, 125 * 2 ** attempt);
}

const longest = 2 ** 31 - 1; // what is longer, a timer takes for nothing

/** As AbortSignal.any with AbortSignal.timeout, which would keep a timer for each call long after its end. */
function bounded(signal: AbortSignal | undefined, timeout: number | false): { signal: AbortSignal | undefined; forget(): void } {
  if (timeout === false) return { signal, forget() {} };
  const stop = new AbortController();
  const abort = () => stop.abort(signal?.reason);
  const timer = setTimeout(() => stop.abort(late(timeout)), Math.min(timeout, longest));
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort);
  return {
    signal: stop.signal,
    forget() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    },
  };
}

function late(timeout: number): LatchkeyError {
  return new LatchkeyError(0, undefined, `The service has not answered within ${timeout} ms.`, "Try again, or allow more time. Whether it was done is not known.");
}

/** Ends at once where the signal does. */
function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, Math.min(ms, longest));
    signal?.addEventListener("abort", wake);
  });
}
