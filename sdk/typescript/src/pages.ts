import { LatchkeyError } from "./error.js";

/** All items of all pages, asked for as they are needed. Ends with the loop around it, or with the signal's reason. */
export async function* each<Page extends { next_cursor?: string }, Item>(
  ask: (cursor: string | undefined) => Promise<Page>,
  items: (page: Page) => readonly Item[],
  cursor: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<Item, void, undefined> {
  for (;;) {
    signal?.throwIfAborted();
    const page = await ask(cursor);
    for (const item of items(page)) {
      signal?.throwIfAborted();
      yield item;
    }
    const { next_cursor: next } = page;
    if (!next) return;
    if (next === cursor) throw new LatchkeyError(200, undefined, "The service gives the same page again.", "See whether something between caches its answers.");
    cursor = next;
  }
}
