import { Latchkey } from "@latchkey-dev/sdk";

import { arabic, emoji, expectWellMade, failed, unique } from "./admin";
import { as, expect, newMember, password, test } from "./test";

test("accounts are found by handle and name, and the address keeps the search", async ({ page, admin }) => {
  const mark = unique();
  for (const [i, name] of [`100% ${mark}`, `100 ${mark}`, `🦊 ${mark}`, `Grace HOPPER ${mark}`].entries()) await admin.api.accountCreate({ identifier: `a${i}-${mark}`, name, token: password });
  await as(page, admin, "/admin/accounts");
  const rows = page.getByRole("row").filter({ hasText: mark });
  const search = page.getByLabel("Search by handle or name");
  await search.fill(`% ${mark}`);
  await expect(rows).toHaveCount(1);
  await expect(rows).toContainText("100%");
  await search.fill(`🦊 ${mark}`);
  await expect(rows).toContainText("🦊");
  await search.fill(`hopper ${mark}`);
  await expect(rows).toContainText("Grace HOPPER");
  await search.fill(`A3-${mark}`); // a handle, in capitals
  await expect(rows).toContainText("Grace HOPPER");
  await expect(page).toHaveURL(new RegExp(`search=A3-${mark}`));
  await page.reload();
  await expect(search).toHaveValue(`A3-${mark}`);
  await expect(rows).toHaveCount(1);
  await page.getByRole("link", { name: `a3-${mark}` }).click();
  await expect(page.getByRole("heading", { name: `Grace HOPPER ${mark}`, level: 1 })).toBeFocused();
  await page.goBack();
  await expect(search).toHaveValue(`A3-${mark}`);
  await search.fill(`nobody ${mark}`);
  await expect(page.getByRole("heading", { name: "No account fits" })).toBeVisible();
  await expectWellMade(page);
});

