import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "react-router";

import { api, catalogue, holds, type Account, type Catalogue, type Role } from "../api";
import { useMe } from "../session";
import { Button } from "../ui/button";
import { ConfirmInPlace } from "../ui/confirm";
import { Failure } from "../ui/failure";
import { duration, list } from "../ui/format";
import { Shown } from "../ui/states";
import { notify } from "../ui/toast";
import { accountChanged, lacks, losesBy, roles } from "./queries";
import { timed } from "./timed";
import { RoleName, RoleNames, roleInWords } from "./words";

/** The roles of an account, to give and to take. */
export function RolesOf({ account, onChange }: { account: Account; onChange?: (account: Account) => void }) {
  const me = useMe();
  const all = useQuery(roles);
  const known = useQuery(catalogue);
  if (!holds(me, "MANAGE_ROLES")) {
    return (
      <>
        <RoleNames roles={account.roles} />
        <p className="muted">Giving and taking roles needs the permission MANAGE_ROLES, which you do not hold.</p>
      </>
    );
  }
  return (
    <Shown query={all} space={3}>
      {(list) => (
        <>
          <ul className="roles-of">
            {list.map((role) => (
              <Row key={role.id} role={role} all={list} account={account} me={me} known={known.data} onChange={onChange} />
            ))}
          </ul>
          {list.length === 1 && (
            <p className="muted">
              There is only the built-in role. <Link to="/admin/roles">Define roles of your own</Link> to give less than everything.
            </p>
          )}
        </>
      )}
    </Shown>
  );
}

function Row({ role, all, account, me, known, onChange }: { role: Role; all: readonly Role[]; account: Account; me: Account; known: Catalogue | undefined; onChange?: ((account: Account) => void) | undefined }) {
  const held = account.roles.some((r) => r.id === role.id);
  const change = useMutation({
    mutationFn: () => timed(() => (held ? api.accountRemoveRole(account.handle, role.id) : api.accountAddRole(account.handle, role.id))),
    onSuccess: async ({ value, ms }) => {
      await accountChanged(value);
      onChange?.(value);
      if (held) notify(`${account.handle} no longer has the role “${role.name}”`, `It held on every instance after ${duration(ms)}.`);
      else notify(`${account.handle} has the role “${role.name}”`);
    },
  });
  const missing = lacks(me, role.permissions);
  const reason = `role-${role.id}-reason`;
  const lost = held && account.id === me.id ? losesBy(account, role, all) : [];
  return (
    <li>
      <div className="role-line">
        <div>
          <RoleName role={role} /> {held && <span className="badge good">Held</span>}
          <p className="hint" id={reason}>
            {missing.length > 0 ? `You may neither give nor take it, as you do not hold ${list(missing)}.` : known && `May ${roleInWords(role, known)}.`}
          </p>
        </div>
        {lost.length > 0 ? (
          <ConfirmInPlace
            action="Take away from me"
            question="This is your own account"
            confirm="Take it away from me"
            doing="Taking away…"
            disabled={missing.length > 0}
            onConfirm={() => change.mutateAsync().catch(() => undefined)}
          >
            <p>You lose {list(lost)} at once, and cannot give it back to yourself.</p>
          </ConfirmInPlace>
        ) : (
          <Button
            className="small"
            aria-label={held ? `Take away ${role.name}` : `Give ${role.name}`}
            aria-describedby={reason}
            disabled={missing.length > 0}
            busy={change.isPending}
            onClick={() => change.mutate()}
          >
            {held ? (change.isPending ? "Taking away…" : "Take away") : "Give"}
          </Button>
        )}
      </div>
      {change.isError && <Failure error={change.error} />}
    </li>
  );
}
