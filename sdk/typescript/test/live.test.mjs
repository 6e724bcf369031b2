// Against the program itself, one instance for all: the package as it is installed, the example, and what pages show.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { request as rawRequest } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

import express from "express";

import { blocksOf, freePort, replay, steps } from "./docs.mjs";
import { password, people, signedIn, start } from "./instance.mjs";
import { install, lend, root, typeCheck } from "./packed.mjs";

let protect, refuse, verifyRequest; // of the package as it is installed
let instance, ada, grace, secret, latchkey, packed, example;
const closing = [];

before(async () => {
  packed = install();
  lend(packed.folder, "express", "@types/express", "@types/node");
  cpSync(join(root, "../../examples/node"), join(packed.folder, "example"), { recursive: true, filter: (path) => !path.includes("node_modules") });
  instance = await start();
  ({ ada, grace, secret } = await people(instance));
  const installed = (name) => import(pathToFileURL(join(packed.folder, "node_modules/@latchkey-dev/sdk/dist", name)));
  ({ protect } = await installed("express.js"));
  ({ refuse, verifyRequest } = await installed("web.js"));
  const { Latchkey } = await installed("index.js");
  latchkey = new Latchkey({ baseUrl: instance.url, key: secret });
  example = await listening(spawn(process.execPath, ["server.js"], { cwd: join(packed.folder, "example"), env: environment(), stdio: ["ignore", "pipe", "pipe"] }));
});

after(async () => {
  for (const close of closing) await close();
  await instance?.stop();
  packed?.remove();
});

function environment() {
  return { PATH: process.env.PATH, LATCHKEY_URL: instance.url, LATCHKEY_KEY: secret, PORT: "0" };
}

/** Where a started API listens. */
async function listening(child) {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  closing.push(() => (child.kill("SIGTERM"), ended));
  return new Promise((resolve, reject) => {
    let said = "";
    child.stderr.on("data", (chunk) => (said += chunk));
    child.stdout.on("data", (chunk) => {
      said += chunk;
      const [url] = /http:\S+/.exec(said) ?? [];
      if (url) resolve({ url, said: () => said });
    });
    ended.then(() => reject(new Error(said)));
  });
}

/** Runs an app of Express in this process. */
async function serve(app) {
  const server = await new Promise((resolve) => {
    const server = app.listen(0, "localhost", () => resolve(server));
  });
  closing.push(() => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))));
  return `http://localhost:${server.address().port}`;
}

/** The doors to an API behind which GET and DELETE /media/1 are; each gives the answer to a request. */
const doors = {
  express: (path, init) => fetch(example.url + path, init),
  "web-standard": async (path, init) => {
    const verdict = await verifyRequest(latchkey)(new Request(`https://api.example${path}`, init));
    return verdict.valid ? Response.json({ for: verdict.account.handle }, { headers: verdict.headers }) : refuse(verdict);
  },
};

const bearing = (secret, method = "GET") => ({ method, headers: { Authorization: `Bearer ${secret}` } });

for (const [name, door] of Object.entries(doors)) {
  describe(`an API behind ${name}`, () => {
    test("lets a key do what it may, and nothing else", async () => {
      const key = await grace.api.accessKeyCreate({ name: "reader", permissions: ["media:read"] });
      const allowed = await door("/media", bearing(key.secret));
      assert.deepEqual([allowed.status, (await allowed.json()).for], [200, "grace"]);
      const refused = await door("/media/1", bearing(key.secret, "DELETE"));
      assert.deepEqual([refused.status, refused.headers.get("WWW-Authenticate"), refused.headers.get("Cache-Control")], [403, 'Bearer realm="latchkey", error="insufficient_scope", scope="media:delete"', "no-store"]);
      assert.deepEqual((await refused.json()).metadata, { permission: "media:delete", denied_by: "key" });
      const unclear = await door("/media/%2e%2e%2fmedia", bearing(key.secret));
      assert.deepEqual([unclear.status, (await unclear.json()).error], [403, "permission_denied"]);
      assert.equal((await door("/media", {})).status, 401);
      assert.equal((await door(`/media?access_token=${key.secret}`, {})).status, 401);
    });

    test("refuses a key from the moment it is revoked", async () => {
      const key = await grace.api.accessKeyCreate({ name: "lost" });
      for (let i = 0; i < 3; i++) assert.equal((await door("/media", bearing(key.secret))).status, 200);
      await grace.api.accessKeyDelete(key.id);
      const refused = await door("/media", bearing(key.secret));
      assert.deepEqual([refused.status, refused.headers.get("WWW-Authenticate"), (await refused.json()).error], [401, 'Bearer realm="latchkey", error="invalid_token"', "credential_invalid"]);
    });

    test("says what is left, and refuses where nothing is", async () => {
      await ada.accountLimitsUpdate(grace.id, { query: 1_000_000, window: "day" });
      const key = await grace.api.accessKeyCreate({ name: "capped", limits: { query: 2 } });
      for (const left of [1, 0]) {
        const allowed = await door("/media", bearing(key.secret));
        assert.equal(allowed.status, 200);
        assert.match(allowed.headers.get("RateLimit"), new RegExp(`^"query";r=${left};t=\\d+$`));
      }
      const refused = await door("/media", bearing(key.secret));
      assert.deepEqual([refused.status, refused.headers.get("RateLimit-Policy"), (await refused.json()).metadata.scope], [429, '"query";q=2;w=86400', "key"]);
      const wait = Number(refused.headers.get("Retry-After"));
      assert.ok(wait >= 1 && wait <= 86_400, `${wait}`);
    });

    test("refuses what cannot be paid", async () => {
      const key = await grace.api.accessKeyCreate({ name: "poor" });
      const refused = await door("/media", bearing(key.secret, "POST"));
      assert.deepEqual([refused.status, (await refused.json()).metadata], [402, { required: 25, balance: 0 }]);
    });
  });
}

