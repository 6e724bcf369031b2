import type { Catalogue, Role } from "../api";
import { inWords } from "../permissions";

/** What a role lets its holder do, in words that follow "May". */
export function roleInWords(role: Pick<Role, "permissions">, catalogue: Catalogue): string {
  if (role.permissions.includes("ADMINISTRATOR")) return "do everything there is";
  if (role.permissions.length === 0) return "do nothing by itself";
  return inWords(role.permissions, catalogue).replace(/, and nothing else$/, "");
}

/** What somebody else's key may do, likewise; undefined permissions are whatever its owner may do. */
export function keyInWords(permissions: readonly string[] | undefined, catalogue: Catalogue | undefined): string {
  if (!permissions) return "Whatever its owner may do";
  if (!catalogue) return permissions.join(", ");
  const words = inWords(permissions, catalogue).replace(/, and nothing else$/, "");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A role by its colour and name. Any colour stands out by its ring. */
export function RoleName({ role }: { role: { name: string; colour: string } }) {
  return (
    <span className="role-name">
      <span className="dot" style={{ background: role.colour }} aria-hidden="true" />
      <bdi>{role.name}</bdi>
    </span>
  );
}

/** The roles of an account, in little room. */
export function RoleNames({ roles }: { roles: readonly { id: string; name: string; colour: string }[] }) {
  if (roles.length === 0) return <span className="muted">None</span>;
  return (
    <span className="role-names">
      {roles.map((r) => (
        <RoleName key={r.id} role={r} />
      ))}
    </span>
  );
}
