import type { Page } from "@playwright/test";

import type { AccessKey } from "../src/api";
import { as, expect, expectAccessible, test } from "./test";

const day = 86_400_000;
const inDays = (n: number) => new Date(Date.now() + n * day).toISOString();
const row = (page: Page, name: string) => page.getByRole("row").filter({ has: page.getByRole("rowheader", { name }) });
const names = (page: Page) => page.getByRole("rowheader").getByRole("link").allTextContents();

test("an empty list has one button, which creates", async ({ page, member }) => {
  await as(page, member, "/settings/access-keys");
  await expect(page.getByRole("heading", { name: "You have no access keys" })).toBeVisible();
  await expect(page.getByRole("main").getByRole("button")).toHaveCount(1);
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page, "colours");
  await page.getByRole("button", { name: "Create a key" }).click();
  await expect(page.getByRole("dialog", { name: "Create an access key" })).toBeVisible();
});

test("a key shows what it is, and what it was used for", async ({ page, instance, admin, member }) => {
  const bot = await member.api.accessKeyCreate({ name: "Discord bot", permissions: ["*:read"], expires_at: inDays(90) });
  await admin.api.accountLimitsUpdate(member.id, { query: 1000 });
  for (let i = 0; i < 3; i++) expect((await admin.api.accessKeyVerify({ key: bot.secret, record: true, access: "read", resource: "*" }).catch(() => admin.api.accessKeyVerify({ key: bot.secret, record: true, permission: "*:read" }))).valid).toBe(true);
  await expect.poll(async () => (await member.api.accountUsageDaily()).keys.length).toBe(1);
  await as(page, member, "/settings/access-keys");
  const key = row(page, "Discord bot");
  await expect(key.getByText(bot.hint)).toBeVisible();
  await expect(key.getByText("Active")).toBeVisible();
  await expect(key.getByText("Read everything")).toHaveAttribute("title", "May read everything, and nothing else.");
  await expect(key.getByText("in 3 months")).toHaveAttribute("title", /\d{4}, \d\d:\d\d:\d\d/);
  await expect(key.getByRole("img", { name: /^3 requests in 30 days, 3 of them on / })).toBeVisible();
  await expect(page.getByText("3 of 1,000 queries")).toBeVisible();
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page, "colours");
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth), "nothing is wider than a phone").toBeLessThanOrEqual(360);
  await expectAccessible(page);
  await key.getByRole("link").click();
  await expect(page).toHaveURL(`${instance.url}/settings/access-keys/${bot.id}`);
});

