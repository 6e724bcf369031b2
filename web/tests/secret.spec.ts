import { type Page } from "@playwright/test";

import { variableOf } from "../src/keys/secret";
import { placesOfThePage } from "./places";
import { as, expect, expectAccessible, test } from "./test";

test.use({ permissions: ["clipboard-read", "clipboard-write"] });

/** Creates a key and reads its secret off the page. */
async function create(page: Page, name = "Discord bot"): Promise<string> {
  await page.getByRole("button", { name: "Create a key" }).click();
  await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Create the key" }).click();
  await expect(page.getByLabel("Secret", { exact: true })).toBeFocused();
  const secret = await page.getByLabel("Secret", { exact: true }).inputValue();
  expect(secret).toMatch(/^lkpat_\w{60,}$/);
  return secret;
}

const warning = (page: Page) => page.getByRole("alertdialog", { name: "Close without storing it?" });
const dialog = (page: Page) => page.getByRole("dialog", { name: "Your new access key" });

test("the secret can be copied alone, as a variable and as a command that works, and closes only once it is stored", async ({ page, member }) => {
  await as(page, member, "/settings/access-keys");
  const secret = await create(page);
  await expectAccessible(page);
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  await page.getByRole("button", { name: "Copy secret" }).click();
  await expect(page.getByRole("button", { name: "Copied" })).toBeVisible();
  await expect(page.getByText("Copied to the clipboard.")).toBeAttached();
  expect(await clipboard()).toBe(secret);
  await page.getByRole("button", { name: "Copy variable" }).click();
  await expect.poll(clipboard).toBe(`export DISCORD_BOT_KEY='${secret}'`);
  await page.getByRole("button", { name: "Copy command" }).click();
  await expect.poll(clipboard).toContain("curl ");
  const [, url, header] = /^curl (\S+) -H '(.*)'$/.exec(await clipboard())!;
  const self = await fetch(url!, { headers: [header!.split(": ") as [string, string]] });
  expect(((await self.json()) as { name: string }).name).toBe("Discord bot");
  await expect(page.getByRole("button", { name: "Done" })).toBeDisabled();
  await page.getByLabel("I have stored it").check();
  await page.getByRole("button", { name: "Done" }).click();
  await expect(dialog(page)).toHaveCount(0);
  await expect(page.getByRole("link", { name: "Discord bot" })).toBeVisible(); // the list has it without a reload
  await expect(page.getByRole("heading", { level: 1 }).or(page.getByRole("button", { name: "Create a key" }))).not.toHaveCount(0);
  expect(await page.evaluate(() => document.activeElement !== document.body), "the focus is somewhere").toBe(true);
});

test("a clipboard that is refused is said, and the text can be selected", async ({ page, member }) => {
  await page.addInitScript(() => Object.defineProperty(navigator.clipboard, "writeText", { value: () => Promise.reject(new DOMException("no", "NotAllowedError")) }));
  await as(page, member, "/settings/access-keys");
  await create(page);
  await page.getByRole("button", { name: "Copy secret" }).click();
  await expect(page.getByText("The browser does not allow it")).toBeVisible();
});

test("Esc and the cross warn, in light and dark, and the way back to the secret is the one at hand", async ({ page, member }) => {
  await as(page, member, "/settings/access-keys");
  const secret = await create(page);
  await page.keyboard.press("Escape");
  await expect(warning(page)).toBeVisible();
  await expect(page.getByRole("button", { name: "Back to the secret" })).toBeFocused();
  await expectAccessible(page);
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page, "colours");
  await page.keyboard.press("Escape"); // of the warning alone
  await expect(warning(page)).toBeHidden();
  await expect(page.getByLabel("Secret", { exact: true })).toHaveValue(secret);
  await expectAccessible(page);
  await dialog(page).getByRole("button", { name: "Close", exact: true }).click();
  await page.getByRole("button", { name: "Close anyway" }).click();
  await expect(dialog(page)).toHaveCount(0);
});

test("the back button warns, and goes back once one insists", async ({ page, instance, member }) => {
  await as(page, member, "/settings/sessions");
  await page.getByRole("link", { name: "Access keys" }).click();
  await create(page);
  await page.goBack();
  await expect(warning(page)).toBeVisible();
  await expect(page).toHaveURL(`${instance.url}/settings/access-keys`);
  await page.getByRole("button", { name: "Back to the secret" }).click();
  await expect(warning(page)).toBeHidden();
  await expect(dialog(page)).toBeVisible();
  await page.goBack();
  await page.getByRole("button", { name: "Close anyway" }).click();
  await expect(dialog(page)).toHaveCount(0);
});

test("a reload is warned of while the secret is open and not stored, and does not bring it back", async ({ page, member }) => {
  await as(page, member, "/settings/access-keys");
  const secret = await create(page);
  const asked: string[] = [];
  page.on("dialog", (d) => {
    asked.push(d.type());
    void d.accept();
  });
  await page.reload();
  expect(asked).toEqual(["beforeunload"]);
  await expect(page.getByRole("link", { name: "Discord bot" })).toBeVisible();
  expect(await page.content()).not.toContain(secret);

  await create(page, "Another");
  await page.getByLabel("I have stored it").check();
  await page.reload();
  await expect(page.getByRole("link", { name: "Another" })).toBeVisible();
  expect(asked).toEqual(["beforeunload"]); // not again
});

test("once closed, the secret is nowhere", async ({ page, context, instance, member }) => {
  await as(page, member, "/settings/access-keys");
  const secret = await create(page);
  const body = secret.split("_").slice(2).join("_"); // without what the hint shows
  expect(body.length).toBeGreaterThan(40);
  const open = await page.evaluate(placesOfThePage);
  const holding = Object.entries(open).filter(([, content]) => content.includes(body));
  expect(holding.map(([place]) => place), "where it is while it is shown").toEqual(["document", "fields"]);
  await page.getByLabel("I have stored it").check();
  await page.getByRole("button", { name: "Done" }).click();
  await expect(dialog(page)).toHaveCount(0);
  await expect(page.getByRole("link", { name: "Discord bot" })).toBeVisible();
  const places = await page.evaluate(placesOfThePage);
  expect(places.queries, "the caches were found").toContain('"access-keys"');
  for (const [place, content] of Object.entries(places)) expect(content.includes(body), `the secret is in ${place}`).toBe(false);
  expect(JSON.stringify(await context.storageState({ indexedDB: true }))).not.toContain(body);
  expect(instance.printed.includes("AccessKeyCreate"), "the log is there to be searched").toBe(true);
  expect(instance.printed.includes(body), "the secret is in the service's log").toBe(false);
});

test("a page that is kept for the way back does not keep the secret", async ({ page, member }) => {
  await as(page, member, "/settings/access-keys");
  const secret = await create(page);
  await page.evaluate(() => window.dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })));
  await expect(dialog(page)).toHaveCount(0);
  expect(await page.content()).not.toContain(secret);
});

test("a variable's name is one that a shell takes", () => {
  expect(variableOf("Discord bot")).toBe("DISCORD_BOT_KEY");
  expect(variableOf("Résumé key")).toBe("RESUME_KEY");
  expect(variableOf("2nd try'; rm -rf /")).toBe("_2ND_TRY_RM_RF_KEY");
  expect(variableOf("🔑".repeat(100))).toBe("ACCESS_KEY");
  expect(variableOf("مفتاح CI")).toBe("CI_KEY");
});
