import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Latchkey, LatchkeyError } from "../dist/index.js";
import { failure, json, problem, serving } from "./serving.mjs";

/** How often the service was asked until the call ended, and how it ended. */
async function asked(answer, call, config = {}) {
  let count = 0;
  let outcome;
  const begin = performance.now();
  await serving(
    (request, response) => answer(response, ++count, request),
    async (baseUrl) => {
      outcome = await call(new Latchkey({ baseUrl, ...config })).catch((error) => error);
    },
  );
  return { count, outcome, ms: performance.now() - begin };
}

const me = (latchkey) => latchkey.accountGet();
const fine = (response) => json(response, { handle: "ada" });

test("what reads is asked again where there was no answer, or only a part of one", async () => {
  const failing = {
    "cut off": (response) => response.destroy(),
    "cut off in the middle": (response) => {
      response.writeHead(200, { "Content-Type": "application/json", "Content-Length": "100" });
      response.write('{"handle":"a', () => response.destroy());
    },
    "503 without Retry-After": (response) => problem(response, 503, "overloaded"),
    "503 of a proxy": (response) => response.writeHead(503, { "Content-Type": "text/html" }).end("<h1>"),
  };
  for (const [name, fail] of Object.entries(failing)) {
    const healed = await asked((response, n) => (n < 3 ? fail(response) : fine(response)), me);
    assert.deepEqual([healed.count, healed.outcome.handle], [3, "ada"], name);
  }
  const stayed = await asked((response) => response.destroy(), me);
  assert.deepEqual([stayed.count, stayed.outcome.status], [3, 0]);
});

test("what a refusal says is not asked again", async () => {
  for (const [status, code] of [[400, "request_invalid"], [401, "credential_invalid"], [403, "permission_denied"], [404, "not_found"], [500, "internal"], [502, undefined], [429, "too_many_attempts"]]) {
    const { count, outcome } = await asked((response) => (code ? problem(response, status, code) : response.writeHead(status).end()), me);
    assert.deepEqual([count, outcome.status, outcome.code], [1, status, code]);
  }
});

test("Retry-After is waited for where it is short, and told where it is not", async () => {
  for (const [status, code] of [[429, "too_many_attempts"], [503, "overloaded"]]) {
    const short = await asked((response, n) => (n < 2 ? problem(response, status, code, { "Retry-After": "1" }) : fine(response)), me);
    assert.deepEqual([short.count, short.outcome.handle], [2, "ada"]);
    assert.ok(short.ms >= 990, `asked again after ${short.ms} ms`);
    const long = await asked((response) => problem(response, status, code, { "Retry-After": "60" }), me);
    assert.deepEqual([long.count, long.outcome.retryAfter], [1, 60]);
  }
});

test("between attempts there is full jitter, and no more than two seconds", async (t) => {
  const waits = [];
  const { setTimeout: real } = globalThis;
  t.mock.method(globalThis, "setTimeout", (act, ms) => (act.name === "wake" ? (waits.push(ms), real(act, 0)) : real(act, ms))); // fetch has timers of its own
  for (const chance of [0, 0.5]) {
    t.mock.method(Math, "random", () => chance);
    const latchkey = new Latchkey({ baseUrl: "http://nowhere", timeout: false, retries: { attempts: 7 }, fetch: () => Promise.reject(new TypeError("fetch failed")) });
    await failure(latchkey.accountGet());
  }
  assert.deepEqual(waits, [0, 0, 0, 0, 0, 0, 125, 250, 500, 1000, 1000, 1000]);
});

test("no time is too long for a timer", async () => {
  for (const timeout of [Infinity, 1e10]) assert.equal((await asked((response) => setTimeout(fine, 20, response), me, { timeout })).outcome.handle, "ada");
});

test("retries can be set, and turned off", async () => {
  for (const [retries, want] of [[false, 1], [{ attempts: 1 }, 1], [{ attempts: 2 }, 2], [{ within: 0 }, 1]]) {
    assert.equal((await asked((response) => problem(response, 503, "overloaded", {}), me, { retries })).count, want, JSON.stringify(retries));
  }
});

