// For Express 4 and 5, and what else has its requests and responses. Needs none of its types.
import { gather } from "./gather.js";
import { decide, type Protection, type Verdict, type Verifier } from "./verdict.js";

export type { Allowed, Protection, Question, Refused, Verdict, Verifier } from "./verdict.js";

/** What is looked at in a request of Express. */
export interface ExpressRequest {
  method: string;
  originalUrl: string;
  rawHeaders: string[];
  ip?: string | undefined;
}

/** What is used of a response of Express. */
export interface ExpressResponse {
  locals: Record<string, any>;
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(body: string): unknown;
}

/**
 * Middleware that lets a request pass if its access key may make it, with the verdict in `res.locals.latchkey`; otherwise it answers. It
 * judges the method and the URL as they came, wherever it is mounted, so put it before whatever rewrites them. Express takes /Media for
 * /media where Latchkey does not: enable "case sensitive routing".
 */
export function protect<R extends ExpressRequest = ExpressRequest>(client: Verifier, options: Protection<R> = {}) {
  const gathered = gather(client);
  return (req: R, res: ExpressResponse, next: (error?: any) => void): void => {
    const { method, originalUrl: path, ip: address } = req;
    decide(gathered, options, { request: req, method, path, address, authorization: authorization(req.rawHeaders) })
      .then((verdict) => settle(verdict, res, next))
      .catch((error) => next(error ?? new Error("The request was not judged.")));
  };
}

function settle(verdict: Verdict, res: ExpressResponse, next: () => void) {
  res.locals["latchkey"] = verdict;
  for (const [name, value] of Object.entries(verdict.headers)) res.setHeader(name, value);
  if (verdict.valid) return next();
  res.statusCode = verdict.status;
  res.end(JSON.stringify(verdict.problem));
}

/** Node's own list of headers drops all values but the first. */
function authorization(raw: readonly string[]): string[] {
  return raw.filter((_, i) => i % 2 === 1 && raw[i - 1]!.toLowerCase() === "authorization");
}
