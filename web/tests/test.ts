import { expect, test as base, type BrowserContext, type Page } from "@playwright/test";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { Instance, password, type Person } from "./instance";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Everything that a test's pages did against the rules of the console. */
interface Watch {
  faults: string[];
}

export const test = base.extend<{ watch: Watch; member: Person }, { instance: Instance; admin: Person; counter: { n: number } }>({
  counter: [async ({}, use) => use({ n: 0 }), { scope: "worker" }],

  /** One program for all tests of a worker; ada is its administrator. */
  instance: [
    async ({}, use) => {
      const instance = await Instance.start();
      await use(instance);
      await instance.stop();
    },
    { scope: "worker", timeout: 60_000 },
  ],
  admin: [async ({ instance }, use) => use(await instance.setUp()), { scope: "worker" }],

  /** A new account with a role that may have keys and do everything with the resources; tests share nothing of it. */
  member: async ({ instance, admin, counter }, use) => {
    use(await newMember(instance, admin, `member${++counter.n}-${Math.random().toString(36).slice(2, 7)}`, ["USE_PERSONAL_ACCESS_KEYS", "*:*"]));
  },

  baseURL: async ({ instance }, use) => use(instance.url),

  // No page may break its own Content-Security-Policy, ask another origin for anything, or throw.
  watch: [
    async ({ context, instance }, use) => {
      const watch: Watch = { faults: [] };
      watchContext(context, instance.url, watch);
      await use(watch);
      expect(watch.faults, "what the pages did against the rules").toEqual([]);
    },
    { auto: true },
  ],
});

export { expect, password };

export function watchContext(context: BrowserContext, origin: string, watch: Watch) {
  void context.addInitScript(() => document.addEventListener("securitypolicyviolation", (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`)));
  context.on("request", (r) => {
    if (new URL(r.url()).origin !== origin && !/^(blob|data):/.test(r.url())) watch.faults.push(`asked ${r.url()}`);
  });
  context.on("weberror", (e) => watch.faults.push(`threw ${e.error().message}`));
  context.on("console", (m) => {
    // The browser itself notes every answer that is no success; a test that causes one expects it.
    if (m.type() === "error" && !/Failed to load resource/.test(m.text())) watch.faults.push(`console: ${m.text()}`);
  });
}

/** A role with these permissions, given to a new account. */
export async function newMember(instance: Instance, admin: Person, handle: string, permissions: string[]): Promise<Person> {
  const account = await admin.api.accountCreate({ identifier: handle, token: password });
  if (permissions.length > 0) {
    const role = await admin.api.roleCreate({ name: `Role of ${handle}`, permissions });
    await admin.api.accountAddRole(handle, role.id);
  }
  void account;
  return instance.signIn(handle);
}

/** Puts a person's session into the browser. */
export async function as(page: Page, person: Person, path = "/") {
  const [name, value] = person.cookie.split("=", 2);
  await page.context().addCookies([{ name: name!, value: value!, url: person.url, httpOnly: true, sameSite: "Lax" }]);
  await page.goto(person.url + path);
}

/** What axe-core finds on the page as it is; there must be nothing. */
export async function expectAccessible(page: Page, of: "everything" | "colours" = "everything") {
  await page.waitForLoadState("networkidle");
  // A new size of the window is answered in the next frame: what observes sizes is told there, after layout.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  // As an extension would: evaluated by the debugger, which the page's policy does not bind. Reading it takes longer than its work.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  const runOnly = of === "colours" ? ["color-contrast"] : ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const violations = await page.evaluate(async (runOnly) => {
    const { violations } = await (window as unknown as { axe: typeof import("axe-core") }).axe.run(document, { runOnly });
    return violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(" | ")}`);
  }, runOnly);
  expect(violations, "axe-core's findings").toEqual([]);
}
