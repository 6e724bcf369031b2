import type { Page } from "@playwright/test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { top } from "./build";
import { Instance, type Person } from "./instance";
import { expect, expectAccessible, newMember, test as base, watchContext } from "./test";

// Every screen as its users see it, light and dark, on a desktop and on a phone. The pictures of docs/screenshots are made
// here; anywhere else they are looked at by axe-core and measured.
const pictures = process.env.LATCHKEY_SCREENSHOTS ? join(top, process.env.LATCHKEY_SCREENSHOTS) : join(top, "bin", "console-tests", "screens");

interface Stage {
  instance: Instance;
  ada: Person;
  grace: Person;
  keys: Record<string, { id: string; secret: string }>;
}

const test = base.extend<object, { stage: Stage }>({
  stage: [
    async ({}, use) => {
      const instance = await Instance.start();
      await use(await furnish(instance));
      await instance.stop();
    },
    { scope: "worker", timeout: 120_000 },
  ],
});

/** An instance as a small company has it. */
async function furnish(instance: Instance): Promise<Stage> {
  const ada = await instance.setUp();
  await ada.api.permissionCatalogueUpdate({
    resources: [
      { name: "media", title: "Media", paths: ["/media"], access: ["read", "write", "delete"] },
      { name: "data-planes", title: "Data planes", paths: ["/data-planes"], access: ["read", "write"] },
      { name: "threads", title: "Threads", paths: ["/threads"], access: ["read", "write", "delete"] },
    ],
    routes: [
      { method: "POST", path: "/media/search", access: "read" },
      { method: "POST", path: "/media", credits: 25 },
    ],
    flat: ["CREATE_POST"],
  });
  const grace = await newMember(instance, ada, "grace", ["USE_PERSONAL_ACCESS_KEYS", "media:*", "data-planes:read", "threads:*"]);
  await newMember(instance, ada, "linus", ["USE_PERSONAL_ACCESS_KEYS", "*:read"]);
  const barbara = await newMember(instance, ada, "barbara", []);
  await ada.api.accountSuspend(barbara.id);
  await ada.api.accountLimitsUpdate(grace.id, { query: 100_000, mutation: 20_000, window: "month" });
  await ada.api.accountCreditsAdd(grace.id, { type: "grant", amount: 5000, idempotency_key: "invoice-2026-0042" });

  const days = (n: number) => new Date(Date.now() + n * 86_400_000).toISOString();
  const keys: Stage["keys"] = {};
  const make = async (name: string, more: object) => {
    const { id, secret } = await grace.api.accessKeyCreate({ name, ...more });
    keys[name] = { id, secret };
  };
  await make("Old importer", { expires_at: days(200) });
  await make("CI pipeline", { permissions: ["media:read", "media:write"], expires_at: days(9), limits: { mutation: 5000 } });
  await make("Discord bot", { permissions: ["threads:read", "threads:write"], expires_at: days(88) });
  await make("Grafana dashboard", { permissions: ["media:read", "data-planes:read", "threads:read"], expires_at: days(364) });
  await make("Laptop", {});
  await grace.api.accessKeyDelete(keys["Old importer"]!.id);
  await grace.api.accessKeyUpdate(keys.Laptop!.id, { enabled: false });

  const requests: [string, string, string, number][] = [["Grafana dashboard", "GET", "/media/7", 5], ["Discord bot", "POST", "/threads", 3], ["Discord bot", "DELETE", "/threads/1", 1], ["CI pipeline", "POST", "/media", 2]];
  for (const [name, method, path, times] of requests) {
    for (let i = 0; i < times; i++) await ada.api.accessKeyVerify({ key: keys[name]!.secret, request: { method, path }, address: "192.0.2.17" });
  }
  // A month of use takes a month: it is written down.
  const history = ["Grafana dashboard", "Discord bot", "CI pipeline"].map(
    (name, n) => `INSERT INTO usage_day SELECT '${keys[name]!.id}', date_trunc('day', now(), 'UTC') - d * interval '1 day',
      round((${[900, 400, 60][n]} + 300 * sin(d / 2.0 + ${n}) + 120 * sin(d * 1.7)) * CASE WHEN extract(isodow FROM now() - d * interval '1 day') > 5 THEN 0.35 ELSE 1 END),
      round((${[0, 180, 90][n]} + 60 * cos(d / 3.0)) * ${n === 0 ? 0 : 1}), 0, CASE WHEN d % 9 = 4 THEN ${n * 14} ELSE 0 END, 0, 0 FROM generate_series(1, 29) d;`,
  );
  instance.sql(history.join("\n"));
  // What is counted is written every second.
  await expect.poll(async () => (await grace.api.accessKeyList()).keys.filter((k) => k.last_used_at).length, { timeout: 20_000 }).toBe(3);
  return { instance, ada, grace, keys };
}

