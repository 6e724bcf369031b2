import { describeMedia } from "./media";
import { as, expect, expectAccessible, newMember, password, test } from "./test";

const days = (n: number) => new Date(Date.now() + n * 86_400_000).toISOString();

test("a key shows its facts, what it may do and what was done to it", async ({ page, admin, member }) => {
  await describeMedia(admin);
  const key = await member.api.accessKeyCreate({ name: "Discord bot", permissions: ["media:read", "media:write"], expires_at: days(40), limits: { query: 1000 } });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await expect(page.getByRole("heading", { name: "Discord bot", level: 1 })).toBeVisible();
  await expect(page).toHaveTitle("Discord bot · Latchkey");
  const facts = page.getByRole("region", { name: "Facts" });
  await expect(facts).toContainText(key.hint);
  await expect(facts).toContainText("Last usednot yet");
  await expect(facts).toContainText("Secret madewith the key");
  await expect(page.getByRole("region", { name: "Permissions" })).toContainText("This key may read and write Media, and nothing else.");
  await expect(page.getByRole("region", { name: "Caps" })).toContainText("Queries: 0 of 1,000 used");
  await expect(page.getByRole("region", { name: "History" })).toContainText("You created the key as “Discord bot”.");
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page, "colours");
  await page.reload();
  await expect(page.getByRole("heading", { name: "Discord bot", level: 1 })).toBeVisible();
});

test("what a key asked for is told apart from what it may do now", async ({ page, instance, admin, counter }) => {
  await describeMedia(admin);
  const grace = await newMember(instance, admin, `grace${++counter.n}-${Date.now()}`, ["USE_PERSONAL_ACCESS_KEYS", "media:*"]);
  const key = await grace.api.accessKeyCreate({ name: "Site", permissions: ["media:read", "media:delete"] });
  const { roles } = await grace.api.accountGet();
  await admin.api.roleUpdate(roles[0]!.id, { permissions: ["USE_PERSONAL_ACCESS_KEYS", "media:read"] });
  await as(page, grace, `/settings/access-keys/${key.id}`);
  await expect(page.getByText("Your account no longer holds all of it.")).toBeVisible();
  await expect(page.getByRole("list", { name: "Asked for" }).getByRole("listitem").filter({ hasText: "not in full now" })).toHaveText(/media:delete/);
  await expect(page.getByRole("list", { name: "Effective now" })).toHaveText("media:read");
});

test("a key that is not there, or is somebody else's, is not found", async ({ page, instance, admin, member }) => {
  const theirs = await admin.api.accessKeyCreate({ name: "Of ada" });
  for (const id of [theirs.id, "00000000000000000000", "no-id-at-all"]) {
    await as(page, member, `/settings/access-keys/${id}`);
    await expect(page.getByRole("heading", { name: "You have no key with this id" })).toBeVisible();
    await expect(page.getByText("Of ada")).toHaveCount(0);
  }
  await expectAccessible(page);
  await page.getByRole("link", { name: "See your keys" }).click();
  await expect(page).toHaveURL(`${instance.url}/settings/access-keys`);
});

test("a key is renamed, and the name is checked", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Old" });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await page.getByRole("button", { name: "Rename" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill(" ");
  await dialog.getByRole("button", { name: "Rename" }).click();
  await expect(dialog.getByText("Give it a name.")).toBeVisible();
  await expectAccessible(page);
  await dialog.getByLabel("Name").fill("New");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "New", level: 1 })).toBeVisible();
  await expect(dialog).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Rename" })).toBeFocused();
  await expect(page.getByRole("region", { name: "History" })).toContainText("Name: “Old” → “New”");
  expect((await member.api.accessKeyGet(key.id)).name).toBe("New");
});

test("a change of what changed meanwhile tells the fresh values and keeps what was typed", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "First" });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await page.getByRole("button", { name: "Rename" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Mine");
  await member.api.accessKeyUpdate(key.id, { name: "Theirs" });
  await dialog.getByRole("button", { name: "Rename" }).click();
  await expect(dialog.getByRole("alert")).toContainText("Its name is now “Theirs”.");
  await expect(dialog.getByRole("alert")).toContainText("Trace");
  await expect(dialog.getByLabel("Name")).toHaveValue("Mine");
  expect((await member.api.accessKeyGet(key.id)).name).toBe("Theirs");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Save it anyway" }).click();
  await expect(page.getByRole("heading", { name: "Mine", level: 1 })).toBeVisible();
});