test("keys are searched, filtered and sorted, and the address keeps it", async ({ page, member }) => {
  for (const name of ["Beta", "alpha", "Gamma ray"]) await member.api.accessKeyCreate({ name, expires_at: inDays(name.length * 100) });
  const gone = await member.api.accessKeyCreate({ name: "Gone" });
  await member.api.accessKeyDelete(gone.id);
  await as(page, member, "/settings/access-keys");
  await expect(page.getByText("3 keys")).toBeVisible();
  expect(await names(page)).toEqual(["Gamma ray", "alpha", "Beta"]);
  await page.getByRole("button", { name: "Name" }).click();
  await expect(page.getByRole("columnheader", { name: "Name" })).toHaveAttribute("aria-sort", "ascending");
  await expect.poll(() => names(page)).toEqual(["alpha", "Beta", "Gamma ray"]);
  await page.getByRole("button", { name: "Name" }).click();
  await expect.poll(() => names(page)).toEqual(["Gamma ray", "Beta", "alpha"]);
  await page.getByLabel("Show revoked").check();
  await expect.poll(() => names(page)).toEqual(["Gone", "Gamma ray", "Beta", "alpha"]);
  await expect(row(page, "Gone").getByText("Revoked", { exact: true })).toBeVisible();
  await page.getByRole("searchbox", { name: "Search" }).fill("GAM");
  await expect.poll(() => names(page)).toEqual(["Gamma ray"]);
  await expect(page).toHaveURL(/sort=name&order=desc&revoked=1&search=GAM$/);
  await page.reload();
  await expect(page.getByText("1 key", { exact: true })).toBeVisible();
  await expect(page.getByRole("searchbox", { name: "Search" })).toHaveValue("GAM");
  await page.getByRole("searchbox", { name: "Search" }).fill("");
  await page.getByRole("combobox", { name: "Status" }).selectOption("revoked");
  await expect.poll(() => names(page)).toEqual(["Gone"]);
  await page.getByRole("searchbox", { name: "Search" }).fill("nothing like it");
  await expect(page.getByRole("heading", { name: "No key fits" })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Clear the filters" }).click();
  await expect(page.getByText("4 keys")).toBeVisible();
  await expect(page.getByRole("searchbox", { name: "Search" })).toHaveValue("");
  await page.setViewportSize({ width: 360, height: 740 });
  await page.getByRole("combobox", { name: "Sort" }).selectOption("expires_at asc");
  await expect.poll(() => names(page)).toEqual(["Beta", "alpha", "Gamma ray", "Gone"]);
});

test("the last key revoked leaves a way to look at it", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Was here" });
  await member.api.accessKeyDelete(key.id);
  await as(page, member, "/settings/access-keys");
  await expect(page.getByRole("heading", { name: "You have no keys that work" })).toBeVisible();
  await page.getByRole("button", { name: "Show the revoked ones" }).click();
  await expect(page.getByRole("link", { name: "Was here" })).toBeVisible();
});

test("keys that expire within 14 days are named above the table and marked in it", async ({ page, member }) => {
  await member.api.accessKeyCreate({ name: "Soon", expires_at: inDays(3) });
  await member.api.accessKeyCreate({ name: "Later", expires_at: inDays(15) });
  await as(page, member, "/settings/access-keys");
  const banner = page.getByRole("complementary", { name: "Keys that expire soon" });
  await expect(banner).toContainText("A key expires within 14 days.");
  await expect(banner.getByRole("link")).toHaveText(["Soon"]);
  await expect(row(page, "Soon").locator(".badge.warn")).toHaveText("in 3 days");
  await expect(row(page, "Later").locator(".badge.warn")).toHaveCount(0);
  for (let i = 0; i < 6; i++) await member.api.accessKeyCreate({ name: `More ${i}`, expires_at: inDays(5) });
  await page.reload();
  await expect(banner).toContainText("7 keys expire within 14 days.");
  await banner.getByRole("link", { name: "and 2 more, in the order of their end" }).click();
  await expect(page).toHaveURL(/status=active&sort=expires_at&order=asc/);
  await expect.poll(async () => (await names(page))[0]).toBe("Soon");
});

test("a key that another tab revokes is seen revoked here", async ({ page, context, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Shared" });
  await as(page, member, "/settings/access-keys?revoked=1");
  await expect(row(page, "Shared").getByText("Active")).toBeVisible();
  const other = await context.newPage();
  await other.goto(page.url());
  await expect(row(other, "Shared").getByText("Active")).toBeVisible();
  await other.evaluate((id) => fetch(`/api/auth/access-keys/${id}`, { method: "DELETE" }), key.id);
  await other.close();
  await page.evaluate(() => window.dispatchEvent(new Event("visibilitychange"))); // as a tab does that is looked at again
  await expect(row(page, "Shared").getByText("Revoked", { exact: true })).toBeVisible();
});

test("names of 100 emoji and of right to left stay in their place", async ({ page, member }) => {
  const emoji = "🔑".repeat(100);
  const hebrew = "מפתח לגיבוי (CI #2) v1.0";
  await member.api.accessKeyCreate({ name: emoji, expires_at: inDays(3) });
  await member.api.accessKeyCreate({ name: hebrew, expires_at: inDays(4) });
  await member.api.accessKeyCreate({ name: "W".repeat(100) });
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 800 });
    await as(page, member, "/settings/access-keys");
    await expect(row(page, hebrew)).toBeVisible();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    expect((await row(page, emoji).boundingBox())!.height, "a long name takes two lines").toBeLessThan(width === 360 ? 330 : 120);
    // Each name is a world of its own: what follows it is not drawn into its direction.
    const hint = await row(page, hebrew).locator("code").first().boundingBox();
    const cell = await row(page, hebrew).getByRole("rowheader").boundingBox();
    expect(hint!.x - cell!.x).toBeLessThan(20);
  }
  await expectAccessible(page);
});

