import { api } from "../api";

/** Which keys many are: of an account, made before a moment, both, or, with neither, all. */
export interface Chosen {
  account?: string;
  created_before?: string;
}

export interface Count {
  keys: number;
  /** How many were looked at so far; the list cannot be narrowed by when keys were made. */
  seen: number;
  /** By the handle of their owner, most first. */
  owners: [handle: string, keys: number][];
}

/** Counts the keys that are not revoked, page by page. */
export async function countKeys({ account, created_before }: Chosen, onProgress: (soFar: Count) => void, signal: AbortSignal): Promise<Count> {
  const owners = new Map<string, number>();
  const before = created_before ? Date.parse(created_before) : Infinity;
  let [keys, seen, cursor] = [0, 0, ""];
  for (;;) {
    const page = await api.adminAccessKeyList({ revoked: false, limit: 100, ...(account && { account }), ...(cursor && { cursor }) }, { signal });
    for (const k of page.keys) {
      seen++;
      if (Date.parse(k.createdAt) >= before) continue;
      keys++;
      owners.set(k.created_by.handle, (owners.get(k.created_by.handle) ?? 0) + 1);
    }
    const count = { keys, seen, owners: [...owners].sort(([, a], [, b]) => b - a) };
    if (!page.next_cursor) return count;
    onProgress(count);
    cursor = page.next_cursor;
  }
}
