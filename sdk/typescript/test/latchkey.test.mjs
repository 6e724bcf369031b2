import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Latchkey } from "../dist/index.js";
import { iterators } from "./iterators.mjs";
import { failure, serving } from "./serving.mjs";

test("there is one method for each operation, named as there", () => {
  const contract = readFileSync(new URL("../../../openapi.yaml", import.meta.url), "utf8");
  const operations = [...contract.matchAll(/^ {6}operationId: (\w+)$/gm)].map(([, id]) => id[0].toLowerCase() + id.slice(1));
  const methods = Object.getOwnPropertyNames(Latchkey.prototype).filter((name) => name !== "constructor" && !(name in iterators));
  assert.ok(operations.length > 50);
  // What a gateway asks has no place in a client.
  assert.deepEqual(methods.toSorted(), operations.filter((id) => id !== "forwardAuth").toSorted());
});

test("a call sends what it was given and gives what was answered", async () => {
  const seen = [];
  await serving(
    (request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += chunk));
      request.on("end", () => {
        seen.push([request.method, request.url, request.headers.authorization, request.headers["if-match"], request.headers["content-type"], body]);
        if (request.method === "DELETE") response.writeHead(204, { "Latchkey-Revision": "7.1" }).end();
        else response.writeHead(200, { "Content-Type": "application/json" }).end('{"name":"b"}');
      });
    },
    async (baseUrl) => {
      const latchkey = new Latchkey({ baseUrl, key: "lkpat_x" });
      assert.deepEqual(await latchkey.accessKeyUpdate("a/b", { name: "b" }, { ifVersion: 3 }), { name: "b" });
      assert.equal(await latchkey.accessKeyDelete("k"), "7.1");
      await latchkey.accessKeyList({ search: "a b&c", revoked: false });
      await latchkey.tokenIntrospect({ token: "a&b=c" });
    },
  );
  assert.deepEqual(seen, [
    ["PATCH", "/api/auth/access-keys/a%2Fb", "Bearer lkpat_x", '"3"', "application/json", '{"name":"b"}'],
    ["DELETE", "/api/auth/access-keys/k", "Bearer lkpat_x", undefined, undefined, ""],
    ["GET", "/api/auth/access-keys?search=a%20b%26c&revoked=false", "Bearer lkpat_x", undefined, undefined, ""],
    ["POST", "/oauth/introspect", "Bearer lkpat_x", undefined, "application/x-www-form-urlencoded", "token=a%26b%3Dc"],
  ]);
});

test("a refusal is an error with the contract's code", async () => {
  const problem = { type: "urn:latchkey:problem:overloaded", title: "t", status: 503, detail: "Too much.", trace_id: "0af7651916cd43dd8448eb211c80319c", metadata: { a: 1 }, error: "overloaded", message: "t", suggested: "Wait." };
  await serving(
    (_, response) => response.writeHead(503, { "Content-Type": "application/problem+json; charset=utf-8", "Retry-After": "2" }).end(JSON.stringify(problem)),
    async (baseUrl) => {
      const e = await failure(new Latchkey({ baseUrl, retries: false }).accountGet());
      assert.deepEqual([e.status, e.code, e.detail, e.suggested, e.traceId, e.metadata, e.retryAfter], [503, "overloaded", "Too much.", "Wait.", problem.trace_id, { a: 1 }, 2]);
    },
  );
});

test("what is no answer of Latchkey is told as that, and not repeated", async () => {
  const answers = {
    "html of a proxy": [502, "text/html", "<h1>secret</h1>"],
    "success of a proxy": [200, "text/html", "<h1>secret</h1>"],
    "broken problem": [500, "application/problem+json", '{"error": "secret'],
    "problem of something else": [404, "application/problem+json", '{"title": "secret"}'],
    "half an answer": [200, "application/json", '{"secret": "secr'],
  };
  for (const [name, [status, type, body]] of Object.entries(answers)) {
    await serving(
      (_, response) => response.writeHead(status, { "Content-Type": type }).end(body),
      async (baseUrl) => {
        const e = await failure(new Latchkey({ baseUrl }).accountGet());
        assert.equal(e.code, undefined, name);
        assert.ok(!e.message.includes("secr"), `${name}: ${e.message}`);
        assert.ok(e.suggested, name);
      },
    );
  }
});

test("a redirect is not followed", async () => {
  let asked = 0;
  await serving(
    (_, response) => {
      asked++;
      response.writeHead(302, { Location: "/elsewhere" }).end();
    },
    async (baseUrl) => assert.equal((await failure(new Latchkey({ baseUrl, key: "lkpat_x" }).accountGet())).status, 302),
  );
  assert.equal(asked, 1);
});

test("where nobody answers, that is said; who gives up gets their own reason", async () => {
  let address;
  await serving(() => {}, async (baseUrl) => {
    address = baseUrl;
    const stop = new AbortController();
    const call = new Latchkey({ baseUrl }).accountGet({ signal: stop.signal });
    stop.abort();
    await assert.rejects(call, { name: "AbortError" });
  });
  assert.equal((await failure(new Latchkey({ baseUrl: address }).accountGet())).status, 0);
});
