import { LatchkeyError } from "@latchkey-dev/sdk";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";

import { api, catalogue, type Role } from "../api";
import { gives } from "../permissions";
import { useMe } from "../session";
import { Button } from "../ui/button";
import { Actions, Dialog } from "../ui/dialog";
import { Failure } from "../ui/failure";
import { Choice, Fieldset, TextField } from "../ui/field";
import { duration, list } from "../ui/format";
import { Matrix } from "../ui/matrix";
import { Shown } from "../ui/states";
import { notify } from "../ui/toast";
import { colours } from "./colours";
import { rolesChanged } from "./queries";
import { timed } from "./timed";
import { roleInWords } from "./words";

/** Defines a role, or changes one. */
export function RoleForm({ role, onClose }: { role: Role | undefined; onClose: () => void }) {
  const me = useMe();
  const known = useQuery(catalogue);
  const [name, setName] = useState(role?.name ?? "");
  const [colour, setColour] = useState(role?.colour ?? colours[0]![1]);
  const [permissions, setPermissions] = useState<readonly string[]>(role?.permissions ?? []);
  const [tried, setTried] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const save = useMutation({
    mutationFn: () => timed<Role>(() => (role ? api.roleUpdate(role.id, changes(role, { name: name.trim(), colour, permissions: [...permissions] })) : api.roleCreate({ name: name.trim(), colour, permissions: [...permissions] }))),
    onSuccess: async ({ value, ms }) => {
      await rolesChanged();
      if (role) notify(`The role “${value.name}” is changed`, `It held on every instance after ${duration(ms)}.`);
      else notify(`The role “${value.name}” is made`, "Give it to accounts on their own screens.");
      onClose();
    },
  });
  const taken = role?.permissions.filter((p) => !gives(permissions, p)) ?? [];
  const same = role && name.trim() === role.name && colour === role.colour && [...permissions].sort().join() === [...role.permissions].sort().join();
  const nameTaken = save.error instanceof LatchkeyError && save.error.code === "role_name_taken";
  const own = me.roles.some((r) => r.id === role?.id);
  return (
    <Dialog open onClose={() => !save.isPending && onClose()} dismissible={false} wide title={role ? <>Change <bdi>{role.name}</bdi></> : "Create a role"}>
      <form
        ref={form}
        className="form"
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          setTried(true);
          if (name.trim() === "") form.current?.querySelector("input")?.focus();
          else if (same) onClose();
          else if (!save.isPending) save.mutate();
        }}
      >
        <TextField label="Name" error={(tried && name.trim() === "" && "Give it a name.") || (nameTaken && "There is a role of this name.")} maxLength={400} autoComplete="off" required value={name} onChange={(e) => setName(e.target.value)} />
        <Colours role={role} value={colour} onChange={setColour} />
        <Shown query={known}>
          {(catalogue) => (
            <>
              <Fieldset legend="What it gives">
                <Matrix catalogue={catalogue} giver={me} chosen={permissions} onChange={setPermissions} forKey={false} />
              </Fieldset>
              <p className="in-words" role="status">
                Who holds it may {roleInWords({ permissions: [...permissions] }, catalogue)}.
              </p>
            </>
          )}
        </Shown>
        {taken.length > 0 && (
          <p className="notice warn">
            Everyone who holds the role{own && ", you included,"} loses {list(taken)} at once, and so do their keys, unless another role gives it.
          </p>
        )}
        {save.isError && <Failure error={save.error} />}
        <Actions>
          <Button disabled={save.isPending} onClick={onClose}>
            Cancel
          </Button>
          <Button kind="primary" type="submit" busy={save.isPending}>
            {save.isPending ? "Saving…" : role ? "Save role" : "Create role"}
          </Button>
        </Actions>
      </form>
    </Dialog>
  );
}

/** Only what differs: what somebody else changed meanwhile in the rest stays. */
function changes(before: Role, after: { name: string; colour: string; permissions: string[] }) {
  return {
    ...(after.name !== before.name && { name: after.name }),
    ...(after.colour !== before.colour && { colour: after.colour }),
    ...([...after.permissions].sort().join() !== [...before.permissions].sort().join() && { permissions: after.permissions }),
  };
}

function Colours({ role, value, onChange }: { role: Role | undefined; value: string; onChange: (next: string) => void }) {
  const own = role && !colours.some(([, c]) => c === role.colour.toLowerCase());
  const all: readonly (readonly [string, string])[] = own ? [["As it is now", role.colour], ...colours] : colours;
  return (
    <Fieldset legend="Colour">
      <div className="colours">
        {all.map(([name, c]) => (
          <Choice key={name} type="radio" name="colour" checked={value.toLowerCase() === c.toLowerCase()} onChange={() => onChange(c)}>
            <span className="role-name">
              <span className="dot" style={{ background: c }} aria-hidden="true" />
              {name}
            </span>
          </Choice>
        ))}
      </div>
    </Fieldset>
  );
}