const devices = { desktop: { width: 1280, height: 860 }, phone: { width: 360, height: 740 } } as const;

interface Screen {
  name: string;
  who?: "ada" | "grace";
  path: (s: Stage) => string;
  /** What is there when the screen is. */
  shows: (page: Page) => ReturnType<Page["getByText"]>;
}

const heading = (name: string) => (page: Page) => page.getByRole("heading", { name, level: 1 });

const screens: Screen[] = [
  { name: "sign-in", path: () => "/sign-in", shows: (page) => page.getByText("Accounts are created by an administrator.") },
  { name: "access-keys", who: "grace", path: () => "/settings/access-keys", shows: (page) => page.getByRole("link", { name: "Grafana dashboard" }) },
  { name: "create", who: "grace", path: () => "/settings/access-keys?create", shows: (page) => page.getByRole("dialog") },
  { name: "key", who: "grace", path: (s) => `/settings/access-keys/${s.keys["Discord bot"]!.id}`, shows: heading("Discord bot") },
  { name: "sessions", who: "grace", path: () => "/settings/sessions", shows: heading("Sessions & password") },
  { name: "all-keys", who: "ada", path: () => "/admin/access-keys", shows: (page) => page.getByText("Grafana dashboard") },
  { name: "accounts", who: "ada", path: () => "/admin/accounts", shows: (page) => page.getByRole("link", { name: "grace" }).first() },
  { name: "account", who: "ada", path: (s) => `/admin/accounts/${s.grace.id}`, shows: heading("grace") },
  { name: "roles", who: "ada", path: () => "/admin/roles", shows: (page) => page.getByText("Role of grace") },
  { name: "permissions", who: "ada", path: () => "/admin/permissions", shows: heading("Permissions") },
  { name: "audit", who: "ada", path: () => "/admin/audit", shows: heading("Audit log") },
  { name: "health", who: "ada", path: () => "/admin/health", shows: heading("Health") },
];

for (const screen of screens) {
  for (const [device, viewport] of Object.entries(devices)) {
    test(`${screen.name} on a ${device}`, async ({ browser, stage }) => {
      const context = await browser.newContext({ viewport, locale: "en-GB", timezoneId: "Europe/Berlin", baseURL: stage.instance.url, reducedMotion: "reduce" });
      const watch = { faults: [] as string[] };
      watchContext(context, stage.instance.url, watch);
      await context.addInitScript(observeShifts);
      if (screen.who) {
        const [name, value] = stage[screen.who].cookie.split("=", 2);
        await context.addCookies([{ name: name!, value: value!, url: stage.instance.url, httpOnly: true, sameSite: "Lax" }]);
      }
      const page = await context.newPage();
      await page.goto(screen.path(stage));
      await expect(screen.shows(page)).toBeVisible();
      await page.waitForLoadState("networkidle");
      mkdirSync(pictures, { recursive: true });
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await page.screenshot({ path: join(pictures, `${screen.name}-${device}-${colorScheme}.png`), animations: "disabled" });
        await expectAccessible(page);
      }
      expect(await page.evaluate(() => document.scrollingElement!.scrollWidth), "the page must not scroll sideways").toBeLessThanOrEqual(viewport.width);
      const shifts = await page.evaluate(() => (window as unknown as Shifts).shifts);
      expect(shifts.reduce((sum, s) => sum + s.value, 0), `what is there must not move when more comes: ${JSON.stringify(shifts)}`).toBeLessThan(0.02);
      expect(watch.faults).toEqual([]);
      await context.close();
    });
  }
}

interface Shifts {
  shifts: { value: number; what: string[] }[];
}

/** Notes what moves without its user's doing, and which elements. */
function observeShifts() {
  const { shifts } = Object.assign(window as unknown as Shifts, { shifts: [] as Shifts["shifts"] });
  type Shift = PerformanceEntry & { value: number; hadRecentInput: boolean; sources: { node?: Node }[] };
  new PerformanceObserver((list) => {
    for (const e of list.getEntries() as Shift[]) {
      if (!e.hadRecentInput) shifts.push({ value: e.value, what: e.sources.map(({ node }) => (node instanceof Element ? `${node.localName}.${node.className}` : (node?.textContent ?? "gone"))) });
    }
  }).observe({ type: "layout-shift", buffered: true });
}
