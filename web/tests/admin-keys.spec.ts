import { answerTo, arabic, emoji, expectWellMade, failed, unique } from "./admin";
import { as, expect, newMember, test } from "./test";

test("keys are found by what they are called, and the address keeps the search", async ({ page, admin, member }) => {
  const mark = unique();
  for (const name of [`100% ${mark}`, `100 ${mark}`, `🦊 ${mark}`, `Discord ${mark.toUpperCase()}`]) await member.api.accessKeyCreate({ name });
  await as(page, admin, "/admin/access-keys");
  const rows = page.getByRole("row").filter({ hasText: new RegExp(mark, "i") });
  const search = page.getByLabel("Search");
  await search.fill(mark);
  await expect(rows).toHaveCount(4);
  await search.fill(`% ${mark}`);
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText(`100% ${mark}`);
  await search.fill(`🦊 ${mark}`);
  await expect(rows).toContainText(`🦊 ${mark}`);
  await search.fill(`dIsCoRd ${mark}`);
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText("Discord");
  await expect(page).toHaveURL(/search=dIsCoRd/);
  await page.reload();
  await expect(search).toHaveValue(`dIsCoRd ${mark}`);
  await expect(rows).toHaveCount(1);
  await search.fill(`nothing ${mark}`);
  await expect(page.getByRole("heading", { name: "No key fits" })).toBeVisible();
  await page.getByRole("link", { name: "Show all but revoked ones" }).click();
  await expect(search).toHaveValue("");
  await expect(rows).toHaveCount(4);
});

test("a key is revoked in its row, which stays in its place", async ({ page, instance, admin, member }) => {
  const [alpha, beta, gamma] = [await member.api.accessKeyCreate({ name: "Gamma" }), await member.api.accessKeyCreate({ name: "Beta" }), await member.api.accessKeyCreate({ name: "Alpha" })];
  expect(await answerTo(instance, beta.secret)).toBe(200);
  await as(page, admin, `/admin/access-keys?account=${member.id}`);
  await expect(page.getByLabel("Owner")).toHaveValue(member.handle);
  const below = page.getByRole("row").filter({ hasText: "Gamma" });
  const place = await below.boundingBox();

  let release = () => {};
  const slow = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/api/admin/access-keys/*", async (route) => {
    await slow;
    await route.continue();
  });
  await page.getByRole("button", { name: "Revoke Beta" }).click();
  const question = page.getByRole("group", { name: "Revoke Beta?" });
  await expect(question).toContainText("for good");
  expect(await below.boundingBox()).toEqual(place);
  await question.getByRole("button", { name: "Revoke", exact: true }).click();
  await expect(question.getByRole("button", { name: "Revoking…" })).toBeVisible();
  const row = page.getByRole("row").filter({ hasText: "Beta" });
  await expect(row).not.toContainText("Revoked"); // it is not yet
  expect(await answerTo(instance, beta.secret)).toBe(200);
  release();
  await expect(row).toContainText(/Held everywhere after [\d.,]+ m?s/);
  await expect(row).toContainText("Revoked");
  expect(await answerTo(instance, beta.secret)).toBe(401);
  expect(await answerTo(instance, alpha.secret)).toBe(200);
  expect(await answerTo(instance, gamma.secret)).toBe(200);
  expect(await below.boundingBox()).toEqual(place);

  await page.reload(); // revoked ones are out of the way
  await expect(below).toBeVisible();
  await expect(row).toHaveCount(0);
  await page.getByLabel("Status").selectOption("Revoked");
  await expect(row).toContainText("by an administrator");
  await expect(below).toHaveCount(0);
  await page.getByLabel("Status").selectOption("All, revoked too");
  await expect(below).toBeVisible();
  await expect(row).toBeVisible();
});

test("a key is revoked with the keyboard alone", async ({ page, instance, admin, member }) => {
  const key = await member.api.accessKeyCreate({ name: "By keyboard" });
  await as(page, admin, `/admin/access-keys?account=${member.id}`);
  const button = page.getByRole("button", { name: "Revoke By keyboard" });
  await expect(button).toBeVisible(); // before it is, another thing comes next
  await page.getByLabel("Owner").focus();
  await page.keyboard.press("Tab"); // the owner's link
  await page.keyboard.press("Tab");
  await expect(button).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Keep it" })).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(button).toBeFocused();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(page.getByText(/Held everywhere after/)).toBeFocused();
  expect(await answerTo(instance, key.secret)).toBe(401);
});

test("a revocation that fails says so in its row and can be tried again", async ({ page, instance, admin, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Stubborn" });
  await as(page, admin, `/admin/access-keys?account=${member.id}`);
  await page.route("**/api/admin/access-keys/*", (route) => route.fulfill(failed));
  await page.getByRole("button", { name: "Revoke Stubborn" }).click();
  const question = page.getByRole("group", { name: "Revoke Stubborn?" });
  await question.getByRole("button", { name: "Revoke", exact: true }).click();
  await expect(question.getByRole("alert")).toContainText("Not every instance has answered.");
  await expect(question.getByRole("alert")).toContainText("0af7651916cd43dd8448eb211c80319c");
  await expect(page.getByRole("row").filter({ hasText: "Stubborn" })).toContainText("Active");
  await expectWellMade(page);
  expect(await answerTo(instance, key.secret)).toBe(200);
  await page.unroute("**/api/admin/access-keys/*");
  await question.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByText(/Held everywhere after/)).toBeVisible();
  expect(await answerTo(instance, key.secret)).toBe(401);
});

test("a long list comes in pages, and is narrowed by owner and status", async ({ page, instance, admin, member }) => {
  const other = await newMember(instance, admin, `other-${unique()}`, ["USE_PERSONAL_ACCESS_KEYS"]);
  await other.api.accessKeyCreate({ name: "Of another" });
  for (const name of ["One", "Two", "Three"]) await member.api.accessKeyCreate({ name });
  const disabled = await member.api.accessKeyCreate({ name: "Resting" });
  await member.api.accessKeyUpdate(disabled.id, { enabled: false });
  await page.route("**/api/admin/access-keys?*", (route) => route.continue({ url: route.request().url().replace("limit=50", "limit=2") }));
  await as(page, admin, "/admin/access-keys");
  await page.getByLabel("Owner").fill(member.handle.toUpperCase());
  await expect(page).toHaveURL(new RegExp(`account=${member.id}`));
  await expect(page.getByText("2 keys, and there are more")).toBeVisible();
  await page.getByRole("button", { name: "Show more" }).click();
  await expect(page.getByRole("row")).toHaveCount(5);
  await expect(page.getByText("Of another")).toHaveCount(0);
  await page.getByLabel("Status").selectOption("Disabled");
  await expect(page.getByRole("row")).toHaveCount(2);
  await expect(page.getByRole("row").last()).toContainText("Resting");
  await page.getByLabel("Owner").fill("nobody-of-that-name");
  await expect(page.getByText("No account has this handle.")).toBeVisible();
});

