import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { Latchkey } from "../dist/index.js";

const top = fileURLToPath(new URL("../../..", import.meta.url));
export const password = "correct horse battery staple";

/** Builds the program and starts it with a database of its own, until `stop`. */
export async function start() {
  const binary = `${top}/bin/sdk-tests-latchkey`;
  execFileSync("go", ["build", "-trimpath", "-buildvcs=false", "-o", binary, "./cmd/latchkey"], { cwd: top, env: { ...process.env, CGO_ENABLED: "0" }, stdio: "inherit" });
  const dir = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "lks"));
  chmodSync(dir, 0o755); // the database's user must get in
  const child = spawn(binary, ["serve"], {
    env: { PATH: process.env.PATH, HOME: dir, LATCHKEY_LISTEN: "localhost:0", LATCHKEY_METRICS_LISTEN: "", LATCHKEY_PASSWORD_MEMORY: "19", LATCHKEY_PASSWORD_PASSES: "1", LATCHKEY_DATA_DIR: join(dir, "data") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  let log = "";
  child.stderr.on("data", (chunk) => (log += chunk));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const url = await new Promise((resolve, reject) => {
    child.stdout.on("data", (chunk) => {
      said += chunk;
      const [, url] = /is ready at (http:\S+) /.exec(said) ?? [];
      if (url && /set-up code: \S+\n/.test(said)) resolve(url);
    });
    ended.then((code) => reject(new Error(`the program ended with ${code}: ${log}`)));
  });
  return {
    url,
    code: /set-up code: (\S+)\n/.exec(said)[1],
    log: () => said + log,
    async stop() {
      if (child.exitCode === null) child.kill("SIGTERM");
      await ended;
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** A client with a session, as Node's fetch keeps no cookies. */
export async function signedIn(baseUrl, enter) {
  let cookie = "";
  const latchkey = new Latchkey({
    baseUrl,
    fetch: async (request) => {
      if (cookie) request.headers.set("Cookie", cookie);
      const response = await fetch(request);
      cookie = response.headers.getSetCookie()[0]?.split(";", 1)[0] ?? cookie;
      return response;
    },
  });
  await enter(latchkey);
  return latchkey;
}

/** An administrator, a service that may verify, and grace, who holds keys for an API. */
export async function people({ url, code }) {
  const ada = await signedIn(url, (latchkey) => latchkey.setupComplete({ code, identifier: "ada", token: password }));
  await ada.permissionCatalogueUpdate({
    resources: [{ name: "media", paths: ["/media"], access: ["read", "write", "delete"] }],
    routes: [{ method: "POST", path: "/media/search", access: "read" }, ...["/media", "/media/paid"].map((path) => ({ method: "POST", path, credits: 25 }))],
    flat: [],
  });
  const person = async (handle, permissions) => {
    const role = await ada.roleCreate({ name: handle, permissions });
    const { id } = await ada.accountCreate({ identifier: handle, name: handle, token: password });
    await ada.accountAddRole(handle, role.id);
    return { id, api: await signedIn(url, (latchkey) => latchkey.authPasswordSignin({ identifier: handle, token: password })) };
  };
  const gate = await person("gate", ["USE_PERSONAL_ACCESS_KEYS", "VERIFY_ACCESS_KEYS"]);
  const grace = await person("grace", ["USE_PERSONAL_ACCESS_KEYS", "media:*"]);
  const { secret } = await gate.api.accessKeyCreate({ name: "the API" });
  return { ada, grace, secret };
}
