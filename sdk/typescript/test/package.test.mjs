import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";

import { install, root, typeCheck } from "./packed.mjs";

const { folder, files, remove } = install();
after(remove);
const inPackage = (path) => join(folder, "node_modules/@latchkey-dev/sdk", path);

test("the package holds what is needed and nothing else", () => {
  const { exports, dependencies } = JSON.parse(readFileSync(inPackage("package.json"), "utf8"));
  const built = ["index", "latchkey", "error", "send", "pages", "schema", "verdict", "gather", "web", "express"].flatMap((name) => [`dist/${name}.js`, `dist/${name}.d.ts`]);
  assert.deepEqual(files.toSorted(), ["LICENSE", "README.md", "package.json", ...built].toSorted());
  for (const path of Object.values(exports).flatMap(Object.values)) assert.ok(existsSync(inPackage(path)), path);
  for (const file of files) assert.doesNotMatch(readFileSync(inPackage(file), "utf8"), /sourceMappingURL/, file);
  assert.deepEqual(Object.keys(dependencies), ["openapi-fetch"]);
  assert.equal(readFileSync(inPackage("LICENSE"), "utf8"), readFileSync(join(root, "../../LICENSE"), "utf8"));
});

test("each export can be imported from an empty folder", () => {
  writeFileSync(join(folder, "use.js"), `
    import * as sdk from "@latchkey-dev/sdk";
    import * as web from "@latchkey-dev/sdk/web";
    import * as express from "@latchkey-dev/sdk/express";
    console.log(JSON.stringify([sdk, web, express].map((module) => Object.keys(module))));
  `);
  const out = execFileSync(process.execPath, ["use.js"], { cwd: folder, encoding: "utf8" });
  assert.deepEqual(JSON.parse(out), [["Latchkey", "LatchkeyError"], ["refuse", "verifyRequest"], ["protect"]]);
});

test("its types hold for a strict consumer, who has neither Node's nor Express's", () => {
  writeFileSync(join(folder, "use.ts"), `
    import { Latchkey, LatchkeyError, type ErrorCode, type Schema } from "@latchkey-dev/sdk";
    import { protect } from "@latchkey-dev/sdk/express";
    import { refuse, verifyRequest, type Verdict } from "@latchkey-dev/sdk/web";

    const latchkey = new Latchkey({ baseUrl: "https://keys.example.com", key: "k", timeout: false, retries: { attempts: 2 } });
    const keys: AsyncIterable<Schema<"AccessKey">> = latchkey.accessKeys({ search: "bot" }, { signal: AbortSignal.timeout(1) });
    for await (const key of keys) key.name.toUpperCase();
    const verify: (request: Request) => Promise<Verdict> = verifyRequest(latchkey, { ask: { permission: "CREATE_POST" } });
    const verdict = await verify(new Request("https://api.example.com/"));
    if (verdict.valid) verdict.account.handle.toUpperCase();
    else refuse(verdict).status.toFixed();
    protect(latchkey, { ask: (req, line) => ({ request: { ...line, method: req.method } }) });
    // @ts-expect-error: there is no such question
    protect(latchkey, { ask: { permision: "CREATE_POST" } });
    // @ts-expect-error: booking needs its idempotency key
    await latchkey.accountCreditsAdd("a", { type: "grant", amount: 5 });
    export const code = (error: unknown): ErrorCode | undefined => (error instanceof LatchkeyError ? error.code : undefined);
  `);
  for (const options of [{}, { module: "ESNext", moduleResolution: "Bundler" }]) typeCheck(folder, ["use.ts"], options);
});
