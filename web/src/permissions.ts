// What permissions mean, for showing and choosing them. The service decides; this must say the same (internal/permission).
import type { Account, Catalogue } from "./api";
import { list } from "./ui/format";

export type Access = "read" | "write" | "delete";
export const levels: readonly Access[] = ["read", "write", "delete"];

function parse(name: string): { resource: string; access: string } | undefined {
  const [resource, access, more] = name.split(":");
  return resource && access && more === undefined ? { resource, access } : undefined;
}

function covers(have: string, wanted: string): boolean {
  if (have === wanted) return true;
  const h = parse(have);
  const w = parse(wanted);
  return h !== undefined && w !== undefined && (h.resource === "*" || h.resource === w.resource) && (h.access === "*" || h.access === w.access);
}

/** Whether a list gives a permission: by its name or by a wider one. */
export function gives(held: readonly string[], name: string): boolean {
  return held.includes("ADMINISTRATOR") || held.some((h) => covers(h, name));
}

/** Whether who holds these may give a permission to a key or a role. */
export function mayGive(account: Pick<Account, "permissions">, name: string): boolean {
  const held = account.permissions;
  if (!gives(held, name)) return false;
  const p = parse(name);
  // Writing may be deleting, where a resource knows no deletion; who only writes everywhere may not give that.
  if (!p || p.resource === "*" || p.access !== "write" || held.includes(name)) return true;
  return gives(held, `${p.resource}:*`) || gives(held, "*:delete");
}

/** What a key cannot be given, whoever asks. */
export const neverForKeys: readonly string[] = ["ADMINISTRATOR", "USE_PERSONAL_ACCESS_KEYS"];

const known: Record<string, string> = {
  ADMINISTRATOR: "do everything there is",
  USE_PERSONAL_ACCESS_KEYS: "have access keys",
  MANAGE_ROLES: "define and give roles",
  MANAGE_ACCOUNTS: "create, suspend and limit accounts",
  VIEW_AUDIT_LOG: "see everybody's events",
  VERIFY_ACCESS_KEYS: "ask whether anybody's key is good",
};

/** What a flat permission lets one do, in words that follow "may". */
export const meaning = (flat: string) => known[flat] ?? `use ${flat}`;

/** The name of a resource for people. */
export function titleOf(catalogue: Catalogue, resource: string): string {
  return catalogue.resources.find((r) => r.name === resource)?.title ?? resource;
}

const deeds: Record<Access, string> = { read: "read", write: "write", delete: "delete" };

/** What a choice of permissions lets one do, in words that follow "may"; null: whatever the account may. */
export function inWords(permissions: readonly string[] | null, catalogue: Catalogue): string {
  if (permissions === null) return "do whatever your account may do, now and later";
  if (permissions.length === 0) return "do nothing yet: choose at least one permission";
  const byDeeds = new Map<string, string[]>(); // "read and write" -> resources
  for (const resource of ["*", ...catalogue.resources.map((r) => r.name)]) {
    const can = levels.filter((a) => permissions.some((p) => parse(p)?.resource === resource && covers(p, `${resource}:${a}`)));
    if (can.length === 0) continue;
    const words = list(can.map((a) => deeds[a]));
    byDeeds.set(words, [...(byDeeds.get(words) ?? []), resource === "*" ? "everything" : titleOf(catalogue, resource)]);
  }
  const clauses = [...byDeeds].map(([deed, resources]) => `${deed} ${list(resources)}`);
  clauses.push(...permissions.filter((p) => !parse(p)).map(meaning));
  return clauses.length > 0 ? `${clauses.join("; ")}, and nothing else` : "do nothing: the catalogue knows none of its permissions";
}
