import assert from "node:assert/strict";
import { test } from "node:test";

import { Latchkey, LatchkeyError } from "../dist/index.js";
import { protect } from "../dist/express.js";
import { refuse, verifyRequest } from "../dist/web.js";

const good = { valid: true, code: "VALID", status: 200, key: { id: "k", name: "n" }, account: { id: "a", handle: "ada", kind: "member" } };
const now = Date.parse("2026-01-01T00:00:00Z");
const secret = "lkpat_secretsecretsecret";

/** What a request gets where Latchkey answers `result`, or fails with it; and what Latchkey was asked. */
async function judged(result, { headers = { Authorization: `Bearer ${secret}` }, method = "GET", url = "https://api.example/media/7?key=lkpat_url", ...options } = {}) {
  const asked = [];
  const client = { accessKeyVerify: async (body) => (asked.push(body), result instanceof Error ? Promise.reject(result) : result) };
  const verdict = await verifyRequest(client, options)(new Request(url, { method, headers }));
  const answer = verdict.valid ? undefined : refuse(verdict);
  const problem = await answer?.json();
  assert.ok(!JSON.stringify([verdict, problem, [...(answer?.headers ?? [])]]).includes("lkpat_"), "the key is told");
  return { verdict, asked, answer, problem };
}

test("a good key passes, and the request itself is asked about, without its query", async (t) => {
  t.mock.method(Date, "now", () => now);
  const { verdict, asked } = await judged({ ...good, quota: { class: "query", scope: "key", limit: 20, used: 3, remaining: 17, resets_at: new Date(now + 60_000).toISOString(), window_seconds: 86_400 } });
  assert.ok(verdict.valid);
  assert.equal(verdict.account.handle, "ada");
  assert.deepEqual(asked, [{ key: secret, request: { method: "GET", path: "/media/7" } }]);
  assert.deepEqual(verdict.headers, { "RateLimit-Policy": '"query";q=20;w=86400', RateLimit: '"query";r=17;t=60' });
  const end = new Date(now + 86_400_000).toISOString();
  assert.deepEqual((await judged({ ...good, key: { ...good.key, expires_at: end } })).verdict.headers, { "Latchkey-Key-Expires": end });
  assert.deepEqual((await judged({ ...good, key: { ...good.key, expires_at: "2999-01-01T00:00:00Z" } })).verdict.headers, {});
});

test("what is asked can be chosen", async () => {
  assert.deepEqual((await judged(good, { ask: { permission: "CREATE_POST" } })).asked, [{ key: secret, permission: "CREATE_POST" }]);
  assert.deepEqual((await judged(good, { ask: {} })).asked, [{ key: secret }]);
  const ask = async (request, line) => ({ request: line, cost: 5, address: request.headers.get("X-Real-IP") });
  assert.deepEqual((await judged(good, { ask, headers: { Authorization: `bearer  ${secret}`, "X-Real-IP": "192.0.2.7" } })).asked, [{ key: secret, request: { method: "GET", path: "/media/7" }, cost: 5, address: "192.0.2.7" }]);
});

test("each refusal is answered as the contract says", async (t) => {
  t.mock.method(Date, "now", () => now);
  const resets_at = new Date(now + 90_000).toISOString();
  const quota = { class: "mutation", scope: "account", limit: 5, used: 5, remaining: 0, resets_at };
  const realm = 'Bearer realm="latchkey"';
  const no = (code, status, more = {}) => ({ valid: false, code, status, message: "m", ...more });
  for (const [result, status, error, headers, metadata = {}] of [
    ...["MALFORMED", "NOT_FOUND", "REVOKED", "DISABLED", "EXPIRED", "ACCOUNT_SUSPENDED", "STOLEN_IN_2031"].map((code) => [no(code, 401), 401, "credential_invalid", { "www-authenticate": `${realm}, error="invalid_token"` }]),
    [no("INSUFFICIENT_PERMISSIONS", 403, { required: "media:read", denied_by: "key" }), 403, "permission_denied", { "www-authenticate": `${realm}, error="insufficient_scope", scope="media:read"` }, { permission: "media:read", denied_by: "key" }],
    [no("INSUFFICIENT_PERMISSIONS", 403, { required: 'a"\r\nb' }), 403, "permission_denied", { "www-authenticate": `${realm}, error="insufficient_scope"` }, { permission: 'a"\r\nb' }],
    [no("KEY_USE_NOT_PERMITTED", 403, { denied_by: "owner" }), 403, "permission_denied", { "www-authenticate": `${realm}, error="insufficient_scope", scope="USE_PERSONAL_ACCESS_KEYS"` }, { permission: "USE_PERSONAL_ACCESS_KEYS" }],
    [no("QUOTA_EXCEEDED", 429, { quota }), 429, "quota_exceeded", { "retry-after": "90", "ratelimit-policy": '"mutation";q=5', ratelimit: '"mutation";r=0;t=90' }, { class: "mutation", scope: "account", limit: 5, used: 5, resets_at }],
    [no("QUOTA_EXCEEDED", 429, { quota: { ...quota, resets_at: undefined } }), 429, "quota_exceeded", { "retry-after": "86400", "ratelimit-policy": '"mutation";q=5', ratelimit: '"mutation";r=0' }, { class: "mutation", scope: "account", limit: 5, used: 5 }],
    [no("RATE_LIMITED", 429), 429, "quota_exceeded", { "retry-after": "1" }],
    [no("INSUFFICIENT_CREDITS", 402, { credits: { required: 25, balance: 3 } }), 402, "insufficient_credits", {}, { required: 25, balance: 3 }],
    [no("NOT_ON_SUNDAYS", 451), 403, "permission_denied", { "www-authenticate": `${realm}, error="insufficient_scope"` }],
    [no("VALID", 200), 403, "permission_denied", { "www-authenticate": `${realm}, error="insufficient_scope"` }],
    [new LatchkeyError(503, "verification_unavailable", "d", "s", "0af7651916cd43dd8448eb211c80319c", {}, 7), 503, "verification_unavailable", { "retry-after": "7" }],
    [new LatchkeyError(0, undefined, "d", "s"), 503, "verification_unavailable", { "retry-after": "1" }],
    [new LatchkeyError(401, "credential_invalid", "The own key is bad.", "s"), 503, "verification_unavailable", { "retry-after": "1" }],
    [new LatchkeyError(400, "request_invalid", "The path.", "s"), 403, "permission_denied", { "www-authenticate": `${realm}, error="insufficient_scope"` }],
  ]) {
    const name = `${result.code} ${result.status}`;
    const { verdict, answer, problem } = await judged(result);
    assert.equal(answer.status, status, name);
    assert.deepEqual(Object.fromEntries(answer.headers), { "cache-control": "no-store", "content-type": "application/problem+json", "x-content-type-options": "nosniff", ...headers }, name);
    assert.deepEqual([problem.type, problem.status, problem.error, problem.metadata], [`urn:latchkey:problem:${error}`, status, error, metadata], name);
    assert.match(problem.trace_id, /^[0-9a-f]{32}$/);
    assert.ok(problem.title && problem.detail && problem.message && problem.suggested);
    assert.equal(verdict.result, result instanceof Error ? undefined : result);
  }
});