// Every operation is here: a new one is not repeated until somebody has thought about it.
test("nothing is repeated that could be done twice", async () => {
  const contract = readFileSync(new URL("../../../openapi.yaml", import.meta.url), "utf8");
  const reads = new Set([...contract.matchAll(/^ {4}get:\n {6}operationId: (\w+)$/gm)].map(([, id]) => id[0].toLowerCase() + id.slice(1)));
  const repeated = new Set(["accessKeyDelete", "adminAccessKeyDelete", "accessKeyPreviousSecretDelete", "accessKeyRevokeAll", "accountAddRole", "accountRemoveRole", "accountSuspend", "accountRestore", "accountPasswordReset", "accessKeyExplain", "tokenIntrospect", "accessKeyReport"]);
  let count = 0;
  const latchkey = new Latchkey({ baseUrl: "http://nowhere", retries: { attempts: 2 }, fetch: () => { count++; throw new TypeError("fetch failed"); } });
  const methods = Object.getOwnPropertyNames(Latchkey.prototype).filter((name) => contract.includes(`operationId: ${name[0].toUpperCase()}${name.slice(1)}\n`));
  assert.ok(methods.length > 50);
  await Promise.all(methods.map(async (name) => {
    let count = 0;
    const latchkey = new Latchkey({ baseUrl: "http://nowhere", retries: { attempts: 2 }, fetch: () => { count++; throw new TypeError("fetch failed"); } });
    const path = ["a", "b"].slice(0, name === "accountAddRole" || name === "accountRemoveRole" ? 2 : 1);
    await failure(latchkey[name](...path, {}));
    assert.equal(count, reads.has(name) || repeated.has(name) ? 2 : 1, name);
  }));
  for (const [call, want] of [
    [() => latchkey.accessKeyVerify({ key: "k" }), 1],
    [() => latchkey.accessKeyVerify({ key: "k", record: true }), 1],
    [() => latchkey.accessKeyVerify({ key: "k", record: false }), 2],
    [() => latchkey.accessKeyVerifyBatch({ questions: [{ key: "k", record: false }, { key: "k" }] }), 1],
    [() => latchkey.accessKeyVerifyBatch({ questions: [{ key: "k", record: false }] }), 2],
    [() => latchkey.accountCreditsAdd("a", { type: "grant", amount: 5 }), 1],
    [() => latchkey.accountCreditsAdd("a", { type: "grant", amount: 5, idempotency_key: "" }), 1],
    [() => latchkey.accountCreditsAdd("a", { type: "grant", amount: 5, idempotency_key: "i" }), 2],
    [() => latchkey.accessKeyCreate({ name: "n" }), 1],
  ]) {
    count = 0;
    await failure(call());
    assert.equal(count, want, String(call));
  }
});

test("a body is sent whole each time", async () => {
  const bodies = [];
  await asked(
    (response, n, request) => {
      let body = "";
      request.on("data", (chunk) => (body += chunk)).on("end", () => bodies.push(body) && (n < 3 ? response.destroy() : json(response, {})));
    },
    (latchkey) => latchkey.accountCreditsAdd("a", { type: "grant", amount: 5, idempotency_key: "i" }),
  );
  assert.deepEqual(bodies, Array(3).fill('{"type":"grant","amount":5,"idempotency_key":"i"}'));
});

test("a time-out bounds the call with all its attempts", async () => {
  const silent = await asked(() => {}, me, { timeout: 100 });
  assert.ok(silent.outcome instanceof LatchkeyError && silent.outcome.status === 0 && silent.outcome.detail.includes("100 ms"), String(silent.outcome));
  assert.ok(silent.count === 1 && silent.ms < 1500, `${silent.count} times, ${silent.ms} ms`);
  const ofCall = await asked(() => {}, (latchkey) => latchkey.accountGet({ timeout: 50 }), { timeout: false });
  assert.ok(ofCall.outcome.detail.includes("50 ms"), String(ofCall.outcome));
  const half = await asked((response) => response.writeHead(200, { "Content-Type": "application/json" }).write("{"), me, { timeout: 100 });
  assert.ok(half.outcome.detail.includes("100 ms"), String(half.outcome));
  const waiting = await asked((response) => problem(response, 503, "overloaded", { "Retry-After": "5" }), me, { timeout: 200 });
  assert.ok(waiting.count === 1 && waiting.ms < 1500 && waiting.outcome.detail.includes("200 ms"), String(waiting.outcome));
});

test("who gives up gets their own reason, whatever the call is doing", async () => {
  const mine = new Error("enough");
  const doing = {
    "nothing yet": [() => {}, AbortSignal.abort(mine)],
    "waiting for an answer": [() => {}],
    "reading half an answer": [(response) => response.writeHead(200, { "Content-Type": "application/json" }).write("{")],
    "waiting to try again": [(response) => problem(response, 503, "overloaded", { "Retry-After": "5" })],
  };
  for (const [name, [answer, aborted]] of Object.entries(doing)) {
    for (const timeout of [false, 5000]) {
      const stop = new AbortController();
      setTimeout(() => stop.abort(mine), 80);
      const { outcome, ms } = await asked(answer, (latchkey) => latchkey.accountGet({ signal: aborted ?? stop.signal }), { timeout });
      assert.equal(outcome, mine, name);
      assert.ok(ms < 1500, `${name}: ${ms} ms`);
    }
  }
  const { outcome } = await asked(() => {}, (latchkey) => latchkey.accountGet({ signal: AbortSignal.timeout(50) }));
  assert.equal(outcome.name, "TimeoutError");
});

test("what a newer service says besides is taken as it is", async () => {
  const { outcome } = await asked((response) => json(response, { handle: "ada", shoe_size: 41, roles: [{ id: "r", mood: "good" }] }), me);
  assert.deepEqual(outcome, { handle: "ada", shoe_size: 41, roles: [{ id: "r", mood: "good" }] });
  const refused = await asked((response) => problem(response, 418, "teapot_busy", {}, { colour: "white", metadata: { cups: 2 } }), me);
  assert.deepEqual([refused.outcome.status, refused.outcome.code, refused.outcome.metadata], [418, "teapot_busy", { cups: 2 }]);
});

test("a wrong address is a mistake, not a service that is away", async () => {
  for (const baseUrl of ["", "keys.example.com", "https://keys .example.com"]) await assert.rejects(new Latchkey({ baseUrl }).accountGet(), TypeError);
});
