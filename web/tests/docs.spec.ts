import { readFileSync, readdirSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { top } from "./build";
import { as, expect, expectAccessible, test } from "./test";

for (const path of ["/docs/", "/docs/gateways/", "/docs/api/verify/", "/docs/errors/quota_exceeded/", "/docs/design/", "/docs/nothing/at/all"]) {
  test(`anybody can read ${path}, light and dark, wide and narrow`, async ({ page, instance }) => {
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.goto(instance.url + path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    for (const [width, colorScheme, look] of [[1280, "light", "everything"], [1280, "dark", "colours"], [360, "dark", "everything"]] as const) {
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme });
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), `${width} px are too narrow`).toBeLessThanOrEqual(0);
      await expectAccessible(page, look);
    }
  });
}

test("a search leads to a place, without a mouse", async ({ page, instance }) => {
  await page.goto(`${instance.url}/docs/gateways/`);
  await expect(page.getByRole("searchbox")).toBeVisible();
  await page.keyboard.press("/");
  await expect(page.getByRole("searchbox")).toBeFocused();
  await page.keyboard.type("quota_exc");
  const first = page.getByRole("search").getByRole("link").first();
  await expect(first).toHaveAttribute("href", "../errors/quota_exceeded/");
  await expectAccessible(page);
  await page.keyboard.press("ArrowDown");
  await expect(first).toBeFocused();
  await page.keyboard.press("ArrowUp");
  await expect(page.getByRole("searchbox")).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(first).toBeHidden();
  await page.getByRole("searchbox").fill("zzzxq");
  await expect(page.getByRole("status")).toHaveText("Nothing found");
  await page.getByRole("searchbox").fill("auth_request nginx");
  await expect(first).toContainText("nginx");
  const to = await first.evaluate((link: HTMLAnchorElement) => link.href);
  expect(to).not.toBe(page.url());
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(to);
});

test("commands are copied without their prompts", async ({ page, context, instance }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto(`${instance.url}/docs/cli/`);
  const code = page.locator(".code", { has: page.locator(".output") }).first();
  await code.hover();
  await code.getByRole("button", { name: "Copy" }).click();
  await expect(code.getByRole("button", { name: "Copied" })).toBeVisible();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const typed = (await code.locator(".typed").allTextContents()).join("\n");
  expect(copied.replaceAll("\r\n", "\n")).toBe(typed);
  expect(copied).not.toMatch(/^\$ /m);
});

test("every link of the console to the documentation leads to a page of this instance", async ({ page, instance, admin }) => {
  const sources = ["admin", "keys"].flatMap((folder) => readdirSync(`${top}/web/src/${folder}`).map((name) => readFileSync(`${top}/web/src/${folder}/${name}`, "utf8")));
  const linked = new Set(sources.flatMap((source) => [...source.matchAll(/\b(?:docs|page)="([^"]+)"/g)].map((m) => "/docs/" + m[1])));
  expect(linked.size).toBeGreaterThan(5);
  for (const path of linked) expect((await page.request.get(instance.url + path, { maxRedirects: 0 })).status(), path).toBe(200);
  await as(page, admin, "/admin/permissions");
  const opened = page.waitForEvent("popup");
  await page.getByRole("link", { name: "Read more" }).first().click();
  const docs = await opened;
  await expect(docs.getByRole("heading", { name: "The catalogue", exact: true })).toBeInViewport();
  await docs.getByRole("link", { name: "Open the console" }).click();
  await expect(docs.getByRole("navigation").getByRole("link", { name: "Access keys" }).first()).toBeVisible();
});

test("an error leads to the page about it", async ({ page, instance }) => {
  const answer = await page.request.get(`${instance.url}/api/accounts`);
  const address = /^<([^>]+)>; rel="help"$/.exec(answer.headers()["link"]!)![1]!;
  await page.goto(instance.url + address);
  await expect(page.getByRole("heading", { level: 1, name: "credential_required" })).toBeVisible();
  for (const path of ["/docs/", "/docs/errors/"]) {
    await page.goto(instance.url + path + (await answer.json()).type);
    await expect(page).toHaveURL(instance.url + address);
  }
});

test("the console says where to read about an error", async ({ page, instance, admin }) => {
  void admin;
  await page.goto(`${instance.url}/sign-in`);
  await page.getByLabel("Handle").fill("ada");
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  const opened = page.waitForEvent("popup");
  await page.getByRole("alert").getByRole("link", { name: "About this error" }).click();
  await expect((await opened).getByRole("heading", { level: 1, name: "sign_in_failed" })).toBeVisible();
});

test.describe("without a script", () => {
  test.use({ javaScriptEnabled: false });
  test("pages can be read, and offer nothing that would not work", async ({ page, instance }) => {
    await page.setViewportSize({ width: 360, height: 800 });
    await page.goto(`${instance.url}/docs/`);
    await expect(page.getByRole("searchbox", { includeHidden: true })).toBeHidden();
    await expect(page.locator(".menu a", { hasText: "Permissions" })).toBeHidden();
    await page.getByText("All pages").click();
    await page.getByRole("navigation", { name: "Documentation" }).getByRole("link", { name: "Permissions" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Permissions" })).toBeVisible();
    await page.setViewportSize({ width: 1280, height: 800 });
    await expect(page.getByRole("navigation", { name: "Documentation" })).toBeVisible();
  });
});

test("the pages work from a disk", async ({ page, watch }) => {
  await page.goto(pathToFileURL(`${top}/internal/docs/dist/index.html`).href);
  await page.getByRole("navigation", { name: "Documentation" }).getByRole("link", { name: "Gateways" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Gateways" })).toBeVisible();
  await page.getByRole("searchbox").fill("permission_denied");
  await page.getByRole("search").getByRole("link").first().click();
  await expect(page.getByRole("heading", { level: 1, name: "permission_denied" })).toBeVisible();
  watch.faults = watch.faults.filter((fault) => !fault.startsWith(`asked ${pathToFileURL(`${top}/internal/docs/dist/`).href}`)); // another origin than the instance's, and right here
});
