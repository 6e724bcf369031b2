import type { Page } from "@playwright/test";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { parse } from "yaml";

import { binary, top } from "./build";
import { Instance, type Person } from "./instance";
import { as, test as base, expect, expectAccessible, password } from "./test";

// The catalogue is global in an instance: these tests have one for themselves, and each begins with its own catalogue.
const test = base.extend<object, { instance: Instance; admin: Person }>({
  instance: [
    async ({}, use) => {
      const instance = await Instance.start();
      await use(instance);
      await instance.stop();
    },
    { scope: "worker", timeout: 60_000 },
  ],
});

const media = { name: "media", title: "Media", paths: ["/media"], access: ["read", "write", "delete"] as ("read" | "write" | "delete")[] };
const planes = { name: "data-planes", title: "Data planes", paths: ["/data-planes"], access: ["read", "write"] as ("read" | "write")[] };
const usual = { resources: [media, planes], routes: [{ method: "POST", path: "/media/search", access: "read" as const }], flat: ["CREATE_POST"] };

async function open(page: Page, admin: Person, document: Parameters<Person["api"]["permissionCatalogueUpdate"]>[0], path = "/admin/permissions") {
  await admin.api.permissionCatalogueUpdate(document);
  await as(page, admin, path);
  await expect(page.getByRole("heading", { name: "Permissions", level: 1 })).toBeVisible();
}

const review = (page: Page) => page.getByRole("button", { name: "Review and save" });
const save = (page: Page) => page.getByRole("button", { name: "Save the catalogue" });
const saved = (page: Page) => expect(page.getByText(/^Version \d+ is saved$/)).toBeVisible();
const text = (page: Page) => page.getByLabel("The catalogue as JSON");
const faults = (page: Page) => page.getByRole("region", { name: "Faults of the catalogue" });

