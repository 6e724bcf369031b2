import { Instance } from "./instance";
import { as, expect, expectAccessible, newMember, password, test } from "./test";

test("a new instance is set up from the printed link", async ({ page, context, watch }) => {
  const instance = await Instance.start();
  try {
    watch.faults.length = 0;
    await page.goto(`${instance.url}/setup#${instance.setupCode}`);
    await expect(page.getByLabel("Set-up code")).toHaveValue(instance.setupCode);
    await expect(page).toHaveURL(`${instance.url}/setup`); // the code has left the address
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await expectAccessible(page, colorScheme === "dark" ? "colours" : "everything");
    }
    await page.getByLabel("Handle").fill("ada");
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByLabel("Password again").fill(password + "x");
    await expect(page.getByText("The two differ.")).toBeVisible();
    await page.getByLabel("Password again").fill(password);
    await page.getByLabel("Set-up code").fill("not-the-code");
    await page.getByRole("button", { name: "Create the administrator" }).click();
    await expect(page.getByRole("alert")).toContainText("Trace");
    await page.getByLabel("Set-up code").fill(instance.setupCode);
    await page.getByRole("button", { name: "Create the administrator" }).click();
    await expect(page.getByRole("heading", { name: "Access keys", level: 1 })).toBeVisible();
    await expect(page).toHaveURL(`${instance.url}/settings/access-keys`);
    await page.goto(`${instance.url}/setup`);
    await expect(page.getByText("has been set up already")).toBeVisible();
    watch.faults = watch.faults.filter((f) => !f.includes(instance.url)); // another origin than the worker's, and right here
    void context;
  } finally {
    await instance.stop();
  }
});

test("signing in leads to where one wanted to go, and signing out ends it", async ({ page, admin, member, instance }) => {
  void admin;
  await page.goto(`${instance.url}/settings/sessions`);
  await expect(page).toHaveURL(/\/sign-in\?return=/);
  await page.getByLabel("Handle").fill(member.handle);
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toContainText("Trace");
  await expectAccessible(page);
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Sessions & password", level: 1 })).toBeVisible();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await page.goto(`${instance.url}/settings/sessions`);
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
});

test("every screen survives a reload, and is closed to who may not see it", async ({ page, instance, member }) => {
  await as(page, member, "/admin/accounts");
  await expect(page.getByRole("heading", { name: "You may not see this" })).toBeVisible();
  await expectAccessible(page);
  await page.goto(`${instance.url}/settings/access-keys`);
  await page.reload();
  await expect(page.getByRole("heading", { name: "Access keys", level: 1 })).toBeVisible();
  await page.goto(`${instance.url}/admin/nothing`);
  await expect(page.getByRole("heading", { name: "There is no such screen" })).toBeVisible();
  await expectAccessible(page);
});

for (const elsewhere of ["https://example.com/settings/sessions", "//example.com/admin/", "/api/accounts", "javascript:alert(1)"]) {
  test(`signing in never leads elsewhere: ${elsewhere}`, async ({ page, admin, member, instance }) => {
    void admin;
    await page.goto(`${instance.url}/sign-in?return=${encodeURIComponent(elsewhere)}`);
    await page.getByLabel("Handle").fill(member.handle);
    await page.getByLabel("Password").fill(password);
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(`${instance.url}/settings/access-keys`);
  });
}

for (const colorScheme of ["light", "dark"] as const) {
  test(`signing in is accessible and fits a phone, ${colorScheme}`, async ({ page, admin, instance }) => {
    void admin;
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: 360, height: 740 });
    await page.goto(`${instance.url}/sign-in`);
    await expect(page.getByLabel("Handle")).toHaveAttribute("autocomplete", "username");
    await expect(page.getByLabel("Password")).toHaveAttribute("autocomplete", "current-password");
    await expectAccessible(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  });
}

test("a service that cannot be reached is told, and asked again", async ({ page, instance, member }) => {
  let down = true;
  await page.route("**/api/accounts", (route) => (down ? route.abort() : route.continue()));
  await as(page, member, "/settings/sessions");
  await expect(page.getByRole("alert")).toContainText("The service cannot be reached.");
  await expectAccessible(page);
  down = false;
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { name: "Sessions & password", level: 1 })).toBeVisible();
  void instance;
});

test("when a session has ended, somebody else's sign-in begins anew", async ({ page, instance, admin, member }) => {
  const other = await newMember(instance, admin, `other-${member.handle}`, ["USE_PERSONAL_ACCESS_KEYS"]);
  await as(page, member, "/settings/sessions");
  await expect(page.getByRole("row", { name: /This session/ })).toBeVisible();
  await member.api.authLogout();
  await page.getByLabel("Old password").fill(password);
  await page.getByLabel("New password", { exact: true }).fill("an even longer pass phrase");
  await page.getByLabel("New password again").fill("an even longer pass phrase");
  await page.getByRole("button", { name: "Change the password" }).click();
  const dialog = page.getByRole("dialog", { name: "Your session has ended" });
  await expect(dialog.getByLabel("Handle")).toHaveValue(member.handle);
  await expect(dialog.getByLabel("Password")).toBeFocused();
  await expectAccessible(page);
  await dialog.getByLabel("Password").fill("not the password");
  await page.keyboard.press("Enter");
  await expect(dialog.getByRole("alert")).toBeVisible();
  await dialog.getByLabel("Handle").fill(other.handle);
  await dialog.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await expect(page.getByText(`Signed in as ${other.handle}`)).toBeVisible();
  await expect(page).toHaveURL(`${instance.url}/settings/access-keys`);
});
