import { describeMedia } from "./media";
import { as, expect, expectAccessible, test } from "./test";

test("what a key could do is asked with the keyboard alone", async ({ page, admin, member }) => {
  await describeMedia(admin);
  const key = await member.api.accessKeyCreate({ name: "Reader", permissions: ["media:read"] });
  await as(page, member, `/settings/access-keys/${key.id}`);
  const part = page.getByRole("region", { name: "Try it" });
  await expect(part).toContainText("spends and counts nothing");
  await part.getByLabel("Ask about").focus();
  await page.keyboard.press("Tab");
  await expect(part.getByLabel("Method")).toBeFocused();
  await page.keyboard.press("d"); // DELETE
  await page.keyboard.press("Tab");
  await page.keyboard.type("/media/7");
  await page.keyboard.press("Enter");
  const decision = part.getByRole("status");
  await expect(decision).toContainText("Refused DELETE /media/7");
  await expect(decision).toContainText("It takes media:delete, which none of the key's own permissions gives. A caller would get status 403.");
  await expect(decision).toContainText("VerdictINSUFFICIENT_PERMISSIONS");
  await expect(decision).toContainText("Lacked bythe key, whose own permissions do not give it");
  await expectAccessible(page);

  await part.getByLabel("Method").selectOption("POST");
  await part.getByLabel("Path").fill("/media/search");
  await part.getByRole("button", { name: "Ask", exact: true }).click();
  await expect(decision).toContainText("Allowed POST /media/search");
  for (const fact of ["Requiredmedia:read", "Given bymedia:read", "Counts asa query", "Costs2 credits", "Resourcemedia", "RoutePOST /media/search"]) await expect(decision).toContainText(fact);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page, "colours");

  const usage = await member.api.accessKeyUsage(key.id);
  expect([usage.lifetime.query, usage.lifetime.denied.permission, usage.lifetime.credits]).toEqual([0, 0, 0]);
});

test("by resource, by permission, and for the key itself", async ({ page, admin, member }) => {
  await describeMedia(admin);
  const key = await member.api.accessKeyCreate({ name: "Reader", permissions: ["media:read"] });
  await as(page, member, `/settings/access-keys/${key.id}`);
  const part = page.getByRole("region", { name: "Try it" });
  const decision = part.getByRole("status");
  await part.getByLabel("Ask about").selectOption("A resource");
  await part.getByLabel("Resource").selectOption("People (people)");
  await part.getByLabel("Access").selectOption("write");
  await part.getByRole("button", { name: "Ask", exact: true }).click();
  await expect(decision).toContainText("Refused write people");
  await expectAccessible(page);

  await part.getByLabel("Ask about").selectOption("A permission");
  await part.getByRole("button", { name: "Ask", exact: true }).click();
  await expect(part.getByText("Name a permission, as media:read.")).toBeVisible();
  await part.getByLabel("Permission").fill("media:read");
  await page.keyboard.press("Enter");
  await expect(decision).toContainText("Allowed media:read");

  await part.getByLabel("Ask about").selectOption("The key itself");
  await part.getByRole("button", { name: "Ask", exact: true }).click();
  await expect(decision).toContainText("The key can be used, and nothing more was asked for.");
  await member.api.accessKeyDelete(key.id);
  await part.getByRole("button", { name: "Ask", exact: true }).click();
  await expect(decision).toContainText("The access key is revoked. A caller would get status 401.");
});

test("what cannot be judged is said beside the field, or by the service", async ({ page, admin, member }) => {
  await describeMedia(admin);
  const key = await member.api.accessKeyCreate({ name: "Reader" });
  await as(page, member, `/settings/access-keys/${key.id}`);
  const part = page.getByRole("region", { name: "Try it" });
  await part.getByLabel("Path").fill("media/7");
  await page.keyboard.press("Enter");
  await expect(part.getByText("A path begins with a slash")).toBeVisible();
  await part.getByLabel("Path").fill("/media/../people");
  await page.keyboard.press("Enter");
  await expect(part.getByRole("alert")).toContainText("The path cannot be judged");
  await expect(part.getByRole("alert")).toContainText("Trace");
  await expectAccessible(page);
});