test("an empty catalogue is explained, and a first resource is added and saved", async ({ page, admin }) => {
  await open(page, admin, {});
  await expect(page.getByRole("heading", { name: "Nothing is described yet" })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Add a resource" }).click();
  const dialog = page.getByRole("dialog", { name: "Add a resource" });
  await dialog.getByLabel("Name").fill("media");
  await dialog.getByLabel("Title").fill("مكتبة 🎬");
  await dialog.getByLabel("Paths").fill("/media\n/teams/{team}/media\n");
  await dialog.getByLabel("delete").check();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Add to the draft" }).click();
  await expect(page.getByText("Not saved: 1 change.")).toBeVisible();
  await review(page).click();
  await expect(page.getByRole("dialog", { name: "Save the catalogue" })).toContainText("1 resource added.");
  await expectAccessible(page);
  await save(page).click();
  await saved(page);
  await expect(page.getByText("Not saved")).toHaveCount(0);
  expect((await admin.api.permissionCatalogueGet()).resources).toEqual([{ name: "media", title: "مكتبة 🎬", paths: ["/media", "/teams/{team}/media"], access: ["read", "write", "delete"] }]);
});

test("entries are changed and removed; what is lost is said before it is saved", async ({ page, admin }) => {
  await open(page, admin, usual);
  await page.getByRole("button", { name: "Edit media" }).click();
  await page.getByLabel("delete").uncheck();
  await page.getByRole("button", { name: "Change in the draft" }).click();
  await expect(page.getByRole("row", { name: /Media media Changed/ })).toBeVisible();
  await page.getByRole("button", { name: "Remove CREATE_POST" }).click();
  await expect(page.getByRole("button", { name: "Add a flat permission" })).toBeFocused();
  await page.getByRole("button", { name: "Add a route" }).click();
  await page.getByLabel("Path").fill("/media");
  await page.getByLabel("Credits").fill("25");
  await page.getByRole("button", { name: "Add to the draft" }).click();

  await review(page).click();
  const dialog = page.getByRole("dialog", { name: "Save the catalogue" });
  await expect(dialog).toContainText("1 resource changed, 1 route added and 1 flat permission removed.");
  await expect(dialog.getByRole("list", { name: "What changes" })).toContainText("− levels: read, write, delete");
  await expect(dialog.getByRole("list", { name: "Permissions that will no longer exist" }).getByRole("listitem")).toHaveText(["CREATE_POST", "media:delete"]);
  await expectAccessible(page);
  await save(page).click();
  await saved(page);
  const now = await admin.api.permissionCatalogueGet();
  expect(now.flat).toEqual([]);
  expect(now.resources[0]!.access).toEqual(["read", "write"]);
  expect(now.routes.at(-1)).toEqual({ method: "POST", path: "/media", credits: 25 });
});

test("the lists and the text are one draft", async ({ page, admin }) => {
  await open(page, admin, usual, "/admin/permissions?view=json");
  const document = JSON.parse(await text(page).inputValue());
  expect(document).toEqual(usual);
  await text(page).fill(JSON.stringify({ ...document, resources: [...document.resources, { name: "people", access: ["read"] }] }));
  await page.getByRole("button", { name: "Lists" }).click();
  await expect(page.getByRole("row", { name: /people New/ })).toBeVisible();
  await page.getByRole("button", { name: "Remove people" }).click();
  await expect(page.getByText("Not saved")).toHaveCount(0); // it is what it was
  await page.getByRole("button", { name: "JSON" }).click();
  expect(JSON.parse(await text(page).inputValue())).toEqual(usual);

  await text(page).fill('{"resources": [{"name": "media",\n "access": "read"}]}');
  await expect(text(page)).toHaveAccessibleDescription(/Line 2: \/resources\/0\/access must be a list/);
  await expect(review(page)).toBeDisabled();
  await expect(page.getByRole("button", { name: "Lists" })).toBeDisabled();
  await text(page).fill("{");
  await expect(text(page)).toHaveAccessibleDescription(/This is no JSON as it stands/);
  await expectAccessible(page);
  await page.getByRole("button", { name: "Discard" }).click();
  await page.getByRole("button", { name: "Discard the draft" }).click();
  expect(JSON.parse(await text(page).inputValue())).toEqual(usual);
});

test("every fault is told in the list, at its place, and in the text", async ({ page, admin }) => {
  await open(page, admin, usual, "/admin/permissions?view=json");
  const wrong = {
    resources: [media, { ...planes, name: "media", paths: ["/media", "/teams/{a}b"] }, { name: "none", access: [] }],
    routes: [{ method: "COPY", path: "/media" }, { method: "POST", path: "media", access: "read" }, { method: "GET", path: "/media/1" }],
    flat: ["lower", "ADMINISTRATOR", "TWICE", "TWICE"],
  };
  await text(page).fill(JSON.stringify(wrong, null, 1));
  await review(page).click();
  const answer = page.waitForResponse((r) => r.request().method() === "PUT");
  await save(page).click();
  const told = ((await (await answer).json()) as { error: string; metadata: { problems: { pointer: string; reason: string }[] } });
  expect(told.error).toBe("catalogue_invalid");
  expect(told.metadata.problems.length).toBeGreaterThanOrEqual(9);
  await expect(faults(page)).toBeFocused();
  await expect(faults(page).getByRole("listitem")).toHaveCount(told.metadata.problems.length);
  await expect(faults(page)).toContainText("Resource media, path 1 overlaps Resource media, path 1");
  await expectAccessible(page);
  await faults(page).getByRole("button", { name: /Route POST media, path/ }).click();
  const selected = await text(page).evaluate((t: HTMLTextAreaElement) => t.value.slice(t.selectionStart, t.selectionEnd));
  expect(selected).toBe('"media",');

  await page.getByRole("button", { name: "Lists" }).click();
  for (const { reason } of told.metadata.problems.filter((p) => !/overlaps|below/.test(p.reason))) await expect(page.getByRole("row").getByText(reason).first()).toBeVisible();
  await expectAccessible(page);
  await faults(page).getByRole("button", { name: "Resource media, path 2" }).click();
  await expect(page.getByLabel("Paths")).toHaveAccessibleDescription(/Line 1 overlaps .* Line 2 must have \{name\} for whole segments only/);
  await page.getByLabel("Name").fill("others");
  await page.getByLabel("Paths").fill("/others");
  await page.getByRole("button", { name: "Change in the draft" }).click();
  await expect(faults(page).getByRole("button", { name: "Resource media, path 2" })).toHaveCount(0); // it may be right now
  await expect(faults(page).getByRole("button", { name: /Flat permission lower/ })).toBeVisible();
});

test("a name that the contract refuses is explained too", async ({ page, admin }) => {
  await open(page, admin, usual);
  await page.getByRole("button", { name: "Add a resource" }).click();
  await page.getByLabel("Name").fill("Not A Name");
  await page.getByRole("button", { name: "Add to the draft" }).click();
  await review(page).click();
  await save(page).click();
  await expect(faults(page)).toContainText("Resource Not A Name, name must be 1 to 63 small letters");
  await expect(page.getByRole("row", { name: /Not A Name/ })).toContainText("must be 1 to 63 small letters");
});

test("of two who edit, the second sees both and keeps the draft", async ({ page, context, admin }) => {
  await open(page, admin, usual);
  const other = await context.newPage();
  await as(other, admin, "/admin/permissions");
  await page.getByRole("button", { name: "Edit media" }).click();
  await page.getByLabel("Title").fill("Mine");
  await page.getByRole("button", { name: "Change in the draft" }).click();
  await page.getByRole("button", { name: "Remove CREATE_POST" }).click();

  await other.getByRole("button", { name: "Edit media" }).click();
  await other.getByLabel("Title").fill("Theirs");
  await other.getByRole("button", { name: "Change in the draft" }).click();
  await other.getByRole("button", { name: "Remove POST /media/search" }).click();
  await review(other).click();
  await save(other).click();
  await saved(other);

  await review(page).click();
  await save(page).click();
  await expect(page.getByText("Somebody changed the catalogue meanwhile.")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Look at both" }).click();
  const both = page.getByRole("dialog", { name: "Your draft and theirs" });
  await expect(both.getByRole("region", { name: "What they changed" })).toContainText("+ title: Theirs");
  await expect(both.getByRole("region", { name: "What they changed" })).toContainText("POST /media/search");
  await expect(both.getByRole("region", { name: "What you changed" })).toContainText("+ title: Mine");
  await expect(both).toContainText("Both changed 1 entry.");
  await expectAccessible(page);
  await both.getByRole("button", { name: "My changes on top of theirs" }).click();
  const dialog = page.getByRole("dialog", { name: "Save the catalogue" });
  await expect(dialog).toContainText("1 resource changed and 1 flat permission removed.");
  await save(page).click();
  await saved(page);
  const now = await admin.api.permissionCatalogueGet();
  expect(now.resources[0]!.title).toBe("Mine");
  expect(now.routes).toEqual([]);
  expect(now.flat).toEqual([]);
});

test("a draft survives an ended session", async ({ page, admin, instance }) => {
  const own = await instance.signIn(admin.handle);
  await open(page, own, usual);
  await page.getByRole("button", { name: "Remove CREATE_POST" }).click();
  const { sessions } = await own.api.sessionList();
  await admin.api.sessionDelete(sessions.find((s) => s.current)!.id);
  await review(page).click();
  await save(page).click();
  const dialog = page.getByRole("dialog", { name: "Your session has ended" });
  await expect(dialog).toBeVisible();
  await dialog.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await saved(page);
  expect((await admin.api.permissionCatalogueGet()).flat).toEqual([]);
});

test("whoever leaves with a draft is asked", async ({ page, admin }) => {
  await open(page, admin, usual);
  await page.getByRole("button", { name: "Remove CREATE_POST" }).click();
  await page.getByRole("link", { name: "Audit log" }).click();
  const asked = page.getByRole("alertdialog", { name: "Leave without saving?" });
  await expect(asked).toBeVisible();
  await expectAccessible(page);
  await asked.getByRole("button", { name: "Go on editing" }).click();
  await expect(page).toHaveURL(/\/admin\/permissions/);
  await expect(page.getByText("Not saved: 1 change.")).toBeVisible();

  let told = "";
  page.once("dialog", (d) => ((told = d.type()), void d.dismiss()));
  await page.close({ runBeforeUnload: true });
  await expect.poll(() => told).toBe("beforeunload");

  await page.getByRole("link", { name: "Audit log" }).click();
  await asked.getByRole("button", { name: "Leave" }).click();
  await expect(page.getByRole("heading", { name: "Audit log", level: 1 })).toBeVisible();
});

const pets = {
  openapi: "3.0.3",
  info: { title: "Pets", version: "1" },
  servers: [{ url: "https://api.example.com/v1" }],
  paths: Object.fromEntries(
    ["/pets", "/pets/{id}", "/pets/search", "/Pet Shops/{a}", "/{tenant}/users", "/red/{x}", "/{y}/blue", "/media:validate", "/options"].map((path) => [path, { [path === "/options" ? "options" : path.includes("search") || path.includes(":") ? "post" : "get"]: { responses: { 200: { description: "ok" } } }, ...(path === "/pets/{id}" && { delete: { responses: { 204: { description: "gone" } } } }) }]),
  ),
};

for (const [what, name, content] of [
  ["JSON with overlaps", "pets.json", JSON.stringify(pets)],
  ["the service's own contract in YAML", "openapi.yaml", undefined],
] as const) {
  test(`an import is the command line's: ${what}`, async ({ page, admin }, info) => {
    const file = content === undefined ? `${top}/${name}` : info.outputPath(name);
    if (content !== undefined) writeFileSync(file, content);
    const expected = parse(execFileSync(binary, ["catalogue", "import", file], { encoding: "utf8", env: { PATH: process.env.PATH } })) as Record<string, unknown>;
    await open(page, admin, { flat: ["CREATE_POST"] });
    await page.getByRole("button", { name: "Import from OpenAPI" }).click();
    await page.getByLabel("File").setInputFiles(file);
    await page.getByRole("button", { name: "Read the document" }).click();
    await expect(page.getByText("Guesses: by their names")).toBeVisible();
    await expectAccessible(page);
    await page.getByRole("button", { name: "Take it into the draft" }).click();
    await page.getByRole("button", { name: "JSON" }).click();
    expect(JSON.parse(await text(page).inputValue())).toEqual({ ...expected, flat: ["CREATE_POST"] });
    await review(page).click();
    await save(page).click(); // the service takes it
    await saved(page);
  });
}

test("a pasted text that is no OpenAPI is told, and an import can add to what is there", async ({ page, admin }) => {
  await open(page, admin, usual);
  await page.getByRole("button", { name: "Import from OpenAPI" }).click();
  const pasted = page.getByLabel("Or the text itself");
  await pasted.fill("swagger: '2.0'\npaths: {}");
  await page.getByRole("button", { name: "Read the document" }).click();
  await expect(page.getByRole("alert")).toContainText("Swagger 2");
  await pasted.fill("openapi: 3.1.0\n\tpaths: {");
  await page.getByRole("button", { name: "Read the document" }).click();
  await expect(page.getByRole("alert")).toContainText("see line 2");
  await expectAccessible(page);
  await pasted.fill("openapi: 3.1.0\npaths:\n  /media: {get: {}}\n  /people: {get: {}, post: {}}\n");
  await page.getByRole("button", { name: "Read the document" }).click();
  await page.getByLabel("These are added to them").check();
  await page.getByRole("button", { name: "Take it into the draft" }).click();
  await review(page).click();
  await expect(page.getByRole("dialog", { name: "Save the catalogue" })).toContainText("1 resource added.");
});

test("200 resources and 1,000 routes stay usable", async ({ page, admin }) => {
  const resources = Array.from({ length: 200 }, (_, i) => ({ name: `resource-${i}`, paths: [`/resource-${i}`], access: ["read" as const, "write" as const] }));
  const routes = Array.from({ length: 1000 }, (_, i) => ({ method: "POST", path: `/resource-${i % 200}/search-${i}`, access: "read" as const }));
  await open(page, admin, { resources, routes });
  await expect(page.getByRole("region", { name: "Routes (1,000)" }).getByRole("row")).toHaveCount(101);
  await page.getByRole("searchbox", { name: "Find" }).fill("search-777");
  await expect(page.getByRole("button", { name: "Edit POST /resource-177/search-777" })).toBeVisible();
  await expect(page).toHaveURL(/q=search-777/);
  await expect(page.getByRole("searchbox", { name: "Find" })).toBeFocused();
  await page.getByRole("button", { name: "Edit POST /resource-177/search-777" }).click();
  await page.getByLabel("Credits").fill("3");
  await page.getByRole("button", { name: "Change in the draft" }).click();
  await review(page).click();
  await save(page).click();
  await saved(page);
  expect((await admin.api.permissionCatalogueGet()).routes[777]).toEqual({ ...routes[777], credits: 3 });
});

for (const scheme of ["light", "dark"] as const) {
  test(`lists, text and dialogs are accessible and fit a phone, ${scheme}`, async ({ page, admin }) => {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width: 360, height: 740 });
    await open(page, admin, { ...usual, resources: [...usual.resources, { name: "x".repeat(63), title: "🔑".repeat(50), paths: ["/" + "y".repeat(200)], access: ["read"] }] });
    const fits = async () => expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    await page.getByRole("button", { name: "Remove CREATE_POST" }).click();
    await expectAccessible(page);
    await fits();
    await review(page).click();
    await expectAccessible(page);
    await page.getByRole("button", { name: "Go on editing" }).click();
    await page.getByRole("button", { name: "Import from OpenAPI" }).click();
    await expectAccessible(page);
    await page.getByRole("button", { name: "Cancel" }).click();
    for (const entry of ["Edit data-planes", "Edit POST /media/search", "Add a flat permission"]) {
      await page.getByRole("button", { name: entry }).click();
      await expectAccessible(page);
      await page.getByRole("button", { name: "Cancel" }).click();
    }
    await page.getByRole("button", { name: "JSON" }).click();
    await expectAccessible(page);
    await fits();
  });
}

test("a slow and a failing service are told, and the draft stays", async ({ page, admin }) => {
  await admin.api.permissionCatalogueUpdate(usual);
  let go = () => {};
  const held = new Promise<void>((resolve) => (go = resolve));
  await page.route("**/api/permissions", async (route) => (await held, await route.continue()), { times: 1 });
  await as(page, admin, "/admin/permissions");
  await expect(page.getByRole("status", { name: "Loading" })).toBeVisible();
  go();
  await page.getByRole("button", { name: "Remove CREATE_POST" }).click();
  await page.route("**/api/permissions", (route) => route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ error: "database_unavailable", detail: "The database does not answer.", suggested: "Try again in a moment.", trace_id: "2".repeat(32), metadata: {} }) }), { times: 1 });
  await review(page).click();
  await save(page).click();
  await expect(page.getByRole("alert")).toContainText("2".repeat(32));
  await save(page).click();
  await saved(page);
  expect((await admin.api.permissionCatalogueGet()).flat).toEqual([]);
});
