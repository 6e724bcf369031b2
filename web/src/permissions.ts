// What permissions mean, for showing and choosing them. The service decides; this must say the same (internal/permission).
import type { Account, Catalogue } from "./api";
import { list, number } from "./ui/format";

export type Access = "read" | "write" | "delete";
export const levels: readonly Access[] = ["read", "write", "delete"];

const form = /^(\*|[a-z0-9][a-z0-9_-]{0,62}):(\*|read|write|delete)$/;

function parse(name: string): { resource: string; access: string } | undefined {
  const [, resource, access] = form.exec(name) ?? [];
  return resource && access ? { resource, access } : undefined;
}

function covers(have: string, wanted: string): boolean {
  const h = parse(have);
  const w = parse(wanted);
  return h !== undefined && w !== undefined && (h.resource === "*" || h.resource === w.resource) && (h.access === "*" || h.access === w.access);
}

/** Whether a list gives a permission: by its name or by a wider one. */
export function gives(held: readonly string[], name: string): boolean {
  return held.includes("ADMINISTRATOR") || held.includes(name) || held.some((h) => covers(h, name));
}

/** Whether a list opens all that a permission opens, in any catalogue. */
export function opens(held: readonly string[], name: string): boolean {
  const p = parse(name);
  // Writing is deleting as well where a resource has no level for that, but not for whoever only writes everywhere.
  if (!gives(held, name) || !p || p.resource === "*" || p.access !== "write") return gives(held, name);
  return held.includes(name) || gives(held, `${p.resource}:*`) || gives(held, "*:delete");
}

/** What a key cannot be given, whoever asks. */
export const neverForKeys: readonly string[] = ["ADMINISTRATOR", "USE_PERSONAL_ACCESS_KEYS"];

/**
 * Whether who holds these may give a permission of the catalogue. A role must not open more than its giver may. A key never
 * does, as it is bounded by its owner whenever it is used, so that there the name is enough.
 */
export function mayGive(account: Pick<Account, "permissions">, name: string, to: "key" | "role" = "role"): boolean {
  if (to === "key") return !neverForKeys.includes(name) && gives(account.permissions, name);
  return opens(account.permissions, name);
}

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
  return catalogue.resources.find((r) => r.name === resource)?.title || resource;
}

/** What is done to some resources, or what a flat permission lets one do. */
interface Clause {
  deed: string;
  resources: string[];
}

// What is done to a resource. Where it has no level for deletions, whoever may write it may delete it.
function deedsOn(permissions: readonly string[], resource: string, knowsDelete: boolean): Access[] {
  const own = permissions.filter((p) => parse(p)?.resource === resource);
  const can = (a: Access) => own.some((p) => covers(p, `${resource}:${a}`));
  return levels.filter((a) => can(a) || (a === "delete" && !knowsDelete && can("write")));
}

function clausesOf(permissions: readonly string[], catalogue: Catalogue): Clause[] {
  const everywhere = deedsOn(permissions, "*", true);
  const byDeed = new Map<string, string[]>(); // "read and write" -> resources
  const add = (deeds: Access[], title: string) => {
    if (deeds.length === 0) return;
    const words = list(deeds);
    byDeed.set(words, [...(byDeed.get(words) ?? []), title]);
  };
  add(everywhere, "everything");
  for (const r of catalogue.resources) {
    const more = deedsOn(permissions, r.name, r.access.includes("delete")).filter((a) => !everywhere.includes(a));
    add(more, titleOf(catalogue, r.name));
  }
  const flats = permissions.filter((p) => catalogue.permissions.includes(p) && !parse(p));
  return [...[...byDeed].map(([deed, resources]) => ({ deed, resources })), ...flats.map((p) => ({ deed: meaning(p), resources: [] }))];
}

const say = ({ deed, resources }: Clause) => [deed, ...(resources.length > 0 ? [list(resources)] : [])].join(" ");

/** What a choice of permissions lets one do, in words that follow "may"; null: whatever the account may. */
export function inWords(permissions: readonly string[] | null, catalogue: Catalogue): string {
  if (permissions === null) return "do whatever your account may do, now and later";
  if (permissions.length === 0) return "do nothing yet: choose at least one permission";
  const clauses = clausesOf(permissions, catalogue);
  return clauses.length > 0 ? `${clauses.map(say).join("; ")}, and nothing else` : "do nothing: the catalogue knows none of its permissions";
}

/** The same in a few words, for a table. */
export function inShort(permissions: readonly string[] | undefined, catalogue: Catalogue | undefined): string {
  if (!permissions) return "Same as owner";
  if (!catalogue) return permissions.length === 1 ? permissions[0]! : `${number(permissions.length)} permissions`;
  const [first, ...rest] = clausesOf(permissions, catalogue);
  if (!first) return "Nothing";
  const words = first.resources.length > 2 ? `${first.deed} ${number(first.resources.length)} resources` : say(first);
  return words[0]!.toUpperCase() + words.slice(1) + (rest.length > 0 ? `, and ${number(rest.length)} more` : "");
}