test("all keys of an account are revoked after they were counted", async ({ page, instance, admin, member }) => {
  const other = await newMember(instance, admin, `other-${unique()}`, ["USE_PERSONAL_ACCESS_KEYS"]);
  const spared = await other.api.accessKeyCreate({ name: "Spared" });
  const keys = [await member.api.accessKeyCreate({ name: "One" }), await member.api.accessKeyCreate({ name: "Two" })];
  await as(page, admin, "/admin/access-keys");
  await page.getByRole("button", { name: "Revoke many…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Those of one account").check();
  await dialog.getByRole("button", { name: "Count them first" }).click();
  await expect(dialog).toContainText("Name the account by its handle.");
  await expect(dialog).toContainText("Say what happened, in a few words.");
  await dialog.getByLabel("Account", { exact: true }).fill(member.handle);
  await dialog.getByLabel("Reason").fill("Account taken over 🦊");
  await expectWellMade(page);
  await dialog.getByRole("button", { name: "Count them first" }).click();
  await expect(dialog.getByRole("heading", { name: "2 keys of 1 account" })).toBeFocused();
  await expect(dialog.getByRole("list", { name: "Whose keys" })).toContainText(`${member.handle} 2 keys`);
  await expectWellMade(page);

  await page.route("**/revoke-all", (route) => route.fulfill(failed));
  await dialog.getByRole("button", { name: "Revoke 2 keys for good" }).click();
  await expect(dialog.getByRole("alert")).toContainText("Not every instance has answered.");
  expect(await answerTo(instance, keys[0]!.secret)).toBe(200);
  await page.unroute("**/revoke-all");
  await dialog.getByRole("button", { name: "Revoke 2 keys for good" }).click();
  await expect(dialog.getByRole("heading", { name: "2 keys revoked" })).toBeFocused();
  await expect(dialog).toContainText(/held on every instance after [\d.,]+ m?s/);
  for (const key of keys) expect(await answerTo(instance, key.secret)).toBe(401);
  expect(await answerTo(instance, spared.secret)).toBe(200);
  await expectWellMade(page);
  const incident = await dialog.getByRole("code").textContent();
  const { events } = await admin.api.adminAuditEventList({ incident: incident! });
  expect(events.map((e) => e.type).sort()).toEqual(["access_key_revoked", "access_key_revoked", "access_keys_revoked"]);
  await dialog.getByRole("link", { name: "See its events in the audit log" }).click();
  await expect(page).toHaveURL(`${instance.url}/admin/audit?incident=${incident}`);
});

test("keys made before a moment are revoked, younger ones are not", async ({ page, instance, admin, member }) => {
  const [old, young] = [await member.api.accessKeyCreate({ name: "Old" }), await member.api.accessKeyCreate({ name: "Young" })];
  instance.sql(`UPDATE access_key SET created_at = '2026-03-01T11:00:00Z' WHERE id = '${old.id}'`);
  await as(page, admin, `/admin/access-keys?account=${member.id}`);
  await page.getByRole("button", { name: "Revoke many…" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByLabel("Account", { exact: true })).toHaveValue(member.handle); // whose keys were looked at
  await dialog.getByLabel("Reason").fill("Backup lost");
  await dialog.getByLabel("Only those made before a moment").check();
  await expect(dialog).toContainText("Central European");
  const moment = dialog.getByLabel("Made before", { exact: true });
  await moment.fill("2026-03-01T12:00:00"); // 11:00 in UTC: the key was not made before it
  await dialog.getByRole("button", { name: "Count them first" }).click();
  await expect(dialog.getByRole("heading", { name: "No key fits" })).toBeVisible();
  await dialog.getByRole("button", { name: "Back" }).click();
  await moment.fill("2026-03-01T12:00:01");
  await dialog.getByRole("button", { name: "Count them first" }).click();
  await dialog.getByRole("button", { name: "Revoke 1 key for good" }).click();
  await expect(dialog.getByRole("heading", { name: "1 key revoked" })).toBeVisible();
  expect(await answerTo(instance, old.secret)).toBe(401);
  expect(await answerTo(instance, young.secret)).toBe(200);
});

test("all keys of all accounts take a tick more", async ({ page, instance, admin, member }) => {
  const key = await member.api.accessKeyCreate({ name: "One of all" });
  await as(page, admin, "/admin/access-keys");
  await page.route("**/api/admin/access-keys?*", (route) => route.continue({ url: route.request().url().replace("limit=100", "limit=1") })); // many pages
  await page.getByRole("button", { name: "Revoke many…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Reason").fill("Database lost");
  await dialog.getByRole("button", { name: "Count them first" }).click();
  const deed = dialog.getByRole("button", { name: /^Revoke \d+ keys? for good$/ });
  await expect(deed).toBeDisabled();
  const live = (await admin.api.adminAccessKeyList({ revoked: false })).keys.length;
  await expect(dialog.getByRole("heading", { name: new RegExp(`^${live} keys? of`) })).toBeVisible();
  await dialog.getByLabel("These are all keys of all accounts, my own included").check();
  await deed.click();
  await expect(dialog.getByRole("heading", { name: /revoked$/ })).toBeVisible();
  expect(await answerTo(instance, key.secret)).toBe(401);
  await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
  await expect(page.getByRole("button", { name: "Revoke many…" })).toBeFocused();
});

test("names of any kind leave the screen whole", async ({ page, admin, member }) => {
  await member.api.accessKeyCreate({ name: emoji });
  await member.api.accessKeyCreate({ name: arabic, permissions: ["*:read", "*:write"] });
  await as(page, admin, `/admin/access-keys?account=${member.id}`);
  await expect(page.getByText(arabic)).toBeVisible();
  await expectWellMade(page);
  await page.setViewportSize({ width: 900, height: 700 }); // the table is wider than its place
  await page.getByRole("button", { name: `Revoke ${arabic}` }).click();
  const question = page.getByRole("group", { name: `Revoke ${arabic}?` });
  await expect(question.getByText("Revoke it for good?")).toBeInViewport({ ratio: 1 });
  await expect(question.getByRole("button", { name: "Revoke", exact: true })).toBeInViewport({ ratio: 1 });
  await expectWellMade(page);
});

test("who manages accounts only does not see everybody's keys", async ({ page, instance, admin }) => {
  const manager = await newMember(instance, admin, `manager-${unique()}`, ["MANAGE_ACCOUNTS"]);
  await as(page, manager, "/admin/access-keys");
  await expect(page.getByRole("heading", { name: "You may not see this" })).toBeVisible();
  await expect(page.getByRole("link", { name: "All keys" })).toHaveCount(0);
  await expect(page.getByRole("link", { name: "Accounts" })).toBeVisible();
});
