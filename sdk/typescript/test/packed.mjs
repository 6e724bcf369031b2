import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

// Of the npm that runs the tests, a --prefix would have this one install there.
export const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_config_(local_|global_)?prefix$/i.test(name)));
const quiet = ["--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"];

/** Packs packages into a folder, and tells what npm says of them. */
export function pack(folder, ...packages) {
  return [JSON.parse(npm(folder, "pack", "--json", "--pack-destination", folder, ...packages))].flat();
}

const npm = (folder, ...args) => execFileSync("npm", [...args, ...quiet], { cwd: folder, env, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

/** Packs the package and installs it in an empty folder, without the network: what it depends on is packed from where it is installed. */
export function install() {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-sdk-"));
  const packed = pack(folder, root, ...["openapi-fetch", "openapi-typescript-helpers"].map((name) => join(root, "node_modules", name)));
  writeFileSync(join(folder, "package.json"), '{"private": true, "type": "module"}');
  npm(folder, "install", "--offline", ...readdirSync(folder).filter((name) => name.endsWith(".tgz")).map((name) => `./${name}`));
  const files = packed.flatMap((one) => one.files ? [one] : Object.values(one)).find(({ name }) => name === "@latchkey-dev/sdk").files.map(({ path }) => path);
  return { folder, files, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Lends packages of the tests to a folder. */
export function lend(folder, ...names) {
  for (const name of names) {
    const to = join(folder, "node_modules", name);
    mkdirSync(dirname(to), { recursive: true });
    symlinkSync(join(root, "node_modules", name), to);
  }
}

/** Type-checks files of a folder as strictly as can be. */
export function typeCheck(folder, files, options = {}) {
  const compilerOptions = { target: "ES2022", lib: ["ES2022", "DOM", "DOM.Iterable"], module: "NodeNext", strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, noEmit: true, types: [], ...options };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder], { stdio: ["ignore", 2, "inherit"] });
}
