import type { Page } from "@playwright/test";

import { as, expect, expectAccessible, test } from "./test";

test.use({ permissions: ["clipboard-read", "clipboard-write"] });

const open = (page: Page) => page.getByRole("button", { name: "Revoke all my keys…" }).click();
const dialog = (page: Page) => page.getByRole("dialog");

test("all keys are named, revoked at once and tied to an incident", async ({ page, member, admin }) => {
  await member.api.accessKeyCreate({ name: "Discord bot" });
  const off = await member.api.accessKeyCreate({ name: "🔑".repeat(100) });
  await member.api.accessKeyUpdate(off.id, { enabled: false });
  const gone = await member.api.accessKeyCreate({ name: "Revoked before" });
  await member.api.accessKeyDelete(gone.id);
  await as(page, member, "/settings/access-keys");
  await open(page);
  await expect(dialog(page)).toContainText("2 keys stop working at once, on every node, for good.");
  const names = dialog(page).getByRole("region", { name: "The 2 keys" });
  await expect(names.getByRole("listitem")).toHaveCount(2);
  await expect(names).toContainText("Discord bot");
  await expect(names).not.toContainText("Revoked before");
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page, "colours");
  await page.getByLabel("What happened (optional)").fill("Laptop stolen");
  await page.getByRole("button", { name: "Revoke 2 keys for good" }).click();
  await expect(page.getByRole("heading", { name: "All your keys are revoked" })).toBeVisible();
  await expect(dialog(page).getByRole("status").first()).toContainText(/^2 keys revoked\. It held on every node [\d.,]+ m?s after you asked\.$/);
  await expectAccessible(page);
  const incident = await dialog(page).getByRole("definition").locator("code").textContent();
  await page.getByRole("button", { name: "Copy the incident" }).click();
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(incident);
  await page.getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("heading", { name: "You have no keys that work" })).toBeVisible();
  await page.getByRole("button", { name: "Show the revoked ones" }).click();
  await expect(page.getByText("3 keys")).toBeVisible();
  const { keys } = await member.api.accessKeyList();
  expect(keys.filter((k) => k.incident_id === incident).map((k) => k.status)).toEqual(["revoked", "revoked"]);
  expect(JSON.stringify(await admin.api.adminAuditEventList({ limit: 20 }))).toContain("Laptop stolen");
});

test("while it runs it says so, and an answer that is lost can be had again", async ({ page, member }) => {
  await member.api.accessKeyCreate({ name: "One" });
  let calls = 0;
  let go = () => {};
  const answer = new Promise<void>((resolve) => (go = resolve));
  const trace = "0123456789abcdef0123456789abcdef";
  await page.route("**/api/auth/access-keys/revoke-all", async (route) => {
    if (++calls > 1) return route.continue();
    await answer;
    await route.fetch(); // done, and nobody hears of it
    return route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ type: "urn:latchkey:problem:revocation_unconfirmed", title: "T", status: 503, detail: "It is not known whether the change was made.", trace_id: trace, metadata: {}, error: "revocation_unconfirmed", message: "T", suggested: "Repeat the call: once it succeeds, it holds everywhere." }) });
  });
  await as(page, member, "/settings/access-keys");
  await open(page);
  await page.getByRole("button", { name: "Revoke 1 key for good" }).dblclick();
  await expect(page.getByText("Revoking, and waiting until every node knows…")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog(page)).toBeVisible();
  go();
  await expect(page.getByRole("alert")).toContainText(trace);
  await expect(page.getByText("Doing it again harms nothing")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Revoke them again" }).click();
  await expect(page.getByRole("heading", { name: "All your keys are revoked" })).toBeVisible();
  await expect(page.getByText("All of them had been revoked before")).toBeVisible();
  expect(calls).toBe(2);
});

test("nothing happens to who keeps them, and nothing is revoked where the names cannot be had", async ({ page, member }) => {
  await member.api.accessKeyCreate({ name: "Kept" });
  await as(page, member, "/settings/access-keys");
  await open(page);
  await page.getByRole("button", { name: "Keep them" }).click();
  await expect(dialog(page)).toHaveCount(0);
  await page.route(/access-keys\?.*revoked=false&limit|access-keys\?revoked=false&limit/, (route) => route.abort());
  await open(page);
  await expect(dialog(page).getByRole("alert")).toContainText("The service cannot be reached.");
  await expect(page.getByRole("button", { name: /for good/ })).toHaveCount(0);
  await page.unrouteAll();
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("button", { name: "Revoke 1 key for good" })).toBeVisible();
  expect((await member.api.accessKeyList()).keys[0]!.status).toBe("active");
});