/** Sends a request as it stands, with any number of Authorization lines, which fetch would not. */
function raw(url, path, method, authorization) {
  const { host, hostname, port } = new URL(url);
  const headers = ["Host", host, ...authorization.flatMap((line) => ["Authorization", line])];
  return new Promise((resolve, reject) => {
    const take = (response) => {
      let body = "";
      response.on("data", (chunk) => (body += chunk)).on("end", () => resolve({ status: response.statusCode, headers: new Headers(Object.entries(response.headers)), body }));
    };
    rawRequest({ hostname, port, path, method, headers }, take).on("error", reject).end();
  });
}

/** What is compared of an answer; numbers that change from one moment to the next are not. */
function compared({ status, headers, body }) {
  const { error, metadata } = body.startsWith("{") && status !== 200 ? JSON.parse(body) : {};
  const names = ["WWW-Authenticate", "RateLimit-Policy", "RateLimit", ...(status === 200 ? [] : ["Content-Type", "Cache-Control", "Retry-After"])];
  return { status, error, metadata, headers: Object.fromEntries(names.map((name) => [name, headers.get(name)?.replace(/(^|;t=)\d+/g, "$1#")])), ends: headers.has("Latchkey-Key-Expires") };
}

describe("a gateway and the middlewares answer alike", () => {
  const table = JSON.parse(readFileSync(join(root, "../testdata/doors.json"), "utf8")); // of which the Go client's tests read the same
  let bob; // has a key, and may not use it any more

  before(async () => {
    await ada.accountLimitsUpdate(grace.id, { query: null, mutation: null });
    const role = await ada.roleCreate({ name: "for a while", permissions: ["USE_PERSONAL_ACCESS_KEYS"] });
    await ada.accountCreate({ identifier: "bob", token: password });
    await ada.accountAddRole("bob", role.id);
    bob = await (await signedIn(instance.url, (latchkey) => latchkey.authPasswordSignin({ identifier: "bob", token: password }))).accessKeyCreate({ name: "bob's" });
    await ada.accountRemoveRole("bob", role.id);
  });

  const knocks = {
    express: (path, method, authorization) => raw(example.url, path, method, authorization),
    "web-standard": async (path, method, authorization) => {
      const response = await doors["web-standard"](path, { method, headers: authorization.map((line) => ["Authorization", line]) });
      return { status: response.status, headers: response.headers, body: method === "HEAD" ? "" : await response.text() };
    },
    gateway: (path, method, authorization) => raw(instance.url, `/forward-auth${path}`, method, authorization),
  };

  for (const { name, key, method = "GET", path = "/media", authorization = ["Bearer $key"], status, code, gateway, because } of table) {
    test(name, async () => {
      const answers = {};
      for (const [door, knock] of Object.entries(knocks)) {
        const { secret } = key ? await made(key) : {}; // one for each, so that what is left of a limit is the same
        answers[door] = compared(await knock(path, method, authorization.map((line) => line.replaceAll("$key", secret))));
      }
      if (gateway) {
        assert.ok(because);
        assert.deepEqual([answers.gateway.status, answers.gateway.headers["WWW-Authenticate"]], [gateway.status, gateway.challenge]);
        answers.gateway.status = status;
        answers.gateway.headers["WWW-Authenticate"] = answers.express.headers["WWW-Authenticate"];
      }
      assert.deepEqual([answers.express.status, answers.express.error], [status, code]);
      assert.equal(answers.express.ends, key?.days > 0);
      assert.deepEqual(answers.express, answers.gateway);
      assert.deepEqual(answers["web-standard"], answers.gateway);
    });
  }

  async function made({ of, permissions, limits, days, revoked }) {
    if (of) return bob;
    const issued = await grace.api.accessKeyCreate({
      name: "knocks", ...(permissions && { permissions }), ...(limits && { limits }), ...(days && { expires_at: new Date(Date.now() + days * 86_400_000).toISOString() }),
    });
    if (revoked) await grace.api.accessKeyDelete(issued.id);
    return issued;
  }
});

