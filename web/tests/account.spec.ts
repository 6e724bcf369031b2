import { Latchkey } from "@latchkey-dev/sdk";
import type { APIResponse, Page, Route } from "@playwright/test";

import { answerTo, arabic, expectWellMade, failed, unique } from "./admin";
import type { Person } from "./instance";
import { placesOfThePage } from "./places";
import { as, expect, newMember, password, test } from "./test";

test("a suspended account's key is dead at once, and alive again after restoring", async ({ page, instance, admin, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Of the suspended" });
  await as(page, admin, `/admin/accounts/${member.id}`);
  await page.getByRole("button", { name: "Suspend the account" }).click();
  const question = page.getByRole("group", { name: `Suspend ${member.handle}?` });
  await expect(question).toContainText("at once and everywhere");
  await expect(question.getByRole("button", { name: "Leave it" })).toBeFocused();
  await expectWellMade(page);
  await question.getByRole("button", { name: "Suspend", exact: true }).click();
  await expect(page.getByText(/It held on every instance after [\d.,]+ m?s/).first()).toBeVisible();
  await expect(page.getByText("Suspended", { exact: true }).first()).toBeVisible();
  expect(await answerTo(instance, key.secret)).toBe(401);
  await expect(member.api.accountGet()).rejects.toMatchObject({ status: 401 }); // its session has ended
  await page.reload();
  await expectWellMade(page);
  await page.getByRole("button", { name: "Restore the account" }).click();
  await expect(page.getByRole("button", { name: "Suspend the account" })).toBeVisible();
  expect(await answerTo(instance, key.secret)).toBe(200);
});

test("a suspension that fails leaves the account as it is and says so", async ({ page, instance, admin, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Still good" });
  await as(page, admin, `/admin/accounts/${member.id}`);
  await page.route("**/suspend", (route) => route.fulfill(failed));
  await page.getByRole("button", { name: "Suspend the account" }).click();
  await page.getByRole("button", { name: "Suspend", exact: true }).click();
  await expect(page.getByRole("region", { name: "Suspend" }).getByRole("alert")).toContainText("Not every instance has answered.");
  await expect(page.getByRole("button", { name: "Suspend the account" })).toBeFocused();
  expect(await answerTo(instance, key.secret)).toBe(200);
});

test("the last administrator stays: said where it was asked", async ({ page, admin }) => {
  await as(page, admin, `/admin/accounts/${admin.id}`);
  await expect(page.getByText("Your own account", { exact: true })).toBeVisible();
  const roles = page.getByRole("region", { name: "Roles" });
  await roles.getByRole("button", { name: "Take away from me" }).click();
  const question = roles.getByRole("group", { name: "This is your own account" });
  await expect(question).toContainText("You lose ADMINISTRATOR at once");
  await question.getByRole("button", { name: "Take it away from me" }).click();
  await expect(roles.getByRole("alert")).toContainText("Make someone else an administrator first.");
  await expect(roles.getByRole("listitem").filter({ hasText: "Administrator" })).toContainText("Held");
  const suspension = page.getByRole("region", { name: "Suspend" });
  await suspension.getByRole("button", { name: "Suspend the account" }).click();
  await expect(suspension).toContainText("You are signed out");
  await suspension.getByRole("button", { name: "Suspend", exact: true }).click();
  await expect(suspension.getByRole("alert")).toContainText("Make someone else an administrator first.");
  await expectWellMade(page);
});

test("who suspends themselves is signed out", async ({ page, instance, admin }) => {
  const manager = await newMember(instance, admin, `self-${unique()}`, ["MANAGE_ACCOUNTS"]);
  await as(page, manager, `/admin/accounts/${manager.id}`);
  await page.getByRole("button", { name: "Suspend the account" }).click();
  await page.getByRole("button", { name: "Suspend", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  expect((await admin.api.adminAccountGet(manager.id)).suspended).toBeTruthy();
});

test("roles are given and taken, and what they gave ends with them", async ({ page, instance, admin, member }) => {
  const role = await admin.api.roleCreate({ name: `${arabic} ${unique()}`, permissions: ["VIEW_AUDIT_LOG"] });
  await as(page, admin, `/admin/accounts/${member.id}`);
  await page.getByRole("button", { name: `Give ${role.name}` }).click();
  const take = page.getByRole("button", { name: `Take away ${role.name}` });
  await expect(take).toBeVisible();
  await member.api.adminAuditEventList({ limit: 1 });
  await expect(page.getByRole("definition").filter({ hasText: "see everybody's events" })).toBeVisible();
  await page.route(`**/roles/${role.id}`, (route) => route.fulfill(failed));
  await take.click();
  await expect(page.getByRole("region", { name: "Roles" }).getByRole("alert")).toContainText("Not every instance has answered.");
  await page.unroute(`**/roles/${role.id}`);
  await take.click();
  await expect(page.getByRole("button", { name: `Give ${role.name}` })).toBeVisible();
  await expect(page.getByText(/It held on every instance after/)).toBeVisible();
  await expect(member.api.adminAuditEventList({ limit: 1 })).rejects.toMatchObject({ code: "permission_denied" });
  void instance;
});

test("what one does not hold, one neither gives nor overrules, and is told why", async ({ page, instance, admin, member }) => {
  const manager = await newMember(instance, admin, `manager-${unique()}`, ["MANAGE_ACCOUNTS", "MANAGE_ROLES"]);
  await as(page, manager, `/admin/accounts/${admin.id}`);
  await expect(page.getByRole("button", { name: "Suspend the account" })).toBeDisabled();
  await expect(page.getByRole("region", { name: "Suspend" })).toContainText("it holds what you do not: ADMINISTRATOR");
  const take = page.getByRole("button", { name: "Take away Administrator" });
  await expect(take).toBeDisabled();
  await expect(take).toHaveAccessibleDescription(/you do not hold ADMINISTRATOR/);
  await expect(page.getByRole("link", { name: "Show its keys" })).toHaveCount(0);
  await page.goto(`${instance.url}/admin/accounts/${member.id}`);
  await expect(page.getByRole("button", { name: "Give Administrator" })).toBeDisabled();
  await page.goto(`${instance.url}/admin/accounts/${manager.id}`);
  const own = page.getByRole("region", { name: "Roles" });
  await own.getByRole("button", { name: "Take away from me" }).click();
  await expect(own).toContainText("You lose MANAGE_ACCOUNTS and MANAGE_ROLES at once");
  await expectWellMade(page);
});

test("limits are set and counted by", async ({ page, admin, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Busy 🦊" });
  await as(page, admin, `/admin/accounts/${member.id}`);
  const section = page.getByRole("region", { name: "Usage and limits" });
  await expect(section).toContainText("0, without a limit");
  await section.getByRole("button", { name: "Change limits" }).click();
  const reads = section.getByRole("group", { name: "Reads" });
  await reads.getByLabel("At most").first().check();
  await reads.getByRole("textbox", { name: "Reads at most" }).fill("two");
  await section.getByRole("button", { name: "Save limits" }).click();
  await expect(section).toContainText("A whole number, from 0 to 1,000,000,000,000.");
  await reads.getByRole("textbox", { name: "Reads at most" }).fill("2");
  await section.getByLabel("Counted by").selectOption("Day");
  await expect(section).toContainText("starts a new count");
  await expectWellMade(page);
  await section.getByRole("button", { name: "Save limits" }).click();
  await expect(section).toContainText("0 of 2");
  await expect(page.getByText(/They held on every instance after/)).toBeVisible();
  const usage = await admin.api.adminAccountUsage(member.id);
  expect([usage.query.limit, usage.mutation.limit, usage.window.unit]).toEqual([2, undefined, "day"]);
  const verdicts = [];
  for (let i = 0; i < 3; i++) verdicts.push((await admin.api.accessKeyVerify({ key: key.secret, permission: "*:read", record: true })).code);
  expect(verdicts).toEqual(["VALID", "VALID", "QUOTA_EXCEEDED"]);
  await expect(async () => {
    await page.reload();
    await expect(section.getByRole("row").filter({ hasText: "Busy" })).toBeVisible({ timeout: 1000 });
  }).toPass();
  await expect(section.getByRole("row").filter({ hasText: "Busy" })).toContainText("Active");
  await expectWellMade(page);
  await section.getByRole("button", { name: "Change limits" }).click();
  await section.getByRole("group", { name: "Reads" }).getByLabel("Without a limit").check();
  await section.getByRole("button", { name: "Save limits" }).click();
  await expect(section.getByText(/\d, without a limit/)).toHaveCount(2);
  expect((await admin.api.adminAccountUsage(member.id)).query.limit).toBeUndefined();
});

test("credits are given and taken, never twice by the same reference, never below zero", async ({ page, admin, member }) => {
  await as(page, admin, `/admin/accounts/${member.id}`);
  const section = page.getByRole("region", { name: "Credits" });
  await expect(section).toContainText("The ledger is empty");
  await section.getByRole("button", { name: "Give or take credits" }).click();
  await section.getByLabel("Amount").fill("500");
  await expect(section).toContainText("The balance becomes 500");
  const reference = await section.getByLabel("Reference").inputValue();
  expect(reference).toMatch(/^console-/);
  await expectWellMade(page);
  // The booking is made, its answer is lost.
  await page.route("**/credits", async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    await route.fetch();
    return route.abort();
  });
  await section.getByRole("button", { name: "Give credits" }).click();
  await expect(section).toContainText("It is not known whether it was booked.");
  expect((await admin.api.adminAccountCreditsList(member.id)).balance).toBe(500);
  await page.unroute("**/credits");
  await section.getByRole("button", { name: "Send it again" }).click();
  await expect(section).toContainText("500 credits left");
  await expect(section.getByRole("row")).toHaveCount(2);
  await expect(section.getByRole("row").last()).toContainText(reference);

  await section.getByRole("button", { name: "Give or take credits" }).click();
  await section.getByLabel("What to do").selectOption("Take");
  await section.getByLabel("Amount").fill("-5");
  await section.getByRole("button", { name: "Take credits" }).click();
  await expect(section).toContainText("A whole number from 1");
  await section.getByLabel("Amount").fill("501");
  await section.getByLabel("Reference").fill("invoice-7");
  await section.getByRole("button", { name: "Take credits" }).click();
  await expect(section.getByRole("alert")).toContainText("Take at most what metadata names.");
  await section.getByLabel("Amount").fill("20");
  await section.getByRole("button", { name: "Take credits" }).click();
  await expect(section).toContainText("480 credits left");
  await expect(section.getByRole("row").nth(1)).toContainText("invoice-7");
  expect((await admin.api.adminAccountCreditsList(member.id)).balance).toBe(480);
});

test("an account's keys are one step away, and an id of nobody is said to be so", async ({ page, instance, admin, member }) => {
  await member.api.accessKeyCreate({ name: "Its only key" });
  await as(page, admin, `/admin/accounts/${member.id}`);
  await page.getByRole("link", { name: "Show its keys" }).click();
  await expect(page.getByText("Its only key")).toBeVisible();
  await expect(page.getByLabel("Owner")).toHaveValue(member.handle);
  await page.goto(`${instance.url}/admin/accounts/cc5lnd2s1s4652adtu50`);
  await expect(page.getByRole("alert")).toContainText("no such thing");
});

const signIn = ({ handle, url }: Person, token: string) => new Latchkey({ baseUrl: url, retries: false }).authPasswordSignin({ identifier: handle, token });

/** A new password is set, and its answer waits until it is let go. */
async function holdAnswer(page: Page, answer: (real: APIResponse) => Parameters<Route["fulfill"]>[0]): Promise<() => void> {
  let letGo = () => {};
  const held = new Promise<void>((resolve) => (letGo = resolve));
  await page.route("**/password", async (route) => {
    const real = await route.fetch();
    await held;
    return route.fulfill(answer(real));
  });
  return letGo;
}

/** Opens the dialog that sets a new password for somebody. */
async function askForPassword(page: Page, by: Person, whose: Person) {
  await as(page, by, `/admin/accounts/${whose.id}`);
  await page.getByRole("button", { name: "Set a new password" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByLabel("New password")).toBeFocused();
  return { dialog, field: dialog.getByLabel("New password"), set: dialog.getByRole("button", { name: "Set the password" }), warning: page.getByRole("alertdialog") };
}

test("who lost their password gets a new one: sessions end, keys go on, and the page forgets it", async ({ page, instance, admin, member }) => {
  const key = await member.api.accessKeyCreate({ name: "Goes on" });
  const { dialog, field, set, warning } = await askForPassword(page, admin, member);
  await expect(dialog).toContainText("Every session of the account ends, on every instance. Its keys go on.");
  await set.click();
  await expect(field).toBeFocused();
  await expect(dialog).toContainText("Type one, or have one made.");
  await dialog.getByRole("button", { name: "Make one" }).click();
  const token = await field.inputValue();
  await expectWellMade(page);
  await set.click();
  await expect(page.getByRole("heading", { name: `${member.handle} has a new password` })).toBeVisible();
  await expect(dialog.getByText(/ended on every instance after [\d.,]+ m?s/)).toBeVisible();
  await expect(dialog.getByText(token)).toBeVisible();
  await expectWellMade(page);
  await expect(signIn(member, password)).rejects.toMatchObject({ code: "sign_in_failed" });
  expect((await signIn(member, token)).id).toBe(member.id);
  await expect(member.api.accountGet()).rejects.toMatchObject({ status: 401 });
  expect(await answerTo(instance, key.secret)).toBe(200);

  await page.keyboard.press("Escape");
  await expect(warning).toContainText("Nobody can look it up later");
  await expectWellMade(page);
  await warning.getByRole("button", { name: "Back to the password" }).click();
  await expect(dialog.getByRole("button", { name: "Done" })).toBeDisabled();
  const holding = Object.entries(await page.evaluate(placesOfThePage)).filter(([, content]) => content.includes(token));
  expect(holding.map(([place]) => place), "where it is while it is shown").toEqual(["document"]);
  await dialog.getByLabel("I have stored the password or passed it on").check();
  await dialog.getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("button", { name: "Set a new password" })).toBeFocused();
  for (const [place, content] of Object.entries(await page.evaluate(placesOfThePage))) expect(content.includes(token), `the password is in ${place}`).toBe(false);
  expect(instance.printed.includes("AccountPasswordReset"), "the log is there to be searched").toBe(true);
  expect(instance.printed.includes(token), "the password is in the service's log").toBe(false);
  await page.goto(`${instance.url}/admin/audit?account=${member.id}&type=password_reset`);
  await expect(page.getByRole("main")).toContainText(`${admin.handle} set a new password for ${member.handle}`);
});

test("a new password is not left behind unawares, by the cross, another page or a reload", async ({ page, instance, admin, member }) => {
  const { dialog, field, set, warning } = await askForPassword(page, admin, member);
  const asked: string[] = [];
  page.on("dialog", (d) => (asked.push(d.type()), void d.accept()));
  await page.keyboard.press("Escape"); // nothing is at stake yet
  await expect(dialog).toHaveCount(0);
  await page.getByRole("link", { name: "Sessions & password" }).click();
  await page.goBack();
  await page.getByRole("button", { name: "Set a new password" }).click();
  const token = `typed by hand ${unique()}`;
  await field.fill(token);
  const answer = await holdAnswer(page, (response) => ({ response }));
  await set.click();
  await dialog.getByRole("button", { name: "Close", exact: true }).click();
  const back = warning.getByRole("button", { name: "Back to the password" });
  await expect(back).toBeFocused();
  answer();
  await expect(page.getByText(token)).toBeVisible();
  await expect(back).toBeFocused(); // still, as what came lies behind the question
  await page.keyboard.press("Escape"); // of the warning alone
  await expect(warning).toBeHidden();
  await page.goForward();
  await expect(warning).toBeVisible();
  await expect(page).toHaveURL(`${instance.url}/admin/accounts/${member.id}`);
  await back.click();
  await expect(dialog.getByText(token)).toBeVisible();
  await page.reload();
  expect(asked).toEqual(["beforeunload"]);
  await expect(page.getByRole("button", { name: "Set a new password" })).toBeVisible();
  expect(await page.content()).not.toContain(token);
});

test("the own password is changed where the old one is asked for", async ({ page, admin }) => {
  await as(page, admin, `/admin/accounts/${admin.id}`);
  const section = page.getByRole("region", { name: "Password" });
  await expect(section.getByRole("button")).toHaveCount(0);
  await section.getByRole("link", { name: "Sessions & password" }).click();
  await expect(page.getByLabel("Old password")).toBeVisible();
});

test("who holds less sets no password, and is told whom to ask", async ({ page, instance, admin }) => {
  const manager = await newMember(instance, admin, `manager-${unique()}`, ["MANAGE_ACCOUNTS"]);
  const rising = await newMember(instance, admin, `rising-${unique()}`, []);
  await as(page, manager, `/admin/accounts/${admin.id}`);
  const section = page.getByRole("region", { name: "Password" });
  await expect(section.getByRole("button")).toBeDisabled();
  await expect(section).toContainText("the account holds what you do not: ask somebody who holds ADMINISTRATOR.");
  await expectWellMade(page);
  const { dialog, field, set } = await askForPassword(page, manager, rising);
  const role = await admin.api.roleCreate({ name: `More ${unique()}`, permissions: ["VIEW_AUDIT_LOG"] });
  await admin.api.accountAddRole(rising.handle, role.id); // since the page was opened
  await field.fill("a password that is in vain");
  await set.click();
  await expect(dialog.getByRole("alert")).toContainText("Ask someone who holds the permissions");
  await expect(dialog.getByRole("alert")).toContainText("VIEW_AUDIT_LOG");
  await expect(field).toHaveValue("a password that is in vain");
  expect((await signIn(rising, password)).id).toBe(rising.id);
});

test("a password that is refused and a service that fails are said in the dialog, which keeps what was typed; sent again, it is set", async ({ page, admin, member }) => {
  await admin.api.accountSuspend(member.id);
  const { dialog, field, set, warning } = await askForPassword(page, admin, member);
  await expect(dialog).toContainText("The account stays suspended");
  await field.fill("short");
  await set.click();
  await expect(dialog).toContainText("It is too short");
  await field.fill("password1234"); // too widely known
  await set.click();
  await expect(dialog.getByRole("alert")).toContainText(/password/i);
  await expect(field).toHaveValue("password1234");
  const token = `a better password ${unique()}`;
  await field.fill(token);
  // The password is set, its answer is lost.
  const answer = await holdAnswer(page, () => failed);
  await set.click();
  await expect(field).not.toBeEditable();
  await expect(dialog.getByRole("button", { name: "Cancel" })).toBeDisabled();
  answer();
  await expect(dialog.getByRole("alert")).toContainText("Not every instance has answered.");
  await expect(field).toHaveValue(token);
  await expectWellMade(page);
  await page.keyboard.press("Escape");
  await warning.getByRole("button", { name: "Back to the password" }).click();
  await page.unroute("**/password");
  await dialog.getByRole("button", { name: "Send it again" }).click();
  await expect(dialog.getByText(token)).toBeVisible();
  await admin.api.accountRestore(member.id);
  expect((await signIn(member, token)).id).toBe(member.id);
});
