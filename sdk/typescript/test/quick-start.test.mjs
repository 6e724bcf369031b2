// The quick start in TypeScript, as its reader does it: in an empty folder, with npm and a shell.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { blocksIn, blocksOf, freePort, replay, steps } from "./docs.mjs";
import { start } from "./instance.mjs";
import { registry } from "./registry.mjs";

const closing = [];
after(async () => {
  for (const close of closing.toReversed()) await close();
});

test("the quick start in TypeScript is true", async () => {
  const instance = await start();
  closing.push(instance.stop);
  const packages = await registry();
  closing.push(packages.close);
  const folder = mkdtempSync(join(tmpdir(), "latchkey-quick-"));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));

  const port = await freePort();
  const shown = ({ code, ...block }) => ({ ...block, code: code.replaceAll("http://localhost:8080", instance.url).replaceAll("ABCD-EFGH-JKLM", instance.code).replaceAll("localhost:3000", `localhost:${port}`).replaceAll("listen(3000", `listen(${port}`) });
  const page = "docs/quick-start.md";
  const common = blocksIn(page).filter(({ claim }) => claim === "transcript").slice(0, 3); // what TestQuickStart looks at
  const mine = blocksOf(page, "quick-start.test.mjs").map(shown).map((block) => (block.language === "ts" ? [{ command: `cat > hello.ts <<'END'\n${block.code}END`, want: [""] }] : steps(block)));
  await replay([...steps(...common.map(shown)), ...mine.flat()], folder, { ...packages.env, HOME: folder });
});
