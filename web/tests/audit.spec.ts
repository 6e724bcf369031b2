import { readFile } from "node:fs/promises";
import type { Page } from "@playwright/test";

import { cell, line } from "../src/admin/csv";
import { as, expect, expectAccessible, newMember, test } from "./test";

/** Reads CSV as RFC 4180 has it, strictly. */
function rows(csv: string): string[][] {
  const table: string[][] = [[]];
  const token = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n)/gy;
  for (let m = token.exec(csv), end = 0; m; m = token.exec(csv)) {
    end = token.lastIndex;
    table.at(-1)!.push(m[1]!.startsWith('"') ? m[1]!.slice(1, -1).replaceAll('""', '"') : m[1]!);
    if (m[2] === "\r\n") table.push([]);
    if (end === csv.length) return table.slice(0, -1);
  }
  throw new Error("this is no CSV");
}

async function exported(page: Page): Promise<string> {
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export CSV" }).click();
  const file = await download;
  expect(file.suggestedFilename()).toMatch(/^audit-log-\d{4}-\d\d-\d\d\.csv$/);
  return readFile(await file.path(), "utf8");
}

const list = (page: Page) => page.getByRole("list", { name: "Events" });

test("events are sentences, with details on demand", async ({ page, admin, member }) => {
  const key = await member.api.accessKeyCreate({ name: "مفتاح 🔑", permissions: ["*:read"] });
  await member.api.accessKeyUpdate(key.id, { name: "Discord bot" });
  await admin.api.adminAccessKeyDelete(key.id);
  await as(page, admin, `/admin/audit?target=${key.id}`);
  const events = list(page).getByRole("listitem");
  await expect(events).toContainText([
    `ada revoked the key Discord bot of ${member.handle}, as an administrator`,
    `${member.handle} renamed the key مفتاح 🔑 to Discord bot`,
    `${member.handle} created the key مفتاح 🔑`,
  ]);
  await events.nth(1).getByRole("button", { name: "Details" }).click();
  const details = events.nth(1);
  await expect(details.getByRole("row", { name: "Name مفتاح 🔑 Discord bot" })).toBeVisible();
  await expect(details).toContainText("127.0.0.1");
  await expect(details.getByRole("link", { name: member.id }).first()).toHaveAttribute("href", `/admin/audit?account=${member.id}`);
  await expectAccessible(page);
});