test("a day as expiry is its end where the reader is", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Timed", expires_at: days(10) });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await page.getByRole("button", { name: "Change expiry" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("radio", { name: "At the end of a day" })).toBeChecked();
  await dialog.getByLabel("Last day").fill("2031-07-01");
  await expect(dialog.getByText("It stops working on")).toContainText("1 Jul 2031, 23:59:59");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Save the expiry" }).click();
  await expect(page.getByRole("region", { name: "Facts" })).toContainText("1 Jul 2031, 23:59:59");
  expect((await member.api.accessKeyGet(key.id)).expires_at).toBe("2031-07-01T21:59:59Z"); // Berlin, in summer

  await page.getByRole("button", { name: "Change expiry" }).click();
  await dialog.getByRole("radio", { name: "Never" }).check();
  await expect(dialog.getByText("A key that never expires works until somebody revokes it")).toBeVisible();
  await dialog.getByRole("button", { name: "Save the expiry" }).click();
  await expect(page.getByRole("region", { name: "Facts" })).toContainText("Expiresnever");
  expect((await member.api.accessKeyGet(key.id)).expires_at).toBeUndefined();
});

test("an instance that asks for an expiry offers no other", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Timed", expires_at: days(10) });
  await page.route("**/api/instance", async (route) => {
    const answer = await (await route.fetch()).json();
    await route.fulfill({ json: { ...answer, access_keys: { ...answer.access_keys, expiry_required: true, life_most_seconds: 60 * 86_400 } } });
  });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await page.getByRole("button", { name: "Change expiry" }).click();
  await expect(page.getByText("This instance asks every key to expire.")).toBeVisible();
  await expect(page.getByRole("radio", { name: "Never" })).toBeDisabled();
  await expect(page.getByRole("radio", { name: "In 30 days" })).toBeEnabled();
  await expect(page.getByRole("radio", { name: "In 90 days" })).toBeDisabled();
});

test("permissions are narrowed with what that takes away said before", async ({ page, admin, member }) => {
  await describeMedia(admin);
  const key = await member.api.accessKeyCreate({ name: "Wide", permissions: ["media:read", "media:write"] });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await page.getByRole("button", { name: "Change permissions" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("The key may read and write Media, and nothing else.")).toBeVisible();
  await dialog.getByLabel("Write Media").uncheck();
  await expect(dialog.getByText("This takes something away:")).toContainText("This takes something away:");
  await expect(dialog.locator(".notice.warn")).toContainText("media:write");
  await expect(dialog.locator(".notice.warn")).toContainText("on every node");
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page, "colours");
  await dialog.getByLabel("Read Media").uncheck();
  await dialog.getByRole("button", { name: "Save the permissions" }).click();
  await expect(dialog.getByRole("alert")).toContainText("Choose at least one permission");
  await dialog.getByLabel("Read Media").check();
  await dialog.getByRole("button", { name: "Save the permissions" }).click();
  await expect(page.getByRole("region", { name: "Permissions" })).toContainText("This key may read Media, and nothing else.");
  expect((await member.api.accessKeyGet(key.id)).permissions).toEqual(["media:read"]);
});

test("caps are changed and taken away", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Capped" });
  await as(page, member, `/settings/access-keys/${key.id}`);
  const caps = page.getByRole("region", { name: "Caps" });
  await expect(caps).toContainText("No caps of its own.");
  await page.getByRole("button", { name: "Change caps" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Queries").fill("1.5");
  await dialog.getByLabel("Mutations").fill("0");
  await dialog.getByRole("button", { name: "Save the caps" }).click();
  await expect(dialog.getByText("A whole number up to")).toBeVisible();
  await expectAccessible(page);
  await dialog.getByLabel("Queries").fill("25,000");
  await dialog.getByRole("button", { name: "Save the caps" }).click();
  await expect(caps).toContainText("Queries: 0 of 25,000 used");
  await expect(caps).toContainText("Mutations: 0 of 0 used · nothing left: more is refused");
  expect((await member.api.accessKeyGet(key.id)).limits).toEqual({ query: 25_000, mutation: 0 });
  await expectAccessible(page);
});

test("a key is disabled and enabled", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Switch" });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await page.getByRole("button", { name: "Disable" }).click();
  await expect(page.getByText("This key is disabled and opens nothing")).toBeVisible();
  expect((await member.api.accessKeyGet(key.id)).status).toBe("disabled");
  await expectAccessible(page);
  await page.getByRole("button", { name: "Enable" }).click();
  await expect(page.getByRole("region", { name: "Facts" })).toContainText("Active");
  await expect(page.getByRole("region", { name: "History" })).toContainText("You enabled the key.");
});

test("a session that ends in the middle of editing loses nothing", async ({ page, instance, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Before" });
  const other = await instance.signIn(member.handle);
  await as(page, member, `/settings/access-keys/${key.id}`);
  await page.getByRole("button", { name: "Rename" }).click();
  const dialog = page.getByRole("dialog", { name: "Rename the key" });
  await dialog.getByLabel("Name").fill("After");
  for (const s of (await other.api.sessionList()).sessions) if (!s.current) await other.api.sessionDelete(s.id);
  await dialog.getByRole("button", { name: "Rename" }).click();
  const again = page.getByRole("dialog", { name: "Your session has ended" });
  await expect(again).toBeVisible();
  await again.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "After", level: 1 })).toBeVisible();
  await expect(dialog.or(again)).toHaveCount(0);
  expect((await other.api.accessKeyGet(key.id)).name).toBe("After");
});

