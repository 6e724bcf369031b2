import type { Locator, Page } from "@playwright/test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { top } from "./build";
import { Instance, type Person } from "./instance";
import { expect, expectAccessible, newMember, test as base, watchContext } from "./test";

// Every screen as its users see it, light and dark, on a desktop and on a phone. The pictures of docs/screenshots are made
// here; anywhere else they are looked at by axe-core and measured.
const pictures = process.env.LATCHKEY_SCREENSHOTS && join(top, process.env.LATCHKEY_SCREENSHOTS); // or none are taken

interface Stage {
  instance: Instance;
  ada: Person;
  grace: Person;
  linus: Person;
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
  const role = async (name: string, colour: string, permissions: string[]) => (await ada.api.roleCreate({ name, colour, permissions })).id;
  const integrator = await role("Integrator", "#1d4ed8", ["USE_PERSONAL_ACCESS_KEYS", "media:*", "data-planes:read", "threads:*"]);
  const analyst = await role("Analyst", "#7e22ce", ["USE_PERSONAL_ACCESS_KEYS", "*:read"]);
  const auditor = await role("Auditor", "#0f766e", ["VIEW_AUDIT_LOG"]);
  const [grace, linus, barbara] = await Promise.all(["grace", "linus", "barbara"].map((handle) => newMember(instance, ada, handle, []))) as [Person, Person, Person];
  for (const [handle, id] of [["grace", integrator], ["linus", integrator], ["linus", analyst], ["barbara", auditor]] as const) await ada.api.accountAddRole(handle, id);
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
  const earlier = (table: string, id: string, step: string) =>
    `UPDATE ${table} t SET created_at = t.created_at - r.n * interval '${step}' FROM (SELECT ${id}, row_number() OVER (ORDER BY ${id} DESC) n FROM ${table}) r WHERE r.${id} = t.${id};`;
  instance.sql([...history, earlier("access_key", "id", "17 days"), earlier("account", "id", "41 days"), earlier("audit_event", "id", "3 hours"), `UPDATE session SET user_agent = '${firefox}';`].join("\n"));
  // Revocations hold within milliseconds, some within more.
  for (let i = 0; i < 12; i++) {
    const { id } = await linus.api.accessKeyCreate({ name: `Nightly job ${i}` });
    await linus.api.accessKeyDelete(id);
  }
  // What is counted is written every second.
  await expect.poll(async () => (await grace.api.accessKeyList()).keys.filter((k) => k.last_used_at).length, { timeout: 20_000 }).toBe(3);
  return { instance, ada, grace, linus, keys };
}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

const devices = { desktop: { width: 1280, height: 860 }, phone: { width: 360, height: 740 } } as const;

interface Screen {
  name: string;
  who?: "ada" | "grace" | "linus";
  path: (s: Stage) => string;
  /** What is there when the screen is. */
  shows: (page: Page) => Locator;
  /** What is done before the picture. */
  before?: (page: Page) => Promise<void>;
  /** How high the picture of a desktop is, where it is more than a window. */
  height?: number;
}

const heading = (name: string) => (page: Page) => page.getByRole("heading", { name, level: 1 });
const dialog = (page: Page) => page.getByRole("dialog");

const screens: Screen[] = [
  { name: "sign-in", path: () => "/sign-in", shows: (page) => page.getByText("Accounts are created by an administrator.") },
  { name: "set-up", path: () => "/setup#7G4K-2MNP-XW9R", shows: (page) => page.getByLabel("Set-up code") },
  { name: "access-keys", who: "grace", path: () => "/settings/access-keys", shows: (page) => page.getByRole("link", { name: "Grafana dashboard" }) },
  {
    name: "create",
    who: "grace",
    path: () => "/settings/access-keys?create",
    shows: dialog,
    height: 1180,
    before: async (page) => {
      await page.getByLabel("Name", { exact: true }).fill("Nightly import");
      await page.getByLabel("Only these").check();
      await page.getByLabel("Read Media").check();
      await page.getByLabel("Write Media").check();
      await page.getByLabel("Read Data planes").check();
    },
  },
  {
    name: "secret",
    who: "linus",
    path: () => "/settings/access-keys?create",
    shows: dialog,
    before: async (page) => {
      await page.getByLabel("Name", { exact: true }).fill("Nightly import");
      await page.getByRole("button", { name: "Create the key" }).click();
      await expect(page.getByLabel("I have stored it")).toBeVisible();
    },
  },
  {
    name: "incident",
    who: "grace",
    path: () => "/settings/access-keys",
    shows: (page) => page.getByRole("link", { name: "Grafana dashboard" }),
    before: async (page) => {
      await page.getByRole("button", { name: "Revoke all my keys…" }).click();
      await expect(dialog(page).getByText("Grafana dashboard")).toBeVisible();
    },
  },
  { name: "key", who: "grace", path: (s) => `/settings/access-keys/${s.keys["Discord bot"]!.id}`, shows: heading("Discord bot"), height: 1240 },
  { name: "sessions", who: "grace", path: () => "/settings/sessions", shows: heading("Sessions & password") },
  { name: "all-keys", who: "ada", path: () => "/admin/access-keys", shows: (page) => page.getByText("Grafana dashboard") },
  { name: "accounts", who: "ada", path: () => "/admin/accounts", shows: (page) => page.getByRole("link", { name: "grace" }).first() },
  { name: "account", who: "ada", path: (s) => `/admin/accounts/${s.grace.id}`, shows: heading("grace") },
  { name: "roles", who: "ada", path: () => "/admin/roles", shows: (page) => page.getByText("Integrator") },
  { name: "permissions", who: "ada", path: () => "/admin/permissions", shows: heading("Permissions") },
  { name: "audit", who: "ada", path: () => "/admin/audit", shows: heading("Audit log") },
  { name: "health", who: "ada", path: () => "/admin/health", shows: heading("Health"), height: 1320 },
];

for (const screen of screens) {
  for (const [device, window] of Object.entries(devices)) {
    const viewport = device === "desktop" && screen.height ? { ...window, height: screen.height } : window;
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
      if (screen.name === "set-up") await page.route("**/api/instance", (route) => route.fulfill({ json: { setup_done: false, signup: "closed", password_min: 12, access_keys: { most: 100, expiry_required: false } } }));
      await page.goto(screen.path(stage));
      await expect(screen.shows(page)).toBeVisible();
      await page.waitForLoadState("networkidle");
      const shifts = await page.evaluate(() => (window as unknown as Shifts).shifts);
      expect(shifts.reduce((sum, s) => sum + s.value, 0), `what is there must not move when more comes: ${JSON.stringify(shifts)}`).toBeLessThan(0.02);
      await screen.before?.(page);
      if (pictures) mkdirSync(pictures, { recursive: true });
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        if (pictures) await page.screenshot({ path: join(pictures, `${screen.name}-${device}-${colorScheme}.png`), animations: "disabled" });
        await expectAccessible(page, colorScheme === "dark" ? "colours" : "everything");
      }
      expect(await page.evaluate(() => document.scrollingElement!.scrollWidth), "the page must not scroll sideways").toBeLessThanOrEqual(viewport.width);
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
