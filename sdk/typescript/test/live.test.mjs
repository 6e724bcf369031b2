// Against the program itself, one instance for all: the package as it is installed, the example, and what pages show.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { cpSync, writeFileSync } from "node:fs";
import { request as rawRequest } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";

import express from "express";

import { Latchkey } from "../dist/index.js";
import { protect } from "../dist/express.js";
import { refuse, verifyRequest } from "../dist/web.js";
import { blocksOf, freePort, replay, steps } from "./docs.mjs";
import { people, start } from "./instance.mjs";
import { install, lend, root, typeCheck } from "./packed.mjs";

let instance, ada, grace, secret, latchkey, packed, example;
const closing = [];

before(async () => {
  packed = install();
  lend(packed.folder, "express", "@types/express", "@types/node");
  cpSync(join(root, "../../examples/node"), join(packed.folder, "example"), { recursive: true, filter: (path) => !path.includes("node_modules") });
  instance = await start();
  ({ ada, grace, secret } = await people(instance));
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
      assert.deepEqual([refused.status, refused.headers.get("RateLimit-Policy"), (await refused.json()).metadata.scope], [429, '"query";q=2', "key"]);
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

test("express: the original URL is judged wherever the line stands, and only one Authorization", async () => {
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
  const raw = (path, headers) =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(url);
      rawRequest({ hostname, port, path, headers }, (response) => resolve(response.resume().statusCode)).on("error", reject).end();
    });
  assert.equal(await raw("/media/7", ["Host", "x", "Authorization", `Bearer ${key.secret}`]), 200);
  assert.equal(await raw("/media/7", ["Host", "x", "Authorization", `Bearer ${key.secret}`, "Authorization", `Bearer ${key.secret}`]), 401);
  assert.equal(await raw("/media/../media", ["Host", "x", "Authorization", `Bearer ${key.secret}`]), 403);
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
