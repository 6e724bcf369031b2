import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const top = fileURLToPath(new URL("../..", import.meta.url));
export const binary = `${top}/bin/console-tests-latchkey`;

/** Builds the program, once for all tests, with the console that was built last. */
export default function build() {
  if (!process.env.SKIP_BUILD) execFileSync("go", ["build", "-trimpath", "-buildvcs=false", "-o", binary, "./cmd/latchkey"], { cwd: top, env: { ...process.env, CGO_ENABLED: "0" }, stdio: "inherit" });
}