test("the table does not wait for the usage, and nothing moves when it comes", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Used", expires_at: inDays(5) });
  let go = () => {};
  const answer = new Promise<void>((resolve) => (go = resolve));
  const today = new Date(Math.floor(Date.now() / day) * day);
  const point = { start: today.toISOString(), query: 7, mutation: 0, credits: 0, denied: { permission: 0, quota: 0, credits: 0 } };
  await page.route("**/api/accounts/usage/daily", async (route) => {
    await answer;
    await route.fulfill({ json: { from: new Date(+today - 29 * day).toISOString(), to: new Date(+today + day).toISOString(), keys: [{ id: key.id, data: [point] }] } });
  });
  await page.addInitScript(() => {
    const shifts: string[] = ((window as any).shifts = []);
    new PerformanceObserver((l) => l.getEntries().forEach((e) => shifts.push(`${(e as any).value} ${(e as any).sources.map((s: any) => s.node?.outerHTML?.slice(0, 80)).join(" ")}`))).observe({ type: "layout-shift", buffered: true });
  });
  await as(page, member, "/settings/access-keys");
  await expect(row(page, "Used").getByText("Active")).toBeVisible();
  await expect(row(page, "Used").getByText("Loading")).toBeAttached();
  const before = await row(page, "Used").boundingBox();
  go();
  await expect(row(page, "Used").getByRole("img", { name: /^7 requests/ })).toBeVisible();
  expect(await row(page, "Used").boundingBox()).toEqual(before);
  expect(await page.evaluate(() => (window as any).shifts as string[]), "layout shifts").toEqual([]);
});

test("a failing list says what to do, and tries again", async ({ page, member }) => {
  await member.api.accessKeyCreate({ name: "There after all" });
  const trace = "0123456789abcdef0123456789abcdef";
  const problem = { type: "urn:latchkey:problem:internal", title: "T", status: 500, detail: "Something broke.", trace_id: trace, metadata: {}, error: "internal", message: "T", suggested: "Try later." };
  const lists = /\/api\/auth\/access-keys\?/;
  const failing = [
    () => ({ status: 500, contentType: "application/problem+json", body: JSON.stringify(problem) }),
    () => ({ status: 503, contentType: "application/problem+json", headers: { "Retry-After": "30" }, body: JSON.stringify({ ...problem, status: 503, error: "overloaded" }) }),
    () => ({ status: 200, contentType: "text/html", body: "<p>Please sign in to the hotel network" }),
  ];
  const says = [trace, "It can be tried again in 30 s.", "This is no answer of Latchkey"];
  for (const [i, how] of failing.entries()) {
    await page.route(lists, (route) => route.fulfill(how()));
    await as(page, member, "/settings/access-keys");
    await expect(page.getByRole("alert")).toContainText(says[i]!);
    await expectAccessible(page);
    await page.unroute(lists);
  }
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(row(page, "There after all")).toBeVisible();
  await page.context().setOffline(true);
  await page.getByLabel("Show revoked").check();
  await expect(page.getByRole("alert").or(row(page, "There after all")).first()).toBeVisible();
  await page.context().setOffline(false);
});

test("a table without its usage is a table", async ({ page, member }) => {
  await member.api.accessKeyCreate({ name: "Plain" });
  await page.route("**/api/accounts/usage/daily", (route) => route.abort());
  await page.route("**/api/accounts/usage", (route) => route.abort());
  await as(page, member, "/settings/access-keys");
  await expect(row(page, "Plain").getByText("could not be loaded")).toBeAttached();
  await expect(page.getByRole("alert")).toHaveCount(0);
});

