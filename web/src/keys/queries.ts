import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";

import { api, type AccessKey, type AccessKeyStatus } from "../api";
import type { Sorting } from "../ui/table";

/** What every query of the own keys begins with: what changes one of them makes all of these old. */
export const accessKeysKey = ["access-keys"];

export interface Filter {
  search: string;
  status: AccessKeyStatus | "";
  revoked: boolean;
  sorting: Sorting;
}

type Sort = "created_at" | "name" | "expires_at" | "last_used_at";

/** The own keys, in pages. */
export const accessKeys = ({ search, status, revoked, sorting }: Filter) =>
  infiniteQueryOptions({
    queryKey: [...accessKeysKey, "list", { search, status, revoked, sorting }],
    queryFn: ({ pageParam, signal }) =>
      api.accessKeyList(
        {
          limit: 100,
          ...(pageParam && { cursor: pageParam }),
          ...(search && { search }),
          ...(status && { status }),
          ...(!revoked && !isRevoked(status) && { revoked: false }),
          sort: sorting.by as Sort,
          order: sorting.order,
        },
        { signal },
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData, // typing in the search does not make the table blink
    staleTime: 0, // whoever comes back to this tab sees what was done in another
    refetchInterval: ({ state }) => (state.data?.pages.some((p) => p.keys.some((k) => k.status === "revoking")) ? 2_000 : false),
  });

export const isRevoked = (status: string) => status === "revoked" || status === "revoking";

/** How long before its end a key is warned of. */
export const soon = 14 * 86_400_000;

export const endsSoon = (key: AccessKey, now = Date.now()) => key.status === "active" && key.expires_at !== undefined && new Date(key.expires_at).getTime() - now < soon;

/** The keys that expire soon, the first of them first. */
export const expiring = queryOptions({
  queryKey: [...accessKeysKey, "expiring"],
  queryFn: ({ signal }) => api.accessKeyList({ expiring_before: new Date(Date.now() + soon).toISOString(), sort: "expires_at", order: "asc", limit: 100 }, { signal }),
});

/** Whether there is any key, revoked ones included. */
export const anyKey = queryOptions({
  queryKey: [...accessKeysKey, "any"],
  queryFn: async ({ signal }) => (await api.accessKeyList({ limit: 1 }, { signal })).keys.length > 0,
});

/** What the account used in its window. */
export const usage = queryOptions({ queryKey: ["usage"], queryFn: ({ signal }) => api.accountUsage({ signal }), staleTime: 30_000 });

export interface Days {
  /** When the first of them begins. */
  from: string;
  /** Requests by day, for each key that was used. */
  byKey: Map<string, number[]>;
}

const day = 86_400_000;

/** What each key was used for in the last thirty days. */
export const daily = queryOptions({
  queryKey: ["usage", "daily"],
  queryFn: async ({ signal }): Promise<Days> => {
    const { from, to, keys } = await api.accountUsageDaily({ signal });
    const start = new Date(from).getTime();
    const length = Math.round((new Date(to).getTime() - start) / day);
    const byKey = new Map(keys.map(({ id, data }) => {
      const counts = new Array<number>(length).fill(0);
      for (const p of data) counts[Math.round((new Date(p.start).getTime() - start) / day)]! += p.query + p.mutation;
      return [id, counts];
    }));
    return { from, byKey };
  },
  staleTime: 60_000,
});
