import type { Schema } from "@latchkey-dev/sdk";
import type { Page } from "@playwright/test";

import { as, expect, expectAccessible, test } from "./test";

type Health = Schema<"InstanceHealth">;

/** Lets the page see another state than the instance has. */
async function seeing(page: Page, change: (real: Health) => Partial<Health>) {
  await page.route("**/api/admin/health", async (route) => {
    const answer = await route.fetch();
    const real = (await answer.json()) as Health;
    await route.fulfill({ response: answer, json: { ...real, ...change(real) } });
  });
}

test("an instance that is well says so, and how long revocations took", async ({ page, admin, member }) => {
  for (let i = 0; i < 3; i++) await member.api.accessKeyDelete((await member.api.accessKeyCreate({ name: `Gone ${i}` })).id);
  await as(page, admin, "/admin/health");
  const real = await admin.api.instanceHealthGet();
  await expect(page.getByText("All is well.", { exact: true })).toBeVisible();
  await expect(page.getByRole("region", { name: "This instance" })).toContainText(real.node);
  await expect(page.getByRole("meter", { name: "Age of the lease" })).toBeVisible();
  await expect(page.getByRole("region", { name: "This instance" })).toContainText(/\d+ m?s old of 1 s/);
  await expect(page.getByRole("region", { name: "Database" })).toContainText(real.database.version);
  for (const finding of real.database.findings) await expect(page.getByRole("region", { name: "Database" })).toContainText(finding);
  await expect(page.getByRole("table", { name: "Instances" }).getByRole("row")).toHaveCount(1 + real.nodes.length);
  const revocations = page.getByRole("region", { name: "Revocations", exact: true });
  await expect(revocations.locator("canvas")).toBeVisible();
  await revocations.getByText("Show as a table").click();
  await expect(revocations.getByRole("cell").first()).toHaveText(/^[\d.,]+ m?s$/);
  expect(await revocations.getByRole("cell").count()).toBeGreaterThanOrEqual(3);
  await expect(page.getByRole("link", { name: "Operations" })).toHaveAttribute("href", "/docs/operations/");
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page, "colours");
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
});

test("it asks every two seconds while it is in sight, and not behind", async ({ page, admin }) => {
  let asked = 0;
  await page.route("**/api/admin/health", (route) => (asked++, route.continue()));
  await page.clock.install();
  await as(page, admin, "/admin/health");
  await expect(page.getByText("All is well.", { exact: true })).toBeVisible();
  const first = asked;
  await page.clock.runFor(2100);
  await expect.poll(() => asked).toBe(first + 1);
  const look = (state: string) =>
    page.evaluate((value) => {
      Object.defineProperty(document, "visibilityState", { configurable: true, get: () => value });
      document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
    }, state);
  await look("hidden");
  await page.waitForLoadState("networkidle");
  const before = asked;
  await page.clock.runFor(10_000);
  expect(asked).toBe(before);
  await look("visible");
  await page.clock.runFor(2100);
  await expect.poll(() => asked).toBeGreaterThan(before);
});

test("a lease that has lapsed cannot be overlooked", async ({ page, admin }) => {
  await seeing(page, () => ({ lease: { age_ms: 4200, length_ms: 1000 } }));
  await as(page, admin, "/admin/health");
  await expect(page.getByRole("alert")).toContainText("The lease of this instance has lapsed: it was last confirmed 4.2 s ago and holds for 1 s.");
  await expect(page.getByRole("region", { name: "This instance" })).toContainText("Lapsed");
  await expect(page.getByText("All is well.", { exact: true })).toHaveCount(0);
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page, "colours");
});

test("an instance without a lease, and one that is not waited for", async ({ page, admin }) => {
  await seeing(page, () => ({ lease: undefined, nodes: [] }));
  await as(page, admin, "/admin/health");
  await expect(page.getByRole("alert")).toContainText("This instance has no lease");
  await expect(page.getByRole("alert")).toContainText("not among those that revocations wait for");
  await expect(page.getByRole("region", { name: "Instances" })).toContainText("No instance is registered");
  await expectAccessible(page);
});

test("another instance that is late, one that is new, and revocations under way", async ({ page, admin }) => {
  await seeing(page, (real) => ({
    nodes: [...real.nodes, { id: "aaaaaaaaaaaaaaaaaaaa", behind: 1234, renewed_ms: 65_000 }, { id: "bbbbbbbbbbbbbbbbbbbb", behind: 0 }],
    revocations: { pending: 2, recent: [] },
  }));
  await as(page, admin, "/admin/health");
  const rows = page.getByRole("table", { name: "Instances" }).getByRole("row");
  await expect(rows.filter({ hasText: "aaaa" })).toContainText("Late");
  await expect(rows.filter({ hasText: "aaaa" })).toContainText("1,234");
  await expect(rows.filter({ hasText: "bbbb" })).toContainText("Not seen yet");
  await expect(page.getByRole("alert")).toContainText("1 other instance has not renewed in time");
  await expect(page.getByRole("region", { name: "Revocations", exact: true })).toContainText("No key has been revoked yet.");
  await expect(page.getByRole("region", { name: "Revocations", exact: true })).toContainText("Under way2");
  await expectAccessible(page);
});

test("a database that does not keep what it confirms is told in words", async ({ page, admin }) => {
  await seeing(page, (real) => ({ database: { ...real.database, durable: false, findings: ["fsync is off: set it on"] } }));
  await as(page, admin, "/admin/health");
  const database = page.getByRole("region", { name: "Database" });
  await expect(database).toContainText("Not durable");
  await expect(database).toContainText("fsync is off: set it on");
  await expect(page.getByRole("alert")).toContainText("does not keep");
  await expectAccessible(page);
});

test("when the service fails the numbers say since when they are old, until it is back", async ({ page, admin }) => {
  let away = false;
  await page.route("**/api/admin/health", async (route) => {
    if (!away) return route.continue();
    await route.fulfill({ status: 503, contentType: "application/problem+json", json: { error: "database_unavailable", detail: "The database cannot be reached.", suggested: "Try again.", trace_id: "0123456789abcdef0123456789abcdef", metadata: {} } });
  });
  await as(page, admin, "/admin/health");
  await expect(page.getByText("All is well.", { exact: true })).toBeVisible();
  away = true;
  await expect(page.getByRole("alert")).toContainText(/These numbers are old: they are of .*\d\d:\d\d:\d\d\. The database cannot be reached\./);
  await expect(page.getByText("Trace 0123456789abcdef0123456789abcdef")).toBeVisible();
  await expect(page.getByText("All is well.", { exact: true })).toHaveCount(0);
  await expect(page.getByRole("region", { name: "This instance" })).toBeVisible();
  await expectAccessible(page);
  away = false;
  await expect(page.getByText("All is well.", { exact: true })).toBeVisible();
  await expect(page.getByText("These numbers are old")).toHaveCount(0);
});

test("it is closed to who is no administrator, and says why it cannot be loaded", async ({ page, admin, member }) => {
  await as(page, member, "/admin/health");
  await expect(page.getByRole("heading", { name: "You may not see this" })).toBeVisible();
  await page.context().clearCookies();
  await page.route("**/api/admin/health", (route) => route.abort());
  await as(page, admin, "/admin/health");
  await expect(page.getByRole("alert")).toContainText("The service cannot be reached.");
  await expect(page.getByRole("button", { name: "Try again" })).toBeVisible();
});
