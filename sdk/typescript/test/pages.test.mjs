import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Latchkey } from "../dist/index.js";
import { iterators } from "./iterators.mjs";
import { failure } from "./serving.mjs";

/** A service with three pages of two items, and what it was asked. */
function paged(member) {
  const asked = [];
  const latchkey = new Latchkey({
    baseUrl: "http://nowhere",
    fetch: async (request) => {
      const query = new URL(request.url).searchParams;
      asked.push(`${query}`);
      const page = Number(query.get("cursor") ?? 0);
      return Response.json({ [member]: [{ id: 2 * page }, { id: 2 * page + 1 }], ...(page < 2 && { next_cursor: `${page + 1}` }) });
    },
  });
  return { latchkey, asked };
}

test("there is an iterator for each operation that has pages", () => {
  const contract = readFileSync(new URL("../../../openapi.yaml", import.meta.url), "utf8");
  const operations = contract.split(/^ {6}operationId: /m).slice(1).filter((text) => text.split(/^ {2}\/|^ {4}(?:get|post|put|patch|delete):/m)[0].includes("parameters/Cursor"));
  assert.deepEqual(operations.map((text) => text.split("\n")[0]).toSorted(), Object.values(iterators).map(([id]) => id).toSorted());
});

test("every item of every page comes once, by its filters", async () => {
  for (const [name, [, member, before]] of Object.entries(iterators)) {
    const { latchkey, asked } = paged(member);
    const ids = [];
    for await (const { id } of latchkey[name](...before, { limit: 2 })) ids.push(id);
    assert.deepEqual(ids, [0, 1, 2, 3, 4, 5], name);
    assert.deepEqual(asked, ["limit=2", "limit=2&cursor=1", "limit=2&cursor=2"], name);
  }
  const { latchkey, asked } = paged("keys");
  for await (const _ of latchkey.accessKeys({ search: "bot", cursor: "1" }));
  assert.deepEqual(asked, ["search=bot&cursor=1", "search=bot&cursor=2"]);
});

test("who has seen enough asks no further", async () => {
  const { latchkey, asked } = paged("keys");
  for await (const { id } of latchkey.accessKeys()) if (id === 2) break;
  assert.equal(asked.length, 2);
  const stop = new AbortController();
  const seen = [];
  await assert.rejects(async () => {
    for await (const { id } of latchkey.accessKeys({}, { signal: stop.signal })) {
      seen.push(id);
      if (id === 2) stop.abort(new Error("enough"));
    }
  }, /^Error: enough$/);
  assert.deepEqual([seen, asked.length], [[0, 1, 2], 4]);
});

test("a refusal ends it, and so does a page that comes again", async () => {
  const again = new Latchkey({ baseUrl: "http://nowhere", fetch: async () => Response.json({ keys: [], next_cursor: "1" }) });
  assert.match((await failure(Array.fromAsync ? Array.fromAsync(again.accessKeys()) : again.accessKeys().next())).detail, /same page/);
  const refused = new Latchkey({ baseUrl: "http://nowhere", fetch: async () => new Response(null, { status: 404 }) });
  assert.equal((await failure(refused.accessKeys().next())).status, 404);
});
