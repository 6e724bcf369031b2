import type { Browser } from "@playwright/test";

import type { Person } from "./instance";
import { as, expect, expectAccessible, password, test, watchContext } from "./test";

const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";
const safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";

/** Signs a person in with a browser of its own, as a person does. */
async function signIn(browser: Browser, person: Person, userAgent: string, watch: { faults: string[] }) {
  const context = await browser.newContext({ userAgent, baseURL: person.url, locale: "en-GB", timezoneId: "Europe/Berlin" });
  watchContext(context, person.url, watch);
  const page = await context.newPage();
  await page.goto("/sign-in?return=%2Fsettings%2Fsessions");
  await page.getByLabel("Handle").fill(person.handle);
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Sessions & password", level: 1 })).toBeVisible();
  return page;
}

test("the sessions of two browsers are told apart, and one ends the other", async ({ page, browser, member, watch }) => {
  const elsewhere = await signIn(browser, member, firefox, watch);
  await as(page, member, "/settings/sessions");
  const other = page.getByRole("row", { name: /Firefox 140 on Windows/ });
  await expect(other.getByText("Firefox 140 on Windows")).toHaveAttribute("title", firefox);
  await expect(page.getByRole("row", { name: /This session/ })).toHaveCount(1);
  await expect(other).not.toContainText("This session");
  await expect(elsewhere.getByRole("row", { name: /Firefox 140 on Windows/ })).toContainText("This session");

  await other.getByRole("button", { name: /^End the session of Firefox/ }).click();
  await expect(other).toHaveCount(0);
  await expect(page.getByText("You are signed in here and nowhere else.")).toBeVisible();
  expect((await member.api.sessionList()).sessions).toHaveLength(1);
  await elsewhere.reload();
  await expect(elsewhere.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await elsewhere.context().close();
});

test("all other sessions end at once, and what cannot end is told", async ({ page, browser, member, watch, instance }) => {
  const phone = await signIn(browser, member, safari, watch);
  await instance.signIn(member.handle);
  await as(page, member, "/settings/sessions");
  await expect(page.getByRole("row", { name: /Safari 18 on iPhone/ })).toBeVisible();

  // One of the two fails, once.
  const broken = (await member.api.sessionList()).sessions.find((s) => s.user_agent === safari)!;
  await page.route(`**/api/auth/sessions/${broken.id}`, (route) => route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ error: "database_unavailable", detail: "The database does not answer.", suggested: "Try again.", trace_id: "0".repeat(32), metadata: {} }) }), { times: 1 });
  await page.getByRole("button", { name: "End all other sessions" }).click();
  await expect(page.getByRole("group", { name: "Sign out 2 other browsers?" })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "End 2 sessions" }).click();
  await expect(page.getByText("One session could not be ended:")).toBeVisible();
  await expect(page.getByRole("alert").filter({ hasText: "The database does not answer." })).toBeVisible();
  await expect(page.getByRole("row", { name: /Safari 18 on iPhone/ })).toBeVisible();

  await page.getByRole("button", { name: "End all other sessions" }).click();
  await page.getByRole("button", { name: "End the other session" }).click();
  await expect(page.getByText("You are signed in here and nowhere else.")).toBeVisible();
  expect((await member.api.sessionList()).sessions.map((s) => s.current)).toEqual([true]);
  await phone.context().close();
});

test("the password is changed: a wrong old one is told at its field, the session goes on, others end", async ({ page, browser, member, watch, instance }) => {
  const phone = await signIn(browser, member, safari, watch);
  await as(page, member, "/settings/sessions");
  await expect(page.getByText("A new password ends your other session.")).toBeVisible();
  const old = page.getByLabel("Old password");
  const fresh = page.getByLabel("New password", { exact: true });
  const again = page.getByLabel("New password again");
  await old.fill("not the old password");
  await fresh.fill("an even longer pass phrase");
  await again.fill("an even longer pass phrasE");
  await page.getByRole("button", { name: "Change the password" }).click();
  await expect(again).toHaveAccessibleDescription(/The two differ/);
  await expect(again).toBeFocused();
  await again.fill("an even longer pass phrase");
  await page.keyboard.press("Enter");
  await expect(old).toHaveAccessibleDescription(/The old password is wrong/);
  await expect(old).toBeFocused();
  await expect(page.getByRole("dialog")).toHaveCount(0); // the session has not ended
  await expectAccessible(page);

  await old.fill(password);
  await page.getByRole("button", { name: "Change the password" }).click();
  await expect(page.getByText("The password is changed")).toBeVisible();
  await expect(old).toHaveValue("");
  await expect(page.getByText("You are signed in here and nowhere else.")).toBeVisible();
  await page.reload();
  await expect(page.getByRole("heading", { name: "Sessions & password", level: 1 })).toBeVisible();
  await phone.reload();
  await expect(phone.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await expect(instance.signIn(member.handle)).rejects.toThrow(/sign_in_failed/);
  await phone.context().close();
});

test("a password manager finds whose password it is, and which is new", async ({ page, member }) => {
  await as(page, member, "/settings/sessions");
  const form = page.locator("form").filter({ has: page.getByLabel("Old password") });
  await expect(form.locator("input[autocomplete=username]")).toHaveValue(member.handle);
  await expect(page.getByLabel("Old password")).toHaveAttribute("autocomplete", "current-password");
  await expect(page.getByLabel("New password", { exact: true })).toHaveAttribute("autocomplete", "new-password");
  await expect(page.getByLabel("New password", { exact: true })).toHaveAttribute("minlength", /\d+/);
});

for (const scheme of ["light", "dark"] as const) {
  test(`the sessions screen is accessible and fits a phone, ${scheme}`, async ({ page, member }) => {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width: 360, height: 740 });
    await as(page, member, "/settings/sessions");
    await expect(page.getByRole("row", { name: /This session/ })).toBeVisible();
    await expectAccessible(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  });
}

test("a list that does not come is told, and can be asked for again", async ({ page, member }) => {
  await page.route("**/api/auth/sessions", (route) => route.fulfill({ status: 500, contentType: "application/problem+json", body: JSON.stringify({ error: "internal", detail: "Something broke.", suggested: "Try again.", trace_id: "1".repeat(32), metadata: {} }) }), { times: 1 });
  await as(page, member, "/settings/sessions");
  await expect(page.getByRole("alert")).toContainText("1".repeat(32));
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("row", { name: /This session/ })).toBeVisible();
});
