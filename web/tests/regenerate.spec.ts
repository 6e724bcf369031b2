import type { Page } from "@playwright/test";

import { works } from "./media";
import { as, expect, expectAccessible, test } from "./test";

const minutes = (n: number) => new Date(Date.now() + n * 60_000).toISOString();

async function regenerate(page: Page, until?: string) {
  await page.getByRole("button", { name: "Regenerate" }).click();
  const dialog = page.getByRole("dialog", { name: "Give the key a new secret" });
  if (until) await dialog.getByRole("radio", { name: until }).check();
  await dialog.getByRole("button", { name: "Make the new secret" }).click();
  const secret = await page.getByRole("dialog", { name: "The new secret" }).getByLabel("Secret", { exact: true }).inputValue();
  expect(secret).toMatch(/^lkpat_/);
  return secret;
}

async function store(page: Page) {
  await page.getByLabel("I have stored it").check();
  await page.getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
}

// Everywhere that a page could leave something behind.
const traces = (page: Page) => page.evaluate(() => [document.documentElement.outerHTML, location.href, JSON.stringify(history.state), JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), document.cookie].join("\n"));

test("a new secret now: the old one is dead, the key is the same, and nothing of the secret stays", async ({ page, instance, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Server" });
  expect(await works(instance, key.secret)).toBe(true);
  await as(page, member, `/settings/access-keys/${key.id}`);
  await page.getByRole("button", { name: "Regenerate" }).click();
  await expect(page.getByText("The old secret is dead on every node before you see the new one.")).toBeVisible();
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page, "colours");
  await page.getByRole("button", { name: "Cancel" }).click();
  expect(await works(instance, key.secret)).toBe(true);

  const secret = await regenerate(page);
  expect(await works(instance, key.secret)).toBe(false);
  expect(await works(instance, secret)).toBe(true);
  await store(page);
  await expect(page.getByRole("heading", { name: "Server", level: 1 })).toBeFocused();
  const hint = secret.split("_").slice(0, 2).join("_");
  await expect(page.getByRole("region", { name: "Facts" })).toContainText(hint);
  await expect(page.getByRole("region", { name: "History" })).toContainText("You gave the key a new secret.The old one was dead at once.");
  expect(await traces(page)).not.toContain(secret.slice(hint.length + 1));
  expect(instance.printed).not.toContain(secret.slice(hint.length + 1));
});

test("with an overlap the old secret works on, until it is ended", async ({ page, instance, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Fleet" });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await page.getByRole("button", { name: "Regenerate" }).click();
  await page.getByRole("radio", { name: "In one day" }).check();
  await expect(page.getByText(/Both secrets work until .*, then the old one is dead/)).toBeVisible();
  await page.keyboard.press("Escape");
  const secret = await regenerate(page, "In one hour");
  expect(await works(instance, key.secret)).toBe(true);
  expect(await works(instance, secret)).toBe(true);
  await store(page);
  const facts = page.getByRole("region", { name: "Facts" });
  await expect(facts).toContainText("works as well, until");
  const now = await member.api.accessKeyGet(key.id);
  expect(Date.parse(now.previous_expires_at!) - Date.now()).toBeGreaterThan(3_500_000);
  await expectAccessible(page);

  // The next regeneration says that the one before the old one ends.
  await page.getByRole("button", { name: "Regenerate" }).click();
  await expect(page.getByText("a key has two secrets at most")).toBeVisible();
  await page.keyboard.press("Escape");

  await facts.getByRole("button", { name: "End it now" }).click();
  await expect(facts.getByRole("group", { name: "End the previous secret now?" })).toContainText("on every node");
  await facts.getByRole("button", { name: "End it", exact: true }).click();
  await expect(facts).not.toContainText("works as well");
  expect(await works(instance, key.secret)).toBe(false);
  expect(await works(instance, secret)).toBe(true);
});

test("an overlap never outlives the expiry, and that is said before", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Short", expires_at: minutes(90) });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await page.getByRole("button", { name: "Regenerate" }).click();
  await page.getByRole("radio", { name: "In one hour" }).check();
  await expect(page.getByText("You can end it sooner", { exact: false })).toBeVisible();
  await page.getByRole("radio", { name: "In seven days" }).check();
  await expect(page.getByText("That is when the key expires, which is sooner than what you chose")).toBeVisible();
  await page.getByRole("button", { name: "Make the new secret" }).click();
  await store(page);
  const now = await member.api.accessKeyGet(key.id);
  expect(now.previous_expires_at).toBe(now.expires_at);
});

test("Esc and the way back do not lose the secret without a warning", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Careful" });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await page.getByRole("link", { name: "Sessions & password" }).click();
  await page.goBack();
  const secret = await regenerate(page);
  await page.keyboard.press("Escape");
  const warning = page.getByRole("alertdialog", { name: "Close without storing it?" });
  await expect(warning).toBeVisible();
  await expectAccessible(page);
  await warning.getByRole("button", { name: "Back to the secret" }).click();
  await expect(page.getByLabel("Secret", { exact: true })).toHaveValue(secret);
  await page.goForward();
  await expect(warning).toBeVisible();
  await warning.getByRole("button", { name: "Back to the secret" }).click();
  await expect(page.getByLabel("Secret", { exact: true })).toHaveValue(secret);
  await expect(page).toHaveURL(new RegExp(key.id));
  await page.keyboard.press("Escape");
  await warning.getByRole("button", { name: "Close anyway" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
  expect(await traces(page)).not.toContain(secret.split("_")[2]!);
  await expect(page.getByRole("heading", { name: "Careful", level: 1 })).toBeVisible();
});

test("a key that changed meanwhile is not regenerated unseen", async ({ page, instance, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Two hands" });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await page.getByRole("button", { name: "Regenerate" }).click();
  const theirs = await member.api.accessKeyRegenerate(key.id, { overlap_seconds: 3600 });
  await page.getByRole("button", { name: "Make the new secret" }).click();
  await expect(page.getByText("The key changed meanwhile, and no new secret was made.")).toBeVisible();
  await expect(page.getByText("a key has two secrets at most")).toBeVisible(); // what it will do now is told anew
  expect(await works(instance, theirs.secret)).toBe(true);
  await page.getByRole("button", { name: "Make the new secret" }).click();
  await store(page);
  expect(await works(instance, theirs.secret)).toBe(false);
});

test("a secret stays on the page when the key is revoked elsewhere", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Unlucky" });
  await as(page, member, `/settings/access-keys/${key.id}`);
  const secret = await regenerate(page);
  await member.api.accessKeyDelete(key.id);
  await page.evaluate(() => window.dispatchEvent(new Event("focus")));
  await expect(page.locator(".badge", { hasText: "Revoked" }).first()).toBeAttached();
  await expect(page.getByLabel("Secret", { exact: true })).toHaveValue(secret);
  await store(page);
});
