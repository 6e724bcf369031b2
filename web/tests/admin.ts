import type { Page } from "@playwright/test";

import type { Instance } from "./instance";
import { expect, expectAccessible } from "./test";

/** What the service answers to a key: 200 where it is good, 401 where it is dead. */
export async function answerTo(instance: Instance, secret: string): Promise<number> {
  return (await fetch(`${instance.url}/api/accounts`, { headers: { Authorization: `Bearer ${secret}` } })).status;
}

/** The page as it is is without a finding, with dark colours too, and does not scroll sideways on a small phone. */
export async function expectWellMade(page: Page) {
  const size = page.viewportSize()!;
  await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
  await expectAccessible(page, "colours"); // nothing else changes with them
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await expectAccessible(page);
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await page.evaluate(() => document.scrollingElement!.scrollWidth), "the page must not scroll sideways").toBeLessThanOrEqual(360);
  await expectAccessible(page);
  await page.setViewportSize(size);
}

/** An answer as the service gives it when it has failed. */
export const failed = {
  status: 503,
  contentType: "application/problem+json",
  body: JSON.stringify({ type: "urn:latchkey:problem:revocation_unconfirmed", title: "It is not known whether the change was made", status: 503, detail: "Not every instance has answered.", trace_id: "0af7651916cd43dd8448eb211c80319c", metadata: {}, error: "revocation_unconfirmed", message: "", suggested: "Repeat the call: once it succeeds, it holds everywhere." }),
};

export const emoji = "🦊".repeat(100);
export const arabic = "مفتاح التكامل الرئيسي";

/** A part of a handle or a name that no other test has. */
export const unique = () => Math.random().toString(36).slice(2, 8);
