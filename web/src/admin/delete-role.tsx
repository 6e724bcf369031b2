import { useMutation } from "@tanstack/react-query";

import { api, type Role } from "../api";
import { useMe } from "../session";
import { ConfirmInPlace } from "../ui/confirm";
import { Failure } from "../ui/failure";
import { duration } from "../ui/format";
import { notify } from "../ui/toast";
import { rolesChanged } from "./queries";
import { timed } from "./timed";

export function DeleteRole({ role, disabled }: { role: Role; disabled: boolean }) {
  const me = useMe();
  const remove = useMutation({
    mutationFn: () => timed(() => api.roleDelete(role.id)),
    onSuccess: async ({ ms }) => {
      notify(`The role “${role.name}” is deleted`, `It held on every instance after ${duration(ms)}.`);
      await rolesChanged();
    },
  });
  return (
    <div className="role-delete">
      <ConfirmInPlace
        action="Delete"
        question="Delete this role?"
        confirm="Delete the role"
        doing="Deleting…"
        disabled={disabled}
        onConfirm={() => remove.mutateAsync().catch(() => undefined)}
      >
        <p>Everyone who holds it loses what it gave, at once and everywhere, and so do their keys.</p>
        {me.roles.some((r) => r.id === role.id) && <p>You hold it yourself.</p>}
      </ConfirmInPlace>
      {remove.isError && <Failure error={remove.error} />}
    </div>
  );
}
