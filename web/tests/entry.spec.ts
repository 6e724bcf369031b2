import { Instance } from "./instance";
import { as, expect, expectAccessible, password, test } from "./test";

test("a new instance is set up from the printed link", async ({ page, context, watch }) => {
  const instance = await Instance.start();
  try {
    watch.faults.length = 0;
    await page.goto(`${instance.url}/setup#${instance.setupCode}`);
    await expect(page.getByLabel("Set-up code")).toHaveValue(instance.setupCode);
    await expect(page).toHaveURL(`${instance.url}/setup`); // the code has left the address
    await page.getByLabel("Handle").fill("ada");
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByLabel("Password again").fill(password + "x");
    await expect(page.getByText("The two differ.")).toBeVisible();
    await page.getByLabel("Password again").fill(password);
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
  await page.goto(`${instance.url}/settings/access-keys`);
  await page.reload();
  await expect(page.getByRole("heading", { name: "Access keys", level: 1 })).toBeVisible();
  await page.goto(`${instance.url}/admin/nothing`);
  await expect(page.getByRole("heading", { name: "There is no such screen" })).toBeVisible();
});