test("filters live in the address and survive a reload", async ({ page, admin, member }) => {
  await member.api.accessKeyCreate({ name: "one" });
  await as(page, admin, "/admin/audit");
  await page.getByLabel("About the account").fill(member.handle);
  await expect(page).toHaveURL(new RegExp(`account=${member.id}`));
  await page.getByLabel("What").selectOption("Key created");
  await expect(list(page).getByRole("listitem")).toHaveCount(1);
  await page.reload();
  await expect(page.getByLabel("About the account")).toHaveValue(member.handle);
  await expect(page.getByLabel("What")).toHaveValue("access_key_created");
  await expect(list(page).getByRole("listitem")).toHaveText(new RegExp(`^${member.handle} created the key one`));

  await page.getByLabel("To").fill("2020-01-01");
  await expect(page.getByRole("heading", { name: "No event fits" })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Clear the filters" }).first().click();
  await expect(page).toHaveURL(/\/admin\/audit$/);
  await expect(list(page)).toBeVisible();
  await page.getByLabel("Incident").fill("no id");
  await expect(page.getByLabel("Incident")).toHaveAccessibleDescription("An id has 20 small letters and digits.");
  await expect(page).toHaveURL(/\/admin\/audit$/);
});

test("days are the reader's, and both ends count", async ({ page, admin }) => {
  const asked: URLSearchParams[] = [];
  page.on("request", (r) => r.url().includes("/api/admin/audit-events") && asked.push(new URL(r.url()).searchParams));
  await as(page, admin, "/admin/audit?from=2026-03-28&to=2026-03-29"); // clocks change in Berlin
  await expect(page.getByRole("heading", { name: "No event fits" })).toBeVisible();
  expect(asked[0]!.get("from")).toBe("2026-03-27T23:00:00.000Z");
  expect(asked[0]!.get("to")).toBe("2026-03-29T22:00:00.000Z");
});

test("an incident leads to its events", async ({ page, admin, member }) => {
  for (const name of ["first", "second"]) await member.api.accessKeyCreate({ name });
  const { incident_id } = await member.api.accessKeyRevokeAll({ reason: "laptop stolen" });
  await as(page, admin, `/admin/audit?account=${member.id}&type=access_keys_revoked`);
  await expect(list(page).getByRole("listitem")).toContainText(`${member.handle} revoked 2 keys in an incident`);
  await list(page).getByRole("link", { name: "incident", exact: true }).click();
  await expect(page).toHaveURL(new RegExp(`incident=${incident_id}`));
  await expect(list(page).getByRole("listitem")).toHaveCount(3);
});

test("who may not see accounts filters by their ids", async ({ page, instance, admin, member }) => {
  const auditor = await newMember(instance, admin, `auditor-${member.handle}`, ["VIEW_AUDIT_LOG"]);
  const refused: string[] = [];
  page.on("response", (r) => r.status() === 403 && refused.push(r.url()));
  await as(page, auditor, "/admin/audit");
  await page.getByLabel("About the account").fill(member.id);
  await expect(page).toHaveURL(new RegExp(`account=${member.id}`));
  await expect(list(page).getByRole("listitem").first()).toBeVisible();
  await expectAccessible(page);
  expect(refused).toEqual([]);
});

test("an export is a real file that no spreadsheet runs", async ({ page, admin, member }) => {
  const key = await member.api.accessKeyCreate({ name: '=HYPERLINK("https://example.com","x")', permissions: ["*:read"] });
  await admin.api.adminAccessKeyDelete(key.id);
  await as(page, admin, `/admin/audit?target=${key.id}`);
  const csv = await exported(page);
  expect(csv.startsWith("\uFEFFtime_utc,type,sentence,")).toBe(true);
  const [header, ...events] = rows(csv.slice(1));
  const column = (name: string) => events.map((e) => e[header!.indexOf(name)]);
  expect(column("type")).toEqual(["access_key_revoked", "access_key_created"]);
  expect(column("name")[1]).toBe(`'=HYPERLINK("https://example.com","x")`);
  expect(JSON.parse(column("new")[1]!).name).toBe('=HYPERLINK("https://example.com","x")');
  expect(column("time_utc")[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(column("sentence")[0]).toBe(`ada revoked the key =HYPERLINK("https://example.com","x") of ${member.handle}, as an administrator`);
  expect(column("actor")).toEqual(["ada", member.handle]);
  await expect(page.getByText(/audit-log-\S+ has 2 events\./)).toBeVisible();
});

test("cells are quoted as RFC 4180 has it", () => {
  expect(cell('=HYPERLINK("x")')).toBe(`"'=HYPERLINK(""x"")"`);
  expect(["=1", "+1", "-1", "@x", "\tx", "\rx"].map(cell)).toEqual(["'=1", "'+1", "'-1", "'@x", "'\tx", `"'\rx"`]);
  expect(cell("a\nb, \"c\"")).toBe('"a\nb, ""c"""');
  expect(rows(line(["a\r\nb", 'say "x"', "", "plain"]))).toEqual([["a\r\nb", 'say "x"', "", "plain"]]);
});

test("an export reads all pages, with a line break in a name, and can be cancelled", async ({ page, admin }) => {
  const template = { createdAt: "2026-01-02T03:04:05.678Z", type: "access_key_created", actor: { account_id: admin.id, handle: "ada", credential: "session", credential_id: "0".repeat(20), address: "127.0.0.1" }, account_id: admin.id, target: { kind: "access_key", id: "0".repeat(20) } };
  const pageOf = (n: number) => Array.from({ length: 100 }, (_, i) => ({ ...template, id: `${n}-${i}`.padEnd(20, "0"), new: { name: `=1+${i}\n"quoted" ${n}` } }));
  let hold: Promise<void> | undefined;
  await page.route("**/api/admin/audit-events?*", async (route) => {
    const cursor = new URL(route.request().url()).searchParams.get("cursor");
    const n = cursor ? Number(cursor.slice(-1)) : 0;
    if (n === 2) await hold;
    await route.fulfill({ json: { events: pageOf(n), ...(n < 3 && { next_cursor: String(n + 1).padStart(20, "0") }) } }).catch(() => {}); // it was cancelled
  });
  await as(page, admin, "/admin/audit?type=access_key_created");
  const csv = await exported(page);
  const [header, ...events] = rows(csv.slice(1));
  expect(events).toHaveLength(400);
  expect(events[399]![header!.indexOf("name")]).toBe(`'=1+99\n"quoted" 3`);

  let go = () => {};
  hold = new Promise((resolve) => (go = resolve));
  await page.getByRole("button", { name: "Export CSV" }).click();
  await expect(page.getByText("200 events read, back to 2 Jan 2026")).toBeVisible();
  await page.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("button", { name: "Cancel" })).toHaveCount(0);
  await expect(page.getByText("events read")).toHaveCount(0);
  await expect(page.getByRole("alert")).toHaveCount(0);
  go();
});

test("a failing service is told, in the list and in the export", async ({ page, admin }) => {
  const broken = { status: 500, contentType: "application/problem+json", body: JSON.stringify({ error: "internal", detail: "Something broke.", suggested: "Try again.", trace_id: "3".repeat(32), metadata: {} }) };
  await page.route("**/api/admin/audit-events*", (route) => route.fulfill(broken), { times: 1 });
  await as(page, admin, "/admin/audit");
  await expect(page.getByRole("alert")).toContainText("3".repeat(32));
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(list(page)).toBeVisible();
  await page.route("**/api/admin/audit-events*", (route) => route.fulfill(broken), { times: 1 });
  await page.getByRole("button", { name: "Export CSV" }).click();
  await expect(page.getByRole("alert")).toContainText("3".repeat(32));
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Try again" }).click();
  await download;
});

test("pages follow each other", async ({ page, admin, member }) => {
  const key = await member.api.accessKeyCreate({ name: "renamed" });
  for (let i = 0; i < 100; i++) await member.api.accessKeyUpdate(key.id, { name: `renamed ${i}` });
  await as(page, admin, `/admin/audit?target=${key.id}`);
  await expect(page.getByText("100 events, and there are more")).toBeVisible();
  await page.getByRole("button", { name: "Show more" }).click();
  await expect(page.getByText("101 events", { exact: true })).toBeVisible();
  await expect(page.getByRole("button", { name: "Show more" })).toHaveCount(0);
});

for (const scheme of ["light", "dark"] as const) {
  test(`the audit log is accessible and fits a phone, ${scheme}`, async ({ page, admin, member }) => {
    await member.api.accessKeyCreate({ name: "🔑".repeat(100) });
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width: 360, height: 740 });
    await as(page, admin, `/admin/audit?account=${member.id}`);
    await page.getByRole("button", { name: "Details" }).first().click();
    await expectAccessible(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  });
}