test("express: the original URL is judged wherever the line stands, and as it came", async () => {
  const app = express();
  app.enable("case sensitive routing");
  const router = express.Router();
  router.use(protect(latchkey));
  router.use((req, res) => void res.json({ url: req.url, code: res.locals.latchkey.code }));
  app.use("/media", router);
  const url = await serve(app);
  const key = await grace.api.accessKeyCreate({ name: "reader", permissions: ["media:read"] });
  assert.deepEqual(await (await fetch(`${url}/media/7`, bearing(key.secret))).json(), { url: "/7", code: "VALID" });
  assert.equal((await fetch(`${url}/media/7`, bearing(key.secret, "DELETE"))).status, 403);
  const authorization = [`Bearer ${key.secret}`];
  assert.equal((await raw(url, "/media/7", "GET", authorization)).status, 200);
  assert.equal((await raw(url, "/media/../media", "GET", authorization)).status, 403);
});

test("iterators walk the real lists", async () => {
  const made = [];
  for (let i = 0; i < 5; i++) made.push((await grace.api.accessKeyCreate({ name: `walked ${i}` })).id);
  const found = [];
  for await (const { id } of grace.api.accessKeys({ search: "walked", limit: 2 })) found.push(id);
  assert.deepEqual(found, made.toReversed());
  for await (const _ of ada.adminAccessKeys({ limit: 2 }));
  for await (const _ of ada.accounts({ limit: 1 }));
  for await (const _ of ada.adminAuditEvents({ limit: 10 }));
});

const itself = "live.test.mjs";

test("what the README and the page for Node show is true", async () => {
  const blocks = ["sdk/typescript/README.md", "docs/node.md"].flatMap((page) => blocksOf(page, itself)).map(({ code }) => code);
  const client = blocks[0].split("\n").slice(0, 2).join("\n");
  const files = blocks.map((code, i) => {
    const whole = code.includes("new Latchkey(") ? code : `${client}\n${code}`;
    writeFileSync(join(packed.folder, `page${i}.ts`), whole.replace("listen(3000)", "listen(0).close()"));
    return `page${i}`;
  });
  typeCheck(packed.folder, files.map((file) => `${file}.ts`), { types: ["node"], skipLibCheck: true, noEmit: false });
  const outputs = await Promise.all(files.map(async (file) => (await promisify(execFile)(process.execPath, [`${file}.js`], { cwd: packed.folder, env: environment() })).stdout));
  assert.match(outputs[2], /^404 not_found .* [0-9a-f]{32}\n$/);
  outputs[2] = "not found";
  assert.deepEqual(outputs, ["gate\n", "", "not found", "gate\n", "", "", "function\n", "401\n", "as it should be\n"]);
});

test("what the example's README shows is true", async () => {
  const reader = await grace.api.accessKeyCreate({ name: "reader", permissions: ["media:read"] });
  const port = await freePort();
  const replaced = { "http://localhost:8080": instance.url, "localhost:3000": `localhost:${port}`, lkpat_2: secret, lkpat_3: reader.secret };
  const shown = ({ code }) => ({ code: Object.entries(replaced).reduce((text, [from, to]) => text.replaceAll(from, to), code) });
  await replay(steps(...blocksOf("examples/node/README.md", itself).map(shown)), join(packed.folder, "example"), { ...environment(), PORT: `${port}` });
});

// The last: Latchkey is gone after it.
test("while Latchkey is away nobody gets in", async () => {
  const key = await grace.api.accessKeyCreate({ name: "reader" });
  for (const door of Object.values(doors)) assert.equal((await door("/media", bearing(key.secret))).status, 200);
  await instance.stop();
  for (const [name, door] of Object.entries(doors)) {
    const refused = await door("/media", bearing(key.secret));
    assert.deepEqual([refused.status, refused.headers.get("Retry-After"), (await refused.json()).error], [503, "1", "verification_unavailable"], name);
  }
  assert.ok(example.said().includes("The service cannot be reached."), example.said());
  assert.ok(!example.said().includes("lkpat_"), "a key is in the log");
});
