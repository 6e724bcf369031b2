import type { Page } from "@playwright/test";

import { works } from "./media";
import { as, expect, expectAccessible, test } from "./test";

const unconfirmed = {
  status: 503,
  contentType: "application/problem+json",
  headers: { "Retry-After": "1" },
  json: { error: "revocation_unconfirmed", detail: "It is not known whether the revocation holds.", suggested: "Repeat the call.", trace_id: "0123456789abcdef0123456789abcdef", metadata: {} },
};

async function revoke(page: Page) {
  await page.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("button", { name: "Revoke it" }).click();
}

test("revoking is confirmed in place, and done when every node refuses the key", async ({ page, instance, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Leaked" });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await page.getByRole("button", { name: "Revoke" }).click();
  const question = page.getByRole("group", { name: "Revoke this key for good?" });
  await expect(question).toContainText("it cannot be brought back");
  await expect(question.getByRole("button", { name: "Keep it" })).toBeFocused();
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await expect(question).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Revoke" })).toBeFocused();
  expect(await works(instance, key.secret)).toBe(true);

  await revoke(page);
  await expect(page.getByText(/It is held on every node after [\d.,]+ m?s/)).toBeVisible();
  expect(await works(instance, key.secret)).toBe(false);
  await expect(page.getByRole("region", { name: "Facts" })).toContainText("by its owner");
  for (const name of ["Revoke", "Regenerate", "Disable", "Rename", "Change expiry", "Change permissions", "Change caps"]) await expect(page.getByRole("button", { name })).toHaveCount(0);
  await expect(page.getByRole("region", { name: "History" })).toContainText("You revoked the key for good.");
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page, "colours");
  await page.reload();
  await expect(page.getByRole("region", { name: "Permissions" })).toContainText("Before it was revoked, this key could");
});

test("nothing says revoked before the service does", async ({ page, instance, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Slow" });
  let go: () => void = () => {};
  const held = new Promise<void>((resolve) => (go = resolve));
  await page.route(`**/api/auth/access-keys/${key.id}`, async (route) => {
    if (route.request().method() === "DELETE") await held;
    await route.continue();
  });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await revoke(page);
  await expect(page.getByRole("button", { name: "Revoking…" })).toHaveAttribute("aria-busy", "true");
  await expect(page.getByRole("region", { name: "Facts" })).toContainText("Active");
  await expect(page.getByText("Revoked.")).toHaveCount(0);
  // Looking again in the meantime changes nothing about it.
  await page.evaluate(() => window.dispatchEvent(new Event("focus")));
  await expect(page.getByRole("button", { name: "Revoking…" })).toBeVisible();
  expect(await works(instance, key.secret)).toBe(true);
  go();
  await expect(page.getByText("It is held on every node after")).toBeVisible();
  expect(await works(instance, key.secret)).toBe(false);
});

test("what is not confirmed stays revoking, and is asked for again", async ({ page, instance, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Unsure" });
  let refused = 0;
  await page.route(`**/api/auth/access-keys/${key.id}`, async (route) => {
    if (route.request().method() === "DELETE" && refused++ === 0) return route.fulfill(unconfirmed);
    await route.continue();
  });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await revoke(page);
  await expect(page.getByText("Revoking: it is not sure yet that every node refuses the key.")).toBeVisible();
  await expect(page.getByRole("alert")).toContainText("Trace 0123456789abcdef0123456789abcdef");
  await expect(page.getByText("held on every node after")).toHaveCount(0);
  await expectAccessible(page);
  await page.getByRole("button", { name: "Ask again" }).click();
  await expect(page.getByText("It is held on every node after at most")).toBeVisible();
  await expect(page.getByRole("alert")).toHaveCount(0);
  expect(await works(instance, key.secret)).toBe(false);
});

test("a key that is revoking is looked at until it is revoked", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Under way" });
  await member.api.accessKeyDelete(key.id);
  let looks = 0;
  await page.route(`**/api/auth/access-keys/${key.id}`, async (route) => {
    const answer = await route.fetch();
    const json = await answer.json();
    await route.fulfill({ response: answer, json: looks++ < 2 ? { ...json, status: "revoking" } : json });
  });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await expect(page.getByText("Revoking: it is not sure yet")).toBeVisible();
  await expect(page.getByRole("button", { name: "Regenerate" })).toHaveCount(0);
  await expectAccessible(page);
  await expect(page.getByRole("region", { name: "Facts" })).toContainText("Revoked");
  await expect(page.getByText("Revoking: it is not sure yet")).toHaveCount(0);
});

test("a key that another tab revokes while this one shows and edits it", async ({ page, context, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Both tabs" });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("Too late");

  const other = await context.newPage();
  await other.goto(page.url());
  await revoke(other);
  await expect(other.getByText("It is held on every node after")).toBeVisible();
  await other.close();

  await page.getByRole("dialog").getByRole("button", { name: "Rename" }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Name" })).toHaveValue("Too late");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("region", { name: "Facts" })).toContainText("Revoked");
  await expect(page.getByRole("button", { name: "Regenerate" })).toHaveCount(0);
  expect((await member.api.accessKeyGet(key.id)).name).toBe("Both tabs");
});

test("a session that has ended is not measured as a revocation", async ({ page, instance, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Signed out" });
  const other = await instance.signIn(member.handle);
  await as(page, member, `/settings/access-keys/${key.id}`);
  await page.getByRole("button", { name: "Revoke" }).click();
  for (const s of (await other.api.sessionList()).sessions) if (!s.current) await other.api.sessionDelete(s.id);
  await page.getByRole("button", { name: "Revoke it" }).click();
  const again = page.getByRole("dialog", { name: "Your session has ended" });
  await again.getByLabel("Password").pressSequentially("correct horse battery staple", { delay: 60 });
  await page.keyboard.press("Enter");
  const said = page.getByText(/It is held on every node after [\d.,]+ ms/); // not seconds
  await expect(said).toBeVisible();
});

test("a failure that has nothing to do with nodes leaves the key as it is", async ({ page, instance, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Still there" });
  await page.route(`**/api/auth/access-keys/${key.id}`, async (route) => {
    if (route.request().method() !== "DELETE") return route.continue();
    await route.fulfill({ ...unconfirmed, json: { ...unconfirmed.json, error: "database_unavailable", detail: "The database is away." } });
  });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await revoke(page);
  await expect(page.getByRole("alert")).toContainText("The database is away.");
  await expect(page.getByRole("button", { name: "Revoke" })).toBeVisible();
  await expect(page.getByText("Revoking")).toHaveCount(0);
  expect(await works(instance, key.secret)).toBe(true);
});