test("an older answer that comes late does not undo what was changed", async ({ page, instance, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Before" });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await page.getByRole("button", { name: "Rename" }).click();
  const dialog = page.getByRole("dialog", { name: "Rename the key" });
  await dialog.getByLabel("Name").fill("After");
  const other = await instance.signIn(member.handle);
  for (const s of (await other.api.sessionList()).sessions) if (!s.current) await other.api.sessionDelete(s.id);
  await dialog.getByRole("button", { name: "Rename" }).click();
  const again = page.getByRole("dialog", { name: "Your session has ended" });
  await again.getByLabel("Password").fill(password);
  // With the new session everything is asked for anew: the key is read before it is renamed, and answered after that.
  let [read, told] = [() => {}, () => {}];
  const wasRead = new Promise<void>((done) => (read = done));
  const wasTold = new Promise<void>((done) => (told = done));
  const renamed = page.waitForResponse((r) => r.request().method() === "PATCH" && r.status() === 200);
  await page.route(`**/api/auth/access-keys/${key.id}`, async (route) => {
    if (route.request().method() === "PATCH") {
      await wasRead;
      return route.continue();
    }
    const response = await route.fetch();
    read();
    await renamed;
    await expect(dialog).toHaveCount(0);
    await route.fulfill({ response }).catch(() => undefined); // nobody may want it any more
    told();
  });
  await page.keyboard.press("Enter");
  await wasTold;
  await page.waitForLoadState("networkidle");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("After");
});

for (const [what, name] of [
  ["of a hundred emoji", "🔑".repeat(100)],
  ["from right to left", "مفتاح الخادم الرئيسي (نسخة) שלום"],
  ["without a break", "x".repeat(100)],
] as const) {
  test(`a name ${what} breaks nothing`, async ({ page, member }) => {
    const key = await member.api.accessKeyCreate({ name });
    await page.setViewportSize({ width: 360, height: 740 });
    await as(page, member, `/settings/access-keys/${key.id}`);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(name);
    await page.getByRole("button", { name: "Rename" }).click();
    await expect(page.getByRole("dialog").getByLabel("Name")).toHaveValue(name);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Revoke" }).click();
    await expect(page.getByRole("region", { name: "History" })).toContainText("You created the key");
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    await expectAccessible(page);
  });
}

test("what another window did is seen when one comes back", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Shared" });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await expect(page.getByRole("heading", { name: "Shared", level: 1 })).toBeVisible();
  await member.api.accessKeyUpdate(key.id, { name: "Shared by two" });
  await page.evaluate(() => window.dispatchEvent(new Event("focus")));
  await expect(page.getByRole("heading", { name: "Shared by two", level: 1 })).toBeVisible();
});

test("a slow service is waited for, and a failing one is told of", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Slow" });
  let answer: () => void = () => {};
  const held = new Promise<void>((resolve) => (answer = resolve));
  let refuse = true;
  await page.route(`**/api/auth/access-keys/${key.id}`, async (route) => {
    await held;
    if (!refuse) return route.continue();
    await route.fulfill({ status: 500, contentType: "application/problem+json", json: { error: "internal", detail: "Something broke.", suggested: "Try again.", trace_id: "0123456789abcdef0123456789abcdef", metadata: {} } });
  });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await expect(page.getByRole("status", { name: "Loading" })).toBeVisible();
  answer();
  await expect(page.getByRole("alert")).toContainText("Trace 0123456789abcdef0123456789abcdef");
  refuse = false;
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { name: "Slow", level: 1 })).toBeVisible();
});

test("a long history comes in pages", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "v0" });
  for (let i = 1; i <= 22; i++) await member.api.accessKeyUpdate(key.id, { name: `v${i}` });
  await as(page, member, `/settings/access-keys/${key.id}`);
  const history = page.getByRole("region", { name: "History" });
  await expect(history).toContainText("20 events, and there are more");
  await expect(history.getByText("You created the key")).toHaveCount(0);
  await history.getByRole("button", { name: "Show more" }).click();
  await expect(history).toContainText("You created the key as “v0”.");
  await expect(history).toContainText("23 events");
});

test("an expired key says what can still be done, and works again with more time", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Late", expires_at: new Date(Date.now() + 700).toISOString() });
  await expect.poll(async () => (await member.api.accessKeyGet(key.id)).status).toBe("expired");
  await as(page, member, `/settings/access-keys/${key.id}`);
  await expect(page.getByText("This key has expired and opens nothing.")).toBeVisible();
  await expect(page.getByRole("button", { name: "Regenerate" })).toHaveCount(0);
  await expectAccessible(page);
  await page.getByRole("button", { name: "Change expiry" }).click();
  await expect(page.getByRole("radio", { name: "In 90 days" })).toBeChecked();
  await page.getByRole("button", { name: "Save the expiry" }).click();
  await expect(page.getByRole("button", { name: "Regenerate" })).toBeVisible();
});
