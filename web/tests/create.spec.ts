import type { Page } from "@playwright/test";

import { Instance } from "./instance";
import { as, expect, expectAccessible, newMember, password, test } from "./test";

const form = (page: Page) => page.getByRole("dialog", { name: "Create an access key" });
const submit = (page: Page) => page.getByRole("button", { name: "Create the key" });
const day = 86_400_000;

async function stored(page: Page) {
  await expect(page.getByLabel("Secret", { exact: true })).toBeFocused();
  await page.getByLabel("I have stored it").check();
  await page.getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);
}

test("a name is enough: the same as the account, for 90 days, without caps", async ({ page, member }) => {
  await as(page, member, "/settings/access-keys?create"); // a deep link
  await expect(page.getByLabel("Name", { exact: true })).toBeFocused();
  await expect(page.getByLabel("The same as my account")).toBeChecked();
  await expect(page.getByLabel("In 90 days")).toBeChecked();
  await expectAccessible(page);
  await page.keyboard.type("Discord bot");
  const summary = page.getByRole("region", { name: "What you are about to create" });
  await expect(summary).toContainText("A key called Discord bot that may do whatever your account may do, now and later. It works until");
  await page.keyboard.press("Enter");
  await stored(page);
  await expect(page).toHaveURL(/\/settings\/access-keys$/);
  const [key] = (await member.api.accessKeyList()).keys;
  expect(key).toMatchObject({ name: "Discord bot" });
  expect(key!.permissions).toBeUndefined();
  expect(key!.limits).toBeUndefined();
  expect(Math.abs(new Date(key!.expires_at!).getTime() - Date.now() - 90 * day)).toBeLessThan(60_000);
});

test("only these: nothing is ticked, the words follow, and the key holds just that", async ({ page, instance, admin }) => {
  const holder = await newMember(instance, admin, `narrow-${Date.now().toString(36)}`, ["USE_PERSONAL_ACCESS_KEYS", "*:read", "VIEW_AUDIT_LOG"]);
  await as(page, holder, "/settings/access-keys?create");
  await page.getByLabel("Name", { exact: true }).fill("Reader");
  await page.getByLabel("Only these").check();
  const matrix = page.getByRole("table", { name: "Permissions by resource" });
  await expect(matrix.getByRole("checkbox", { checked: true })).toHaveCount(0);
  await expect(matrix.getByLabel("Read Everything")).toBeEnabled();
  await expect(matrix.getByLabel("Write Everything")).toBeDisabled();
  await expect(page.getByLabel("MANAGE_ROLES")).toBeDisabled();
  await expect(page.getByLabel("ADMINISTRATOR")).toHaveCount(0); // no key can have it
  const words = page.locator("[aria-live=polite]", { hasText: "The key may" });
  await expect(words).toHaveText("The key may do nothing yet: choose at least one permission.");
  await submit(page).click();
  await expect(page.getByRole("alert")).toContainText("Tick at least one permission");
  await matrix.getByLabel("Read Everything").check();
  await expect(words).toHaveText("The key may read everything, and nothing else.");
  await page.getByLabel("VIEW_AUDIT_LOG").check();
  await expect(words).toHaveText("The key may read everything; see everybody's events, and nothing else.");
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page, "colours");
  await submit(page).click();
  await stored(page);
  expect((await holder.api.accessKeyList()).keys[0]!.permissions).toEqual(["*:read", "VIEW_AUDIT_LOG"]);
});

test("a date means the end of that day where the reader is, and never is said to be dangerous", async ({ page, member }) => {
  await as(page, member, "/settings/access-keys?create");
  await page.getByLabel("Name", { exact: true }).fill("Dated");
  await page.getByLabel("Never").check();
  await expect(page.getByText("A key that never expires works until somebody revokes it.")).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel("At the end of a day").check();
  await expect(page.getByText("A key that never expires works")).toBeHidden();
  await submit(page).click();
  await expect(page.getByText("Choose a day that has not ended yet.")).toBeVisible();
  await page.getByLabel("Last day").fill("2099-07-14"); // in summer, while it may be winter now
  await expect(page.getByText("It stops working on 14 Jul 2099, 23:59:59, Central European Summer Time.")).toBeVisible();
  await submit(page).click();
  await stored(page);
  expect((await member.api.accessKeyList()).keys[0]!.expires_at).toBe("2099-07-14T21:59:59Z");
});

test("caps are kept with the key, and nonsense is refused where it stands", async ({ page, member }) => {
  await as(page, member, "/settings/access-keys?create");
  await page.getByLabel("Name", { exact: true }).fill("Capped");
  await page.getByText("Limits of its own").click();
  await page.getByLabel("Queries a month").fill("1.5");
  await expect(page.getByText("A whole number up to")).toBeVisible();
  await submit(page).click();
  await expect(form(page)).toBeVisible(); // nothing was sent
  await page.getByLabel("Queries a month").fill("10,000");
  await page.getByLabel("Mutations a month").fill("0");
  await expect(page.getByRole("region", { name: "What you are about to create" })).toContainText("It may use 10,000 queries and 0 mutations a month at the most.");
  await submit(page).click();
  await stored(page);
  expect((await member.api.accessKeyList()).keys[0]!.limits).toEqual({ query: 10_000, mutation: 0 });
});