test("a slow list says that it loads", async ({ page, member }) => {
  let go = () => {};
  const answer = new Promise<void>((resolve) => (go = resolve));
  await member.api.accessKeyCreate({ name: "At last" });
  await page.route(/\/api\/auth\/access-keys\?/, async (route) => {
    await answer;
    await route.continue();
  });
  await as(page, member, "/settings/access-keys");
  await expect(page.getByRole("status", { name: "Loading" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Create a key" })).toBeVisible(); // need not wait
  go();
  await expect(row(page, "At last")).toBeVisible();
});

test("ten thousand keys can be paged and searched without a halt", async ({ page, member }) => {
  await serveMany(page, 10_000);
  await as(page, member, "/settings/access-keys");
  await expect(page.getByText("100 keys, and there are more")).toBeVisible();
  for (let n = 2; n <= 10; n++) {
    await page.getByRole("button", { name: "Show more" }).click();
    await expect(page.getByText(`${(n * 100).toLocaleString("en-GB")} keys, and there are more`)).toBeVisible();
  }
  const busy = await cpu(page);
  // In time of the processor, as other programs run on the machine as well; what is a halt is one on any machine.
  const scrolling = await busy(() => scroll(page));
  expect(scrolling / 40, "for a frame of scrolling through 1,000 keys, in ms").toBeLessThan(500);
  const typing = await busy(() => page.locator("input[type=search]").pressSequentially("Key 9999", { delay: 20 })); // roles of 1,000 rows take longer than the letters
  expect(typing / 8, "for a letter, in ms").toBeLessThan(500);
  const finding = await busy(() => page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1));
  expect(finding, "to show what was found in place of 1,000, in ms").toBeLessThan(10_000);
  expect(await names(page)).toEqual(["Key 9999"]);
});

/** Measures what the page's thread does during something, in ms. */
async function cpu(page: Page) {
  const debug = await page.context().newCDPSession(page);
  await debug.send("Performance.enable", { timeDomain: "threadTicks" });
  const sum = async () => (await debug.send("Performance.getMetrics")).metrics.find((m) => m.name === "TaskDuration")!.value * 1000;
  return async (something: () => Promise<unknown>) => {
    const before = await sum();
    await something();
    return (await sum()) - before;
  };
}

/** Scrolls from top to bottom, and up again. */
function scroll(page: Page) {
  return page.evaluate(async () => {
    for (let i = 1; i <= 40; i++) {
      window.scrollTo(0, ((i % 40) / 40) * document.documentElement.scrollHeight);
      await new Promise(requestAnimationFrame);
    }
  });
}

/** Serves a list as an account with so many keys has it, in pages; made up, as making them would take minutes. */
async function serveMany(page: Page, count: number) {
  const key = (i: number): AccessKey => ({
    id: `c${String(i).padStart(19, "0")}`,
    createdAt: new Date(Date.UTC(2026, 0, 1) + i * 60_000).toISOString(),
    updatedAt: new Date(Date.UTC(2026, 0, 1)).toISOString(),
    name: `Key ${i}`,
    enabled: true,
    status: "active",
    hint: `lkpat_${String(i).padStart(16, "0")}`,
    effective_permissions: ["*:*"],
    version: 1,
  });
  const all = Array.from({ length: count }, (_, i) => key(count - i));
  await page.route(/\/api\/auth\/access-keys\?/, (route) => {
    const query = new URL(route.request().url()).searchParams;
    const found = query.has("expiring_before") ? [] : all.filter((k) => k.name.includes(query.get("search") ?? ""));
    const from = query.has("cursor") ? found.findIndex((k) => k.id === query.get("cursor")) + 1 : 0;
    const keys = found.slice(from, from + Number(query.get("limit")));
    return route.fulfill({ json: { keys, ...(from + keys.length < found.length && { next_cursor: keys.at(-1)!.id }) } });
  });
}
