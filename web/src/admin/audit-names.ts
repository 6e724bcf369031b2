import { useQueries, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { api, holds, type AuditEvent } from "../api";
import { useMe } from "../session";
import type { Names } from "./event";

const mostAsked = 40;

/** What is known of things by the events themselves: handles of actors, and names of accounts, keys and roles. */
export function namesIn(events: readonly AuditEvent[]): { account: Map<string, string>; accessKey: Map<string, string>; role: Map<string, string> } {
  const known = { account: new Map<string, string>(), accessKey: new Map<string, string>(), role: new Map<string, string>() };
  const learn = (of: Map<string, string>, id: unknown, name: unknown) => typeof id === "string" && typeof name === "string" && name && !of.has(id) && of.set(id, name);
  for (const e of events) {
    // Newest first: the newest name is kept.
    const values = { ...e.old, ...e.new };
    learn(known.account, e.actor.account_id, e.actor.handle);
    if (e.target.kind === "account") learn(known.account, e.target.id, values.handle);
    if (e.target.kind === "access_key") learn(known.accessKey, e.target.id, values.name);
    if (e.target.kind === "role") learn(known.role, e.target.id, values.name);
    learn(known.role, values.role_id, values.role);
  }
  return known;
}

export const namesOf = (known: ReturnType<typeof namesIn>, account?: (id: string) => string | undefined): Names => ({
  account: (id) => known.account.get(id) ?? account?.(id),
  accessKey: (id) => known.accessKey.get(id),
  role: (id) => known.role.get(id),
});

/** Names for the sentences about events. Who may see accounts has the handles looked up that no event tells. */
export function useNames(events: readonly AuditEvent[]): { names: Names; handle: (id: string) => string | undefined } {
  const may = holds(useMe(), "MANAGE_ACCOUNTS");
  const known = useMemo(() => namesIn(events), [events]);
  const first = useQuery({ queryKey: ["admin", "accounts", "handles"], queryFn: ({ signal }) => api.accountList({}, { signal }), enabled: may, staleTime: 60_000 });
  const listed = useMemo(() => new Map(first.data?.accounts.map((a) => [a.id, a.handle])), [first.data]);
  const strange = first.isFetched ? [...new Set(events.map((e) => e.account_id))].filter((id): id is string => !!id && !known.account.has(id) && !listed.has(id)) : [];
  const asked = useQueries({
    queries: strange.slice(0, mostAsked).map((id) => ({ queryKey: ["admin", "accounts", "handle", id], queryFn: async () => (await api.adminAccountGet(id)).handle, enabled: may, staleTime: Infinity, retry: false })),
  });
  const handle = (id: string) => listed.get(id) ?? asked[strange.indexOf(id)]?.data;
  return { names: namesOf(known, handle), handle };
}
