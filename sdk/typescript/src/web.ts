// For whatever gets a web-standard Request: edge runtimes, Hono, Next.js, SvelteKit, Deno, Bun.
import { decide, type Protection, type Refused, type Verdict, type Verifier } from "./verdict.js";

export type { Allowed, Protection, Question, Refused, Verdict, Verifier } from "./verdict.js";

/**
 * Gives what judges requests by the access key in their Authorization. Never fails: if Latchkey is away, the verdict is a refusal. A verdict
 * counts for its request alone; who keeps it gives the promise of revocation away.
 */
export function verifyRequest(client: Verifier, options: Protection<Request> = {}): (request: Request) => Promise<Verdict> {
  return async (request) => {
    const authorization = request.headers.get("Authorization");
    return decide(client, options, { request, method: request.method, path: new URL(request.url).pathname, authorization: authorization === null ? [] : [authorization] });
  };
}

/** The answer to a request that must not pass. */
export function refuse({ status, headers, problem }: Refused): Response {
  return new Response(JSON.stringify(problem), { status, headers });
}
