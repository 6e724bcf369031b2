import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { catalogue, type Account, type Catalogue, type Role } from "../api";
import { useMe } from "../session";
import { Badge } from "../ui/badge";
import { Button } from "../ui/button";
import { list, plural } from "../ui/format";
import { Page } from "../ui/page";
import { Shown } from "../ui/states";
import { When } from "../ui/time";
import "./admin.css";
import { DeleteRole } from "./delete-role";
import { lacks, roles } from "./queries";
import { RoleForm } from "./role-form";
import { RoleName, roleInWords } from "./words";

/** Named sets of permissions, which accounts hold. */
export default function Roles() {
  const me = useMe();
  const query = useQuery(roles);
  const known = useQuery(catalogue);
  const [edited, setEdited] = useState<Role | "new">();
  return (
    <Page
      title="Roles"
      lead="An account may do what its roles give together."
      docs="permissions/"
      actions={
        <Button kind="primary" onClick={() => setEdited("new")}>
          Create role
        </Button>
      }
    >
      <Shown query={query}>
        {(all) => (
          <>
            <ul className="roles">
              {all.map((role) => (
                <Card key={role.id} role={role} me={me} known={known.data} onEdit={() => setEdited(role)} />
              ))}
            </ul>
            <p role="status" className="muted">
              {all.length === 1 ? "There is only the built-in role. Create one that gives less than everything." : plural(all.length, "role")}
            </p>
          </>
        )}
      </Shown>
      {edited && <RoleForm role={edited === "new" ? undefined : edited} onClose={() => setEdited(undefined)} />}
    </Page>
  );
}

function Card({ role, me, known, onEdit }: { role: Role; me: Account; known: Catalogue | undefined; onEdit: () => void }) {
  const missing = lacks(me, role.permissions);
  const closed = role.default ? "It cannot be changed or deleted." : missing.length > 0 ? `You may not change it, as you do not hold ${list(missing)}.` : undefined;
  return (
    <li className="section role" aria-label={role.name}>
      <div className="role-words">
        <h2>
          <RoleName role={role} /> {role.default && <Badge tone="accent">Built in</Badge>}
        </h2>
        <p dir="auto">{known ? `May ${roleInWords(role, known)}.` : role.permissions.join(", ")}</p>
        <p className="muted">
          Changed <When at={role.updatedAt} />
          {closed && <>. {closed}</>}
        </p>
      </div>
      {!role.default && (
        <Button disabled={missing.length > 0} aria-label={`Change ${role.name}`} onClick={onEdit}>
          Change
        </Button>
      )}
      {!role.default && <DeleteRole role={role} disabled={missing.length > 0} />}
    </li>
  );
}