test("an account is made, its password passed on, and a role given", async ({ page, instance, admin }) => {
  const handle = `new-${unique()}`;
  const role = await admin.api.roleCreate({ name: `Role ${handle}`, permissions: ["USE_PERSONAL_ACCESS_KEYS"] });
  await as(page, admin, "/admin/accounts");
  await page.getByRole("button", { name: "Create account" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Create account" }).click();
  await expect(dialog.getByLabel("Handle")).toBeFocused();
  await expect(dialog).toContainText("Type one, or have one made.");
  await dialog.getByLabel("Handle").fill(handle.toUpperCase());
  await dialog.getByLabel("Name").fill(`${arabic} 🦊`);
  await dialog.getByRole("button", { name: "Make one" }).click();
  const made = await dialog.getByLabel("First password").inputValue();
  expect(made).toMatch(/^[a-z2-9]{5}(-[a-z2-9]{5}){3,}$/);
  await dialog.getByRole("button", { name: "Make one" }).click();
  const token = await dialog.getByLabel("First password").inputValue();
  expect(token).not.toBe(made);
  await expectWellMade(page);
  await dialog.getByRole("button", { name: "Create account" }).click();

  await expect(page.getByRole("heading", { name: `The account ${handle} is made` })).toBeVisible();
  await expect(dialog.getByText(token)).toBeVisible();
  await expectWellMade(page);
  await page.keyboard.press("Escape");
  const warning = page.getByRole("alertdialog");
  await expect(warning).toContainText("Nobody can look it up later");
  await expectWellMade(page);
  await warning.getByRole("button", { name: "Back to the password" }).click();
  await dialog.getByRole("button", { name: `Give ${role.name}` }).click();
  await expect(dialog.getByRole("button", { name: `Take away ${role.name}` })).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Done" })).toBeDisabled();
  await dialog.getByLabel("I have stored the password or passed it on").check();
  await dialog.getByRole("button", { name: "Open the account" }).click();
  await expect(page.getByRole("heading", { name: `${arabic} 🦊`, level: 1 })).toBeVisible();
  expect(await page.content()).not.toContain(token);

  const signedIn = await new Latchkey({ baseUrl: instance.url }).authPasswordSignin({ identifier: handle, token });
  const account = await admin.api.adminAccountGet(signedIn.id);
  expect(account.roles.map((r) => r.name)).toEqual([role.name]);
});

test("a handle that is taken and a service that fails are said in the form, which keeps what was typed", async ({ page, admin, member }) => {
  await as(page, admin, "/admin/accounts");
  await page.getByRole("button", { name: "Create account" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Handle").fill(member.handle);
  await dialog.getByLabel("First password").fill("password1234");
  const create = dialog.getByRole("button", { name: "Create account" });
  await create.click();
  await expect(dialog.getByRole("alert")).toContainText(/password/i); // too widely known
  await dialog.getByLabel("First password").fill(password);
  await create.click();
  await expect(dialog).toContainText("Another account has this handle.");
  await page.route("**/api/admin/accounts", (route) => route.fulfill(failed));
  const handle = `late-${unique()}`;
  await dialog.getByLabel("Handle").fill(handle);
  await create.click();
  await expect(dialog.getByRole("alert")).toContainText("0af7651916cd43dd8448eb211c80319c");
  await expect(dialog.getByLabel("First password")).toHaveValue(password);
  await expectWellMade(page);
  await page.unroute("**/api/admin/accounts");
  await create.click();
  await expect(page.getByRole("heading", { name: `The account ${handle} is made` })).toBeVisible();
  await page.getByRole("button", { name: "Close", exact: true }).click();
  await page.getByRole("button", { name: "Close anyway" }).click();
  await expect(page.getByRole("link", { name: handle })).toBeVisible();
  await expect(page.getByRole("button", { name: "Create account" })).toBeFocused();
});

test("who manages accounts only makes one, and is told why they cannot give roles", async ({ page, instance, admin }) => {
  const manager = await newMember(instance, admin, `manager-${unique()}`, ["MANAGE_ACCOUNTS"]);
  const handle = `new-${unique()}`;
  await as(page, manager, "/admin/accounts");
  await page.getByRole("button", { name: "Create account" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Handle").fill(handle);
  await dialog.getByRole("button", { name: "Make one" }).click();
  await dialog.getByRole("button", { name: "Create account" }).click();
  await expect(dialog).toContainText("Giving and taking roles needs the permission MANAGE_ROLES");
  await expect(dialog.getByRole("button", { name: /^Give/ })).toHaveCount(0);
  await dialog.getByLabel("I have stored the password or passed it on").check();
  await dialog.getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("row").filter({ hasText: handle })).toContainText("None");
});

test("a list that fails says so, and comes when it is asked again", async ({ page, admin }) => {
  await page.route("**/api/admin/accounts?*", (route) => route.fulfill({ ...failed, status: 500 }));
  await as(page, admin, "/admin/accounts");
  await expect(page.getByRole("alert")).toContainText("Not every instance has answered.");
  await page.unroute("**/api/admin/accounts?*");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("link", { name: admin.handle, exact: true })).toBeVisible();
});

test("names of any kind leave the list whole, and it comes in pages", async ({ page, instance, admin }) => {
  const mark = unique();
  const role = await admin.api.roleCreate({ name: `${mark}${"🦊".repeat(94)}`, colour: "#d12b7a", permissions: [] });
  for (const [i, name] of [emoji, arabic, "x".repeat(100)].entries()) {
    await admin.api.accountCreate({ identifier: `${mark}-${i}`.padEnd(30, "x"), name, token: password });
    await admin.api.accountAddRole(`${mark}-${i}`.padEnd(30, "x"), role.id);
  }
  await page.route("**/api/admin/accounts?*", (route) => route.continue({ url: route.request().url().replace("limit=50", "limit=2") }));
  await as(page, admin, `/admin/accounts?search=${mark}`);
  await expect(page.getByText("2 accounts, and there are more")).toBeVisible();
  await page.getByRole("button", { name: "Show more" }).click();
  await expect(page.getByText("3 accounts", { exact: true })).toBeVisible();
  await expect(page.getByText(arabic)).toBeVisible();
  await expectWellMade(page);
  void instance;
});
