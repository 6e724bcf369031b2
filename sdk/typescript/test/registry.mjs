import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { env, pack, root } from "./packed.mjs";

/** A registry with this package, as it would be published, and those that are installed here. Gives what npm must be told. */
export async function registry() {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-registry-"));
  const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  pack(folder, root);
  const packages = new Map([[name, { [version]: { at: root, tarball: () => readFileSync(join(folder, readdirSync(folder).find((file) => file.endsWith(".tgz")))) } }]]);
  collect(join(root, "node_modules"), packages, folder);

  const server = createServer((request, response) => {
    const [wanted, one] = decodeURIComponent(request.url.slice(1)).split("?v=");
    const versions = packages.get(wanted);
    if (!versions) return void response.writeHead(404).end("{}");
    if (one) return void response.end(versions[one].tarball());
    const described = Object.entries(versions).map(([version, { at }]) => [version, { ...JSON.parse(readFileSync(join(at, "package.json"), "utf8")), dist: { tarball: `${url}/${wanted}?v=${version}` } }]);
    response.end(JSON.stringify({ name: wanted, "dist-tags": { latest: Object.keys(versions)[0] }, versions: Object.fromEntries(described) }));
  });
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  const url = `http://localhost:${server.address().port}`;
  return {
    env: { ...env, npm_config_registry: url, npm_config_cache: join(folder, "cache"), npm_config_update_notifier: "false" },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Adds the packages of a node_modules, the outermost version of each first. */
function collect(modules, packages, folder) {
  const names = readdirSync(modules).flatMap((name) => (name.startsWith("@") ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`) : name.startsWith(".") ? [] : [name]));
  for (const name of names) {
    const at = join(modules, name);
    const { version } = JSON.parse(readFileSync(join(at, "package.json"), "utf8"));
    packages.set(name, { [version]: { at, tarball: () => tar(at, folder) }, ...packages.get(name) });
    if (existsSync(join(at, "node_modules"))) collect(join(at, "node_modules"), packages, folder);
  }
}

/** A package as npm packs it: everything below a folder "package". */
function tar(at, folder) {
  const around = mkdtempSync(join(folder, "tar-"));
  symlinkSync(at, join(around, "package"));
  return execFileSync("tar", ["-czhf", "-", "--exclude", "package/node_modules", "package"], { cwd: around, maxBuffer: 1 << 28 });
}
