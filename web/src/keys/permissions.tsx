import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, catalogue, type AccessKey, type Catalogue } from "../api";
import { gives, inWords } from "../permissions";
import { Button } from "../ui/button";
import { list } from "../ui/format";
import { Section } from "../ui/page";
import { Shown } from "../ui/states";
import { notify } from "../ui/toast";
import { keep, useChange } from "./data";
import { EditDialog } from "./edit";
import { PermissionsField } from "./fields";

/** What a key may do: in words, as it was asked for, and as it is now where that is less. */
export function Permissions({ shown, onEdit }: { shown: AccessKey; onEdit?: () => void }) {
  const known = useQuery(catalogue);
  return (
    <Section title="Permissions" actions={onEdit && <Button className="small" onClick={onEdit}>Change permissions</Button>}>
      <Shown query={known} space={3}>
        {(c) => <Words shown={shown} catalogue={c} />}
      </Shown>
    </Section>
  );
}

function Words({ shown, catalogue: c }: { shown: AccessKey; catalogue: Catalogue }) {
  const asked = shown.permissions;
  const now = shown.effective_permissions;
  const same = asked !== undefined && asked.length === now.length && asked.every((p) => now.includes(p));
  return (
    <>
      <p>
        {shown.status === "revoked" || shown.status === "revoking" ? "Before it was revoked, this key could" : "This key may"} {inWords(asked ?? null, c)}.
      </p>
      {!asked ? (
        <Names title="Now that is" names={now} none="nothing: your account holds nothing that a key can have." />
      ) : same ? (
        <Names title="In full" names={asked} />
      ) : (
        <>
          <p className="notice warn">Your account no longer holds all of it. A key can never do more than its owner.</p>
          <Names title="Asked for" names={asked} lost={(p) => !gives(now, p)} />
          <Names title="Effective now" names={now} none="nothing." />
        </>
      )}
    </>
  );
}

function Names({ title, names, none, lost }: { title: string; names: readonly string[]; none?: string; lost?: (name: string) => boolean }) {
  return (
    <div className="key-names">
      <h3>{title}</h3>
      {names.length === 0 ? (
        <p className="muted">{none}</p>
      ) : (
        <ul className="key-names-list" aria-label={title}>
          {names.map((p) => (
            <li key={p}>
              {lost?.(p) ? (
                <>
                  <code className="lost">{p}</code> <span className="muted">not in full now</span>
                </>
              ) : (
                <code>{p}</code>
              )}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Changes what a key may do. */
export function ChangePermissions({ shown, onClose }: { shown: AccessKey; onClose: () => void }) {
  const [only, setOnly] = useState(shown.permissions !== undefined);
  const [chosen, setChosen] = useState(shown.permissions ?? []);
  const [wrong, setWrong] = useState(false);
  const next = only ? chosen : null;
  const lost = next ? shown.effective_permissions.filter((p) => !gives(next, p)) : [];
  const change = useChange(shown, async (ifVersion) => keep(await api.accessKeyUpdate(shown.id, { permissions: next }, { ifVersion })));
  return (
    <EditDialog
      wide
      title="Change the permissions"
      description="A key never does more than its owner may."
      change={change}
      save="Save the permissions"
      saving="Saving…"
      ready={() => {
        setWrong(only && chosen.length === 0);
        return !only || chosen.length > 0;
      }}
      renderNow={(k) => (k.permissions ? <>Its permissions are now {list(k.permissions)}.</> : "It may now do whatever your account may.")}
      onClose={onClose}
      onDone={() => {
        notify("The permissions are changed", lost.length > 0 ? "What was taken away is refused on every node." : undefined);
        onClose();
      }}
    >
      <PermissionsField
        value={only ? "only" : "same"}
        chosen={chosen}
        onChange={(value, next) => {
          setOnly(value === "only");
          setChosen(next);
        }}
      />
      {wrong && chosen.length === 0 && only && (
        <p className="wrong" role="alert">
          Choose at least one permission, or “The same as my account”.
        </p>
      )}
      {next && next.length > 0 && lost.length > 0 && (
        <p className="notice warn">
          <span>
            <strong>This takes something away:</strong> {lost.slice(0, 12).map((p, i) => <span key={p}>{i > 0 && ", "}<code>{p}</code></span>)}
            {lost.length > 12 && " and more"}. It counts at once, on every node, when saving is done.
          </span>
        </p>
      )}
    </EditDialog>
  );
}
