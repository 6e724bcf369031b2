// What the audit log is filtered by. It lives in the address, in the reader's days; the service is asked in moments.
import type { Query } from "@latchkey-dev/sdk";
import { infiniteQueryOptions } from "@tanstack/react-query";
import { useMemo } from "react";
import { useSearchParams } from "react-router";

import { api } from "../api";
import { typeNames, type AuditEventType } from "./event";

export const members = ["type", "account", "target", "incident", "from", "to"] as const;
export type Member = (typeof members)[number];
export type Filter = Partial<Record<Member, string>>;

const id = /^[0-9a-v]{20}$/;
const day = /^\d{4}-\d{2}-\d{2}$/;

/** Whether a value can be a filter; the address may hold anything. */
export function fits(member: Member, value: string): boolean {
  switch (member) {
    case "type":
      return value in typeNames;
    case "from":
    case "to":
      return day.test(value) && !Number.isNaN(startOf(value).getTime());
  }
  return id.test(value);
}

/** The filter in the address, and how to change it. */
export function useFilter(): { filter: Filter; set: (member: Member, value: string) => void; clear: () => void } {
  const [params, setParams] = useSearchParams();
  const filter = useMemo(() => Object.fromEntries(members.flatMap((m) => (fits(m, params.get(m) ?? "") ? [[m, params.get(m)!]] : []))) as Filter, [params]);
  return {
    filter,
    set: (member, value) => {
      const next = new URLSearchParams(location.search); // as it is now: an answer may have been waited for
      if (value) next.set(member, value);
      else next.delete(member);
      setParams(next, { replace: true });
    },
    clear: () => setParams({}, { replace: true }),
  };
}

function startOf(value: string, more = 0): Date {
  const [y, m, d] = value.split("-").map(Number);
  return new Date(y!, m! - 1, d! + more);
}

/** The same for the service: the first moment of the first day, and the first one after the last day. */
export function queryOf({ from, to, type, ...ids }: Filter): Query<"AdminAuditEventList"> {
  return {
    ...ids,
    ...(type && { type: type as AuditEventType }),
    ...(from && { from: startOf(from).toISOString() }),
    ...(to && { to: startOf(to, 1).toISOString() }),
  };
}

export const events = (filter: Filter) =>
  infiniteQueryOptions({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam, signal }) => api.adminAuditEventList({ ...queryOf(filter), ...(pageParam && { cursor: pageParam }) }, { signal }),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor,
  });