test("whoever runs the API learns why nobody is let in, and what is no verdict lets nobody in", async () => {
  const { key: _, ...keyless } = good;
  for (const result of [new Error("x"), null, {}, [], "VALID", { valid: "true" }, { ...good, valid: 1 }, { ...good, code: "SURE" }, keyless]) {
    const told = [];
    const { answer } = await judged(result, { onError: (error) => { told.push(error); throw new Error("badly heard"); } });
    assert.deepEqual([answer.status, told.length], [503, 1], JSON.stringify(result));
  }
  for (const ask of [() => undefined, () => { throw new Error("x"); }]) {
    const { answer, asked } = await judged(good, { ask });
    assert.deepEqual([answer.status, asked], [503, []]);
  }
  const slow = new Latchkey({ baseUrl: "http://nowhere", fetch: ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))) });
  assert.equal((await verifyRequest(slow, { timeout: 30 })(new Request("http://x/", { headers: { Authorization: "Bearer k" } }))).status, 503);
  const unused = new Latchkey({ baseUrl: "http://127.0.0.1:1" });
  assert.equal((await verifyRequest(unused)(new Request("http://x/", { headers: { Authorization: "Bearer k" } }))).status, 503);
});

test("no key, no readable key or two of them are refused without asking", async () => {
  const twice = new Headers([["Authorization", `Bearer ${secret}`], ["Authorization", "Bearer lkpat_other"]]);
  const realm = 'Bearer realm="latchkey"';
  for (const [headers, error, status = 401, challenge = realm] of [
    [{}, "credential_required"],
    [{ Authorization: "" }, "credential_required"],
    [{ Authorization: "Basic bGtwYXQ6" }, "credential_required"],
    [{ Authorization: "Bearer" }, "credential_required"],
    [{ Cookie: "key=lkpat_cookie", "X-API-Key": "lkpat_header" }, "credential_required"],
    [twice, "credentials_ambiguous", 400, `${realm}, error="invalid_request"`],
    [{ Authorization: `Bearer ${secret},` }, "credentials_ambiguous", 400, `${realm}, error="invalid_request"`],
  ]) {
    const { asked, answer, problem } = await judged(good, { headers });
    assert.deepEqual([answer.status, answer.headers.get("WWW-Authenticate"), problem.error, asked], [status, challenge, error, []]);
  }
  const { asked, problem } = await judged(good, { headers: { Authorization: `Bearer ${"x".repeat(8193)}` } });
  assert.deepEqual([problem.error, asked], ["credential_invalid", []]);
});

test("express: Node's first value of two is not taken for the only one", async () => {
  const client = { accessKeyVerify: async () => good };
  const run = (rawHeaders) =>
    new Promise((resolve) => {
      const res = { locals: {}, statusCode: 200, setHeader() {}, end: () => resolve(res) };
      protect(client)({ method: "GET", originalUrl: "/", rawHeaders }, res, () => resolve("passed"));
    });
  assert.equal(await run(["authorization", "Bearer a"]), "passed");
  const res = await run(["Authorization", "Bearer a", "Host", "x", "AUTHORIZATION", "Bearer a"]);
  assert.deepEqual([res.statusCode, res.locals.latchkey.problem.error], [400, "credentials_ambiguous"]);
  assert.equal((await run(["X", "Authorization", "Authorization-2", "Bearer a"])).statusCode, 401);
});
