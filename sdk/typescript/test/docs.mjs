// What pages show, and a shell that does it. Go's half, with the same marks, is cmd/latchkey/blocks_test.go and readme_test.go.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

import { root } from "./packed.mjs";

const marked = /^<!-- (transcript|test: \S+) -->\n```(\w+)\n(.*?)^```$/gms;

/** Every marked block of a page, whose name is that of the repository. */
export function blocksIn(page) {
  const text = readFileSync(join(root, "../..", page), "utf8");
  return [...text.matchAll(marked)].map(([, claim, language, code]) => ({ claim, language, code }));
}

/** The blocks of a page that say that a file of tests runs them. */
export function blocksOf(page, file) {
  const mine = blocksIn(page).filter(({ claim }) => claim === `test: ${file}`);
  if (mine.length === 0) throw new Error(`${page} has no block that is run by ${file}`);
  return mine;
}

/** The commands of blocks, which begin with "$ ", with what they print. */
export function steps(...blocks) {
  const all = [];
  for (const line of blocks.map(({ code }) => code).join("").trimEnd().split("\n")) {
    if (line.startsWith("$ ")) all.push({ command: line.slice(2), want: [] });
    else all.at(-1).want.push(line);
  }
  return all;
}

/** Runs steps in one shell and compares what they print: "…" stands for anything in a line, and alone on a line for any lines. */
export async function replay(steps, folder, env) {
  const script = ["trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", ...steps.map(({ command }) => `${command}\nprintf '\\036'`)].join("\n");
  const { stdout, stderr, code } = await promisify(execFile)("bash", ["-e", "-c", `{ ${script}\n} 2>&1`], { cwd: folder, env, timeout: 120_000 }).catch((error) => error);
  const printed = stdout.split("\x1e");
  steps.forEach(({ command, want }, i) => {
    const got = printed[i]?.trimEnd();
    if (i >= printed.length - 1) throw new Error(`$ ${command}\nends with ${code}, after:\n${got}\n${stderr}`);
    if (want !== undefined && !pattern(want).test(got)) throw new Error(`$ ${command}\ngot:\n${got}\nwant:\n${want.join("\n")}`);
  });
}

function pattern(lines) {
  const quoted = lines.map((line) => (line === "…" ? "[^]*" : line.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&").replaceAll("…", "[^\\n]*")));
  return new RegExp(`^${quoted.join("\n")}$`);
}

/** A port that nobody has at the moment. */
export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "localhost", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
