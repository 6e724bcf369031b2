// What a request to an API that Latchkey protects is answered: the same for every framework. Only a verdict that is understood, and says
// so, lets a request through; whatever goes wrong is a refusal.
import { LatchkeyError, type ErrorCode } from "./error.js";
import type { Body, Options, Schema } from "./latchkey.js";

/** What verifies: a Latchkey with a key that holds VERIFY_ACCESS_KEYS. */
export interface Verifier {
  accessKeyVerify(body: Body<"AccessKeyVerify">, options?: Options): Promise<Schema<"VerifyResult">>;
  /** Where it is there, requests that come faster than answers are asked about together. */
  accessKeyVerifyBatch?(body: Body<"AccessKeyVerifyBatch">, options?: Options): Promise<Schema<"AccessKeyVerifyBatchResult">>;
}

/** What is asked about a key. */
export type Question = Omit<Body<"AccessKeyVerify">, "key">;

/** How an API is protected. */
export interface Protection<R> {
  /**
   * What to ask about a request. Default: its method and path, for which `line` is ready; `{}` asks only whether the key is usable.
   * A request whose question cannot be made is refused.
   */
  ask?: Question | ((request: R, line: Schema<"RequestLine">) => Question | Promise<Question>);
  /** Milliseconds to wait for Latchkey. Default: 3 000; it gives its database two seconds. */
  timeout?: number;
  /** Told why a request was refused that Latchkey has not judged. Never holds the key. */
  onError?: (error: unknown) => void;
}

/** The request may pass. */
export interface Allowed extends Schema<"VerifyResult"> {
  valid: true;
  key: Schema<"VerifiedKey">;
  account: Schema<"VerifiedAccount">;
  /** For the answer to the client: what is left of a limit, and whether the key expires soon. */
  headers: Readonly<Record<string, string>>;
}

/** The request must not pass. */
export interface Refused {
  valid: false;
  /** To answer the client with: 400, 401, 402, 403, 429 or 503. */
  status: number;
  /** To answer the client with, `application/problem+json`. Of keys that are not usable it says the same, whatever the reason. */
  problem: Schema<"Problem">;
  headers: Readonly<Record<string, string>>;
  /** What Latchkey said, which is more than the client may know; absent where it was not asked, or did not answer. */
  result?: Schema<"VerifyResult">;
}

export type Verdict = Allowed | Refused;

/** A request as every framework has it. */
export interface Incoming<R> {
  request: R;
  /** Every value of Authorization; two that were joined have a comma. */
  authorization: readonly string[];
  method: string;
  /** As it came; the query is cut off here. */
  path: string;
  /** Of the client, where it is known. */
  address?: string | undefined;
}