test("a double click makes one key, however slow the service", async ({ page, member }) => {
  let asked = 0;
  let go = () => {};
  const answer = new Promise<void>((resolve) => (go = resolve));
  await page.route("**/api/auth/access-keys", async (route) => {
    if (route.request().method() !== "POST") return route.fallback();
    asked++;
    await answer;
    return route.continue();
  });
  await as(page, member, "/settings/access-keys?create");
  await page.getByLabel("Name", { exact: true }).fill("Once");
  await submit(page).dblclick();
  await page.getByLabel("Name", { exact: true }).press("Enter");
  await expect(submit(page)).toHaveAttribute("aria-busy", "true");
  await page.keyboard.press("Escape"); // what is under way cannot be closed over
  await expect(form(page)).toBeVisible();
  go();
  await stored(page);
  expect(asked).toBe(1);
  expect((await member.api.accessKeyList()).keys).toHaveLength(1);
});

test("what was typed survives the end of the session", async ({ page, member, instance }) => {
  await as(page, member, "/settings/access-keys?create");
  await page.getByLabel("Name", { exact: true }).fill("Typed before");
  await page.getByLabel("Only these").check();
  await page.getByLabel("Read Everything").check();
  await page.getByLabel("In 365 days").check();
  const sessions = await member.api.sessionList();
  await member.api.sessionDelete(sessions.sessions.find((s) => s.current)!.id);
  await submit(page).click();
  const again = page.getByRole("dialog", { name: "Your session has ended" });
  await expect(again).toBeVisible();
  await expectAccessible(page);
  await again.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await stored(page);
  const back = await instance.signIn(member.handle);
  const [key] = (await back.api.accessKeyList()).keys;
  expect(key).toMatchObject({ name: "Typed before", permissions: ["*:read"] });
  expect(Math.abs(new Date(key!.expires_at!).getTime() - Date.now() - 365 * day)).toBeLessThan(60_000);
});

test("a dialog closed by mistake opens with what was typed, and Cancel forgets it; back closes it", async ({ page, member }) => {
  await as(page, member, "/settings/access-keys");
  const open = page.getByRole("button", { name: "Create a key" });
  await open.click();
  await expect(page).toHaveURL(/\?create/);
  await page.getByLabel("Name", { exact: true }).fill("Half typed");
  await page.keyboard.press("Escape");
  await expect(form(page)).toBeHidden();
  await expect(open).toBeFocused();
  await expect(page).not.toHaveURL(/create/);
  await open.click();
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("Half typed");
  await page.goBack();
  await expect(form(page)).toBeHidden();
  await page.goForward();
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("Half typed");
  await page.getByRole("button", { name: "Cancel" }).click();
  await open.click();
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("");
});

test("every failure is said with a next step, and what was typed stays", async ({ page, member }) => {
  await as(page, member, "/settings/access-keys?create");
  const name = page.getByLabel("Name", { exact: true });
  await name.fill("Try​ again"); // with a zero-width space, which the service refuses
  await submit(page).click();
  await expect(form(page).getByRole("alert")).toContainText("Trace");
  await expect(name).toBeFocused();
  await expect(name).toHaveAttribute("aria-invalid", "true");
  await name.fill("Try again");
  const trace = "0123456789abcdef0123456789abcdef";
  const problem = (status: number, error: string) => ({ status, contentType: "application/problem+json", body: JSON.stringify({ type: `urn:latchkey:problem:${error}`, title: "T", status, detail: "Something broke.", trace_id: trace, metadata: {}, error, message: "T", suggested: "Try later." }) });
  const answers = [
    { how: { ...problem(503, "overloaded"), headers: { "Retry-After": "7" } }, says: ["Something broke.", "Try later.", "It can be tried again in 7 s.", trace] },
    { how: problem(500, "internal"), says: ["Something broke.", trace] },
    { how: { status: 502, contentType: "text/html", body: "<h1>Bad gateway</h1>" }, says: ["This is no answer of Latchkey", "whether a proxy answers in its place"] },
    { how: undefined, says: ["The service cannot be reached."] },
  ];
  for (const { how, says } of answers) {
    await page.route("**/api/auth/access-keys", (route) => (route.request().method() === "POST" ? (how ? route.fulfill(how) : route.abort()) : route.fallback()));
    await submit(page).click();
    for (const words of says) await expect(form(page).getByRole("alert")).toContainText(words);
    await expect(page.getByText("The key may have been made all the same")).toBeVisible();
    await expect(name).toHaveValue("Try again");
    await expectAccessible(page);
    await page.unroute("**/api/auth/access-keys");
  }
  await submit(page).click();
  await stored(page);
  expect((await member.api.accessKeyList()).keys).toHaveLength(1);
});

test("what the instance asks of expiries is what can be chosen", async ({ browser }) => {
  for (const [life, usual, allowed] of [["1440h", "In 60 days", ["In 30 days", "In 60 days, the most that this instance allows", "At the end of a day"]], ["2160h", "In 90 days", ["In 30 days", "In 90 days", "At the end of a day"]], ["12h", "In 12 hours", ["In 12 hours, the most that this instance allows"]]] as const) {
    const instance = await Instance.start({ LATCHKEY_KEY_LIFE_MOST: life });
    const context = await browser.newContext();
    try {
      const ada = await instance.setUp();
      const page = await context.newPage();
      await as(page, ada, "/settings/access-keys?create");
      const expiry = page.getByRole("group", { name: "When it expires" });
      await expect(expiry.getByRole("radio", { checked: true })).toHaveAccessibleName(new RegExp(`^${usual}`));
      await expect(page.getByText("This instance asks every key to expire.")).toBeVisible();
      const open: string[] = [];
      for (const radio of await expiry.getByRole("radio", { disabled: false }).all()) open.push((await radio.evaluate((e: HTMLInputElement) => e.labels![0]!.textContent))!);
      expect(open).toEqual(allowed);
      await page.getByLabel("Name", { exact: true }).fill("As long as it may");
      await submit(page).click();
      await stored(page);
    } finally {
      await context.close();
      await instance.stop();
    }
  }
});
