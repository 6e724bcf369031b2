import assert from "node:assert/strict";
import { test } from "node:test";

import { LatchkeyError } from "../dist/index.js";
import { protect } from "../dist/express.js";
import { verifyRequest } from "../dist/web.js";

/** A verdict for the account that is called as the key. */
const verdict = (key) => ({ valid: true, code: "VALID", status: 200, key: { id: "k", name: "n" }, account: { id: "a", handle: key, kind: "member" } });
const settled = () => new Promise((done) => setImmediate(done));

/** A client whose calls wait to be released, and an API behind it: `send` asks with a key, and `got` has what it led to. */
function held(t, { batch = ({ questions }) => ({ answers: questions.map(({ key }) => ({ result: verdict(key) })) }) } = {}) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const calls = [];
  const got = {};
  const call = (asked, answer) =>
    new Promise((resolve, reject) => {
      calls.push({ asked, release: () => (async () => answer())().then(resolve, reject) });
    });
  const client = {
    accessKeyVerify: (body) => call(body.key, () => verdict(body.key)),
    accessKeyVerifyBatch: (body) => call(body.questions.map(({ key }) => key).join(" "), () => batch(body)),
  };
  let released = 0;
  const asked = () => calls.map(({ asked }) => asked);
  const middleware = protect(client);
  return {
    client,
    got,
    asked,
    send(...keys) {
      for (const key of keys) {
        const res = { locals: {}, setHeader() {}, end: (body) => (got[key] = `${res.statusCode} ${JSON.parse(body).error}`) };
        middleware({ method: "GET", originalUrl: "/media/7", rawHeaders: ["authorization", `Bearer ${key}`] }, res, () => (got[key] = res.locals.latchkey.account.handle));
      }
      return settled();
    },
    /** Lets the next call go. */
    release() {
      calls[released++].release();
      return settled();
    },
    async releaseAll() {
      while (released < calls.length) await this.release();
    },
  };
}

const numbered = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => `k${from + i}`);

test("a question is asked at once, and those that come before its answer are asked together", async (t) => {
  const api = held(t);
  await api.send("a");
  assert.deepEqual(api.asked(), ["a"]);
  await api.send("b");
  await api.send("c");
  assert.deepEqual(api.asked(), ["a"]);
  await api.release();
  assert.deepEqual(api.asked(), ["a", "b c"]);
  await api.send("d");
  await api.release();
  assert.deepEqual(api.asked(), ["a", "b c", "d"]);
  await api.releaseAll();
  await api.send("e");
  assert.deepEqual(api.asked(), ["a", "b c", "d", "e"]);
  await api.releaseAll();
  assert.deepEqual(api.got, { a: "a", b: "b", c: "c", d: "d", e: "e" });
});

test("questions that come in the same moment are asked together", async (t) => {
  const api = held(t);
  await api.send("a", "b", "c");
  assert.deepEqual(api.asked(), ["a b c"]);
  await api.send("d", "e");
  await api.releaseAll();
  assert.deepEqual(api.asked(), ["a b c", "d e"]);
  assert.deepEqual(api.got, { a: "a", b: "b", c: "c", d: "d", e: "e" });
});

test("nobody waits longer than a millisecond for an answer to somebody else", async (t) => {
  const api = held(t);
  await api.send("a");
  await api.send("b", "c");
  t.mock.timers.tick(1);
  await api.send("d");
  assert.deepEqual(api.asked(), ["a", "b c"]);
  t.mock.timers.tick(1);
  assert.deepEqual(api.asked(), ["a", "b c", "d"]);
  await api.releaseAll();
  assert.deepEqual(api.got, { a: "a", b: "b", c: "c", d: "d" });
});

test("a hundred questions are enough for one call", async (t) => {
  const api = held(t);
  await api.send(...numbered(1, 250));
  assert.deepEqual(api.asked(), [numbered(1, 100).join(" "), numbered(101, 200).join(" "), numbered(201, 250).join(" ")]);
  await api.releaseAll();
  assert.ok(Object.entries(api.got).every(([key, account]) => key === account));
  assert.equal(Object.keys(api.got).length, 250);
});

const away = "503 verification_unavailable";
const problem = (error, status) => ({ problem: { error, status, detail: "D.", suggested: "S." } });
const refusing = (status, code) => () => {
  throw new LatchkeyError(status, code, "d", "s");
};
for (const [name, batch, b, c, again = false] of [
  ["a bad question", refusing(400, "request_invalid"), "b", "c", true],
  ["too much", refusing(413, "body_too_large"), "b", "c", true],
  ["an older service", refusing(404, "not_found"), "b", "c", true],
  ["one older still", refusing(405, "method_not_allowed"), "b", "c", true],
  ["no verdicts now", refusing(503, "verification_unavailable"), away, away],
  ["no answer", refusing(0), away, away],
  ["something else", () => "welcome", away, away],
  ["one answer for two", () => ({ answers: [{ result: verdict("b") }] }), away, away],
  ["three", () => ({ answers: ["b", "c", "d"].map((key) => ({ result: verdict(key) })) }), away, away],
  ["no verdict for one", () => ({ answers: [problem("verification_unavailable", 503), { result: verdict("c") }] }), away, "c"],
  ["a path of two kinds", () => ({ answers: [{ result: verdict("b") }, problem("request_invalid", 400)] }), "b", "403 permission_denied"],
  ["neither", () => ({ answers: [{}, { result: verdict("c") }] }), away, "c"],
  ["both", () => ({ answers: [{ result: verdict("b") }, { result: verdict("c"), ...problem("internal", 500) }] }), "b", away],
  ["a refusal", () => ({ answers: [{ result: { valid: false, code: "REVOKED", status: 401 } }, { result: verdict("c") }] }), "401 credential_invalid", "c"],
]) {
  test(`an answer to a batch: ${name}`, async (t) => {
    const api = held(t, { batch });
    await api.send("a");
    await api.send("b", "c");
    await api.releaseAll();
    assert.deepEqual(api.asked(), ["a", "b c", ...(again ? ["b", "c"] : [])]);
    assert.deepEqual(api.got, { a: "a", b, c });
    await api.send("d");
    await api.releaseAll();
    assert.equal(api.got.d, "d");
  });
}

test("a client without batches is asked one by one", async (t) => {
  const api = held(t);
  delete api.client.accessKeyVerifyBatch;
  const alone = protect(api.client);
  for (const key of ["a", "b", "c"]) alone({ method: "GET", originalUrl: "/", rawHeaders: ["Authorization", `Bearer ${key}`] }, { locals: {}, setHeader() {} }, () => {});
  await settled();
  assert.deepEqual(api.asked(), ["a", "b", "c"]);
});

test("behind web-standard requests, which may not wait for each other, questions are asked one by one", async (t) => {
  const api = held(t);
  const judge = verifyRequest(api.client);
  for (const key of ["a", "b", "c"]) void judge(new Request("https://api.example/", { headers: { Authorization: `Bearer ${key}` } }));
  await settled();
  assert.deepEqual(api.asked(), ["a", "b", "c"]);
});
