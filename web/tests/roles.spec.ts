import { arabic, emoji, expectWellMade, failed, unique } from "./admin";
import { as, expect, newMember, test } from "./test";

test("a role is defined, changed and deleted, and everyone who holds it feels it", async ({ page, instance, admin }) => {
  const name = `Auditor ${arabic} ${unique()}`;
  await as(page, admin, "/admin/roles");
  await expect(page.getByRole("listitem", { name: "Administrator" })).toContainText("Built in");
  await page.getByRole("button", { name: "Create role" }).click();
  const dialog = page.getByRole("dialog", { name: /^(Create|Change)/ });
  await dialog.getByRole("button", { name: "Create role" }).click();
  await expect(dialog).toContainText("Give it a name.");
  await dialog.getByLabel("Name").fill(name);
  await dialog.getByLabel("Violet").check();
  await dialog.getByLabel("Read Everything").check();
  await dialog.getByLabel("VIEW_AUDIT_LOG").check();
  await dialog.getByLabel("USE_PERSONAL_ACCESS_KEYS").check();
  await expect(dialog.getByText(/^Who holds it may/)).toContainText("read everything; see everybody's events; have access keys");
  await expectWellMade(page);
  await dialog.getByRole("button", { name: "Create role" }).click();
  const card = page.getByRole("listitem", { name });
  await expect(card).toContainText("May read everything");
  const role = (await admin.api.roleList()).roles.find((r) => r.name === name)!;
  expect(role.permissions).toEqual(["*:read", "USE_PERSONAL_ACCESS_KEYS", "VIEW_AUDIT_LOG"]);
  expect(role.colour).toBe("#8b5cf6");

  const holder = await newMember(instance, admin, `holder-${unique()}`, []);
  await admin.api.accountAddRole(holder.handle, role.id);
  await holder.api.adminAuditEventList({ limit: 1 });
  await page.getByRole("button", { name: `Change ${name}` }).click();
  await expect(dialog.getByLabel("Violet")).toBeChecked();
  await dialog.getByLabel("VIEW_AUDIT_LOG").uncheck();
  await expect(dialog).toContainText("loses VIEW_AUDIT_LOG at once");
  await dialog.getByRole("button", { name: "Save role" }).click();
  await expect(page.getByText(/It held on every instance after/)).toBeVisible();
  await expect(holder.api.adminAuditEventList({ limit: 1 })).rejects.toMatchObject({ code: "permission_denied" });
  await holder.api.accessKeyList();

  await card.getByRole("button", { name: "Delete" }).click();
  await expect(card).toContainText("Everyone who holds it loses what it gave, at once and everywhere");
  await expect(card.getByRole("button", { name: "Keep it" })).toBeFocused();
  await expectWellMade(page);
  await page.route(`**/api/roles/${role.id}`, (route) => route.fulfill(failed));
  await card.getByRole("button", { name: "Delete the role" }).click();
  await expect(card.getByRole("alert")).toContainText("Not every instance has answered.");
  await page.unroute(`**/api/roles/${role.id}`);
  await card.getByRole("button", { name: "Delete" }).click();
  await card.getByRole("button", { name: "Delete the role" }).click();
  await expect(card).toHaveCount(0);
  await expect(holder.api.accessKeyList()).rejects.toMatchObject({ code: "permission_denied" });
});

test("a name that is taken is said at the name, and nothing typed is lost", async ({ page, admin }) => {
  const taken = await admin.api.roleCreate({ name: `Taken ${unique()}`, permissions: [] });
  await as(page, admin, "/admin/roles");
  await page.getByRole("button", { name: "Create role" }).click();
  const dialog = page.getByRole("dialog", { name: /^(Create|Change)/ });
  await dialog.getByLabel("Name").fill(taken.name.toUpperCase());
  await dialog.getByLabel("MANAGE_ACCOUNTS").check();
  await dialog.getByRole("button", { name: "Create role" }).click();
  await expect(dialog.getByLabel("Name")).toHaveAccessibleDescription("There is a role of this name.");
  await expect(dialog.getByLabel("MANAGE_ACCOUNTS")).toBeChecked();
  await expectWellMade(page);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: "Create role" })).toBeFocused();
});

test("a role that gives more than one holds cannot be changed, and the form gives no more either", async ({ page, instance, admin }) => {
  const manager = await newMember(instance, admin, `roles-${unique()}`, ["MANAGE_ROLES", "*:read"]);
  const more = await admin.api.roleCreate({ name: `More ${unique()}`, permissions: ["VIEW_AUDIT_LOG"] });
  const own = await admin.api.roleCreate({ name: `Less ${unique()}`, colour: "rebeccapurple", permissions: ["*:read"] });
  await as(page, manager, "/admin/roles");
  const card = page.getByRole("listitem", { name: more.name });
  await expect(card).toContainText("You may not change it, as you do not hold VIEW_AUDIT_LOG.");
  await expect(card.getByRole("button", { name: `Change ${more.name}` })).toBeDisabled();
  await expect(card.getByRole("button", { name: "Delete" })).toBeDisabled();
  await page.getByRole("button", { name: `Change ${own.name}` }).click();
  const dialog = page.getByRole("dialog", { name: /^(Create|Change)/ });
  await expect(dialog.getByLabel("As it is now")).toBeChecked();
  await expect(dialog.getByLabel("VIEW_AUDIT_LOG")).toBeDisabled();
  await expect(dialog.getByLabel("Write Everything")).toBeDisabled();
  await dialog.getByLabel("Name").fill(`${own.name} renamed`);
  await dialog.getByRole("button", { name: "Save role" }).click();
  await expect(page.getByRole("listitem", { name: `${own.name} renamed` })).toBeVisible();
  expect((await admin.api.roleGet(own.id)).colour).toBe("rebeccapurple");
});

test("names of any kind leave the screen whole, and a failing list says so", async ({ page, admin }) => {
  await admin.api.roleCreate({ name: `${unique()}${emoji}`.slice(0, 12) + "🦊".repeat(80), permissions: ["*:read"] }).catch(() => undefined);
  await admin.api.roleCreate({ name: `${arabic} ${unique()}`, permissions: [] });
  await as(page, admin, "/admin/roles");
  await expect(page.getByText(arabic).first()).toBeVisible();
  await expectWellMade(page);
  await page.route("**/api/roles", (route) => route.fulfill({ ...failed, status: 500 }));
  await page.reload();
  await expect(page.getByRole("alert")).toContainText("Not every instance has answered.");
  await page.unroute("**/api/roles");
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("listitem", { name: "Administrator" })).toBeVisible();
});

test("who manages accounts only does not see roles", async ({ page, instance, admin }) => {
  const manager = await newMember(instance, admin, `manager-${unique()}`, ["MANAGE_ACCOUNTS"]);
  await as(page, manager, "/admin/roles");
  await expect(page.getByRole("heading", { name: "You may not see this" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Roles" })).toHaveCount(0);
});
