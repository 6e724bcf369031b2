import assert from "node:assert/strict";
import { createServer } from "node:http";

import { LatchkeyError } from "../dist/index.js";

/** Answers each request with what `answer` does with the response, for as long as `use` runs. */
export async function serving(answer, use) {
  const server = createServer(answer);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** The LatchkeyError that a call must end with. */
export async function failure(call) {
  const error = await call.then(
    () => assert.fail("it did not fail"),
    (e) => e,
  );
  assert.ok(error instanceof LatchkeyError, String(error));
  return error;
}

/** A refusal as the service writes it. */
export function problem(response, status, code, headers = {}, more = {}) {
  const body = { type: `urn:latchkey:problem:${code}`, title: "t", status, detail: "d", trace_id: "0af7651916cd43dd8448eb211c80319c", metadata: {}, error: code, message: "t", suggested: "s", ...more };
  response.writeHead(status, { "Content-Type": "application/problem+json", ...headers }).end(JSON.stringify(body));
}

export function json(response, body, headers = {}) {
  response.writeHead(200, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
}
