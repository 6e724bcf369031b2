import { queryOptions } from "@tanstack/react-query";

import { api, put, queries, type Account, type Role } from "../api";
import { gives, mayGive } from "../permissions";

/** One account, whoever's. */
export const accountOf = (id: string) => queryOptions({ queryKey: ["admin", "account", id], queryFn: ({ signal }) => api.adminAccountGet(id, { signal }) });

/** Every role there is. */
export const roles = queryOptions({ queryKey: ["roles"], queryFn: ({ signal }) => api.roleList({ signal }), select: (r) => r.roles });

/** An account as it was answered; one's own may now see other screens. */
export async function accountChanged(account: Account) {
  await put(accountOf(account.id), account);
  void queries.invalidateQueries({ queryKey: ["admin", "accounts"] });
  void queries.invalidateQueries({ queryKey: ["me"] });
}

/** Roles changed, and with them what accounts may do. */
export async function rolesChanged() {
  void queries.invalidateQueries({ queryKey: ["admin"] });
  void queries.invalidateQueries({ queryKey: ["me"] });
  await queries.invalidateQueries({ queryKey: ["roles"] });
}

/** What a role or an account has that the caller lacks, who then may not give, take or overrule it. */
export function lacks(caller: Account, permissions: readonly string[]): string[] {
  return permissions.filter((p) => !mayGive(caller, p));
}

/** What an account would lose with a role: what none of its others gives. */
export function losesBy(account: Account, role: Role, all: readonly Role[]): string[] {
  const left = all.filter((r) => r.id !== role.id && account.roles.some((held) => held.id === r.id)).flatMap((r) => r.permissions);
  return role.permissions.filter((p) => !gives(left, p));
}
