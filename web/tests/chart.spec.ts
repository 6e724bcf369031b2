import type { Page } from "@playwright/test";

import { describeMedia, use } from "./media";
import type { Person } from "./instance";
import { as, expect, expectAccessible, test } from "./test";

const usage = (page: Page) => page.getByRole("region", { name: "Usage" });
const canvas = (page: Page) => usage(page).locator("canvas");

/** A key that was used for real: 7 queries, 4 mutations, and 3 refusals. */
async function usedKey(admin: Person, member: Person) {
  await describeMedia(admin);
  const key = await member.api.accessKeyCreate({ name: "Used", permissions: ["media:read", "media:write"] });
  await use(admin, key.secret, "GET", "/media/7", 7);
  await use(admin, key.secret, "POST", "/media", 4);
  await use(admin, key.secret, "DELETE", "/media/7", 3);
  await expect.poll(async () => (await member.api.accessKeyUsage(key.id)).totals).toMatchObject({ query: 7, mutation: 4, denied: { permission: 3 } });
  return key;
}

/** How many pixels of the drawing have the colour that a token has now. */
function pixels(page: Page, token: string) {
  return canvas(page).evaluate((c: HTMLCanvasElement, name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const [r, g, b] = getComputedStyle(probe).color.match(/\d+/g)!.map(Number);
    probe.remove();
    const { data } = c.getContext("2d")!.getImageData(0, 0, c.width, c.height);
    let n = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i] === r && data[i + 1] === g && data[i + 2] === b && data[i + 3] === 255) n++;
    return n;
  }, token);
}

test("the chart shows what a key was used for, to eyes and in a table", async ({ page, admin, member }) => {
  const key = await usedKey(admin, member);
  await as(page, member, `/settings/access-keys/${key.id}`);
  await expect(page.getByRole("img", { name: "7 queries, 4 mutations and 3 refusals in the last 30 days." })).toBeVisible();
  await expect(usage(page)).toContainText("Refused in this period: 3 for want of a permission.");
  // Each part of the one bar is as high as its share.
  await expect.poll(() => pixels(page, "--query")).toBeGreaterThan(100);
  const [q, m, d] = [await pixels(page, "--query"), await pixels(page, "--mutation"), await pixels(page, "--denied")];
  expect(q / m).toBeGreaterThan(1.5);
  expect(q / m).toBeLessThan(2.1);
  expect(m / d).toBeGreaterThan(1.1);
  expect(m / d).toBeLessThan(1.7);

  await usage(page).getByText("Show as a table").focus();
  await page.keyboard.press("Enter");
  const today = usage(page).getByRole("table").getByRole("row").nth(1);
  await expect(today.getByRole("cell")).toHaveText(["7", "4", "3"]);
  await expect(usage(page).getByRole("table").getByRole("row")).toHaveCount(31);
  await expectAccessible(page);
});

test("what is under the pointer is told in numbers", async ({ page, admin, member }) => {
  const key = await usedKey(admin, member);
  await as(page, member, `/settings/access-keys/${key.id}`);
  await canvas(page).scrollIntoViewIfNeeded();
  const box = (await canvas(page).boundingBox())!;
  await page.mouse.move(box.x + box.width - 14, box.y + box.height / 2);
  const legend = usage(page).locator(".chart-key");
  await expect(legend).toContainText("Queries7");
  await expect(legend).toContainText("Mutations4");
  await expect(legend).toContainText("Refused3");
  await page.mouse.move(0, 0);
  await expect(legend).not.toContainText("Queries7");
});

test("by the hour, and a reload stays there", async ({ page, admin, member }) => {
  const key = await usedKey(admin, member);
  await as(page, member, `/settings/access-keys/${key.id}`);
  await usage(page).getByLabel("Period").selectOption("48 hours, by hour");
  await expect(page.getByRole("img", { name: /in the last 48 hours/ })).toBeVisible();
  await expect(page).toHaveURL(/usage=hours/);
  await expect.poll(() => pixels(page, "--query")).toBeGreaterThan(40);
  await page.reload();
  await expect(usage(page).getByLabel("Period")).toHaveValue("hour");
  await usage(page).getByText("Show as a table").click();
  expect(await usage(page).getByRole("table").getByRole("row").count()).toBeGreaterThanOrEqual(48);
  await usage(page).getByLabel("Period").selectOption("30 days, by day");
  await expect(page).not.toHaveURL(/usage=/);
});

test("colours follow light and dark, and the drawing follows the window without moving anything", async ({ page, admin, member }) => {
  const key = await usedKey(admin, member);
  await page.emulateMedia({ colorScheme: "light" });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await expect.poll(() => pixels(page, "--query")).toBeGreaterThan(100);
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(() => pixels(page, "--query")).toBeGreaterThan(100);
  await page.getByLabel("Appearance").first().selectOption("Light");
  await expect.poll(() => pixels(page, "--query")).toBeGreaterThan(100);

  const height = (await usage(page).locator(".chart-box").boundingBox())!.height;
  await page.setViewportSize({ width: 360, height: 740 });
  await expect.poll(async () => (await canvas(page).boundingBox())!.width).toBeLessThan(330);
  expect((await usage(page).locator(".chart-box").boundingBox())!.height).toBe(height);
  await page.setViewportSize({ width: 1280, height: 800 });
  await expect.poll(async () => (await canvas(page).boundingBox())!.width).toBeGreaterThan(700);
});

test("the drawing comes without moving what is there", async ({ page, admin, member }) => {
  const key = await usedKey(admin, member);
  let go: () => void = () => {};
  const held = new Promise<void>((resolve) => (go = resolve));
  await page.route("**/assets/plot-*.js", async (route) => {
    await held;
    await route.continue();
  });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await expect(usage(page)).toContainText("Refused in this period");
  const before = await page.getByRole("region", { name: "Try it" }).boundingBox();
  go();
  await expect(canvas(page)).toBeVisible();
  expect(await page.getByRole("region", { name: "Try it" }).boundingBox()).toEqual(before);
});

test("without the drawing the table says the same", async ({ page, admin, member }) => {
  const key = await usedKey(admin, member);
  await page.route("**/assets/plot-*.js", (route) => route.abort());
  await as(page, member, `/settings/access-keys/${key.id}`);
  await expect(usage(page)).toContainText("The drawing could not be loaded. The table says the same.");
  await usage(page).getByText("Show as a table").click();
  await expect(usage(page).getByRole("table").getByRole("row").nth(1).getByRole("cell")).toHaveText(["7", "4", "3"]);
});

test("a key that was not used says so", async ({ page, member }) => {
  const key = await member.api.accessKeyCreate({ name: "New" });
  await as(page, member, `/settings/access-keys/${key.id}`);
  await expect(usage(page)).toContainText("It was not used in the last 30 days.");
});
