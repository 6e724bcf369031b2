import type { Schema } from "@latchkey-dev/sdk";
import { queryOptions } from "@tanstack/react-query";

import { api, queries } from "../api";

export type Session = Schema<"Session">;

/** The own sessions, this one first. */
export const sessions = queryOptions({
  queryKey: ["sessions"],
  queryFn: async ({ signal }) => {
    const { sessions } = await api.sessionList({ signal });
    return sessions.toSorted((a, b) => Number(b.current) - Number(a.current));
  },
});

/** Takes one that the service has ended out of the list. */
export function forget(id: string) {
  queries.setQueryData(sessions.queryKey, (all) => all?.filter((s) => s.id !== id));
}