/** Never fails: what goes wrong is a refusal. */
export async function decide<R>(client: Verifier, { ask, timeout = 3000, onError }: Protection<R>, incoming: Incoming<R>): Promise<Verdict> {
  const key = bearer(incoming.authorization);
  if (typeof key !== "string") return key;
  try {
    const { request, method, path, address } = incoming;
    const line = { method, path: path.split(/[?#]/, 1)[0]! };
    const question = ask === undefined ? { request: line } : typeof ask === "function" ? await ask(request, line) : ask;
    if (!question) throw new Error("ask gives no question."); // which would ask for less than was meant
    const body = { ...(address && /^[0-9A-Fa-f:.]{2,45}$/.test(address) && { address }), ...question, key };
    return judged(await client.accessKeyVerify(body, { timeout }));
  } catch (error) {
    try {
      onError?.(error);
    } catch {
      // who listens badly changes no verdict
    }
    return unjudged(error);
  }
}

const maxKey = 8192; // of the contract

/** The key of a request; never looked for anywhere else, as addresses are logged. */
function bearer(values: readonly string[]): string | Refused {
  const [value = ""] = values;
  if (values.length > 1 || value.includes(",")) {
    return refused(400, "credentials_ambiguous", "The request carries more than one credential", "Send one Authorization header.", { challenge: ', error="invalid_request"' });
  }
  const [, key = ""] = /^bearer +(.*)$/i.exec(value) ?? [];
  if (key === "") return refused(401, "credential_required", "This needs an access key", "Send an access key as Authorization: Bearer.", { challenge: "" });
  return key.length > maxKey ? unusable() : key;
}

function unusable(): Refused {
  return refused(401, "credential_invalid", "The credential cannot be used", "Use another access key.", { challenge: ', error="invalid_token"' });
}

function judged(result: Schema<"VerifyResult">): Verdict {
  const { valid, code, status, key, account, quota, credits, required, denied_by } = result;
  const headers = quota ? rateLimit(quota) : {};
  if (valid === true && code === "VALID" && key && account) return { ...result, valid, key, account, headers: { ...headers, ...expires(key) } };
  if (valid !== false) throw new Error("Latchkey gave an answer that is no verdict."); // a newer one, or something else
  switch (status) {
    case 401:
      return { ...unusable(), result };
    case 402:
      return refused(402, "insufficient_credits", "There are not enough credits", "Ask an administrator for credits.", { headers, metadata: { ...credits }, result });
    case 429: {
      const { class: kind, scope, limit, used, resets_at } = quota ?? {};
      return refused(429, "quota_exceeded", "The limit is used up", "Wait for the seconds in Retry-After, or ask an administrator for a higher limit.", {
        headers: { ...headers, "Retry-After": `${quota ? Math.max(1, secondsUntil(resets_at) ?? 86_400) : 1}` }, // only a higher limit helps where it is for life
        metadata: quota ? { class: kind, scope, limit, used, ...(resets_at !== undefined && { resets_at }) } : {},
        result,
      });
    }
  }
  const mayUseKeys = code !== "KEY_USE_NOT_PERMITTED";
  const permission = mayUseKeys ? required : "USE_PERSONAL_ACCESS_KEYS";
  return refused(403, "permission_denied", "You are not authorized", "Use a key with the permission that metadata names, or ask an administrator for a role that gives it.", {
    challenge: `, error="insufficient_scope"${permission && /^[A-Za-z0-9_:*-]+$/.test(permission) ? `, scope="${permission}"` : ""}`,
    headers,
    metadata: { ...(permission !== undefined && { permission }), ...(mayUseKeys && denied_by !== undefined && { denied_by }) },
    result,
  });
}

/** Latchkey has not said whether the key is good: nobody gets in. */
function unjudged(error: unknown): Refused {
  const from = error instanceof LatchkeyError ? error : undefined;
  if (from?.status === 400 || from?.status === 413) {
    return refused(403, "permission_denied", "The request cannot be judged", "Use a plain path, without dot segments, // or encoded slashes, and a usual method.", { challenge: ', error="insufficient_scope"' });
  }
  const headers = { "Retry-After": `${Math.max(1, from?.retryAfter ?? 1)}` };
  const traceId = from?.traceId !== undefined && /^[0-9a-f]{32}$/.test(from.traceId) ? from.traceId : undefined;
  return refused(503, "verification_unavailable", "It cannot be said now whether the key is good", "Try again after the seconds in Retry-After.", { headers, traceId });
}

interface More {
  /** Of WWW-Authenticate behind the realm (RFC 6750 section 3); undefined: there is no such header. */
  challenge?: string;
  headers?: Record<string, string>;
  metadata?: Record<string, unknown>;
  traceId?: string | undefined;
  result?: Schema<"VerifyResult">;
}

function refused(status: number, error: ErrorCode, title: string, suggested: string, { challenge, headers, metadata = {}, traceId = newTrace(), result }: More): Refused {
  return {
    valid: false,
    status,
    headers: {
      "Content-Type": "application/problem+json",
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
      ...(challenge !== undefined && { "WWW-Authenticate": `Bearer realm="latchkey"${challenge}` }),
      ...headers,
    },
    problem: { type: `urn:latchkey:problem:${error}`, title, status, detail: `${title}.`, trace_id: traceId, metadata, error, message: title, suggested },
    ...(result && { result }),
  };
}

function newTrace(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** As draft-ietf-httpapi-ratelimit-headers-11 has it. */
function rateLimit({ class: kind, limit, remaining, resets_at, window_seconds: window }: Schema<"VerifiedQuota">): Record<string, string> {
  const left = secondsUntil(resets_at);
  return { "RateLimit-Policy": `"${kind}";q=${limit}${window === undefined ? "" : `;w=${window}`}`, RateLimit: `"${kind}";r=${remaining}${left === undefined ? "" : `;t=${left}`}` };
}

const soon = 14 * 24 * 3600;

function expires({ expires_at }: Schema<"VerifiedKey">): Record<string, string> {
  return expires_at !== undefined && (secondsUntil(expires_at) ?? Infinity) <= soon ? { "Latchkey-Key-Expires": expires_at } : {};
}

function secondsUntil(moment: string | undefined): number | undefined {
  const ms = Date.parse(moment ?? "") - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, Math.ceil(ms / 1000));
}
