import { LatchkeyError } from "@latchkey-dev/sdk";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link, useParams } from "react-router";

import { api, catalogue, type AccessKey } from "../api";
import { StatusBadge } from "../ui/badge";
import { Button, LinkButton } from "../ui/button";
import { Failure } from "../ui/failure";
import { Page } from "../ui/page";
import { Empty, Loading, Shown } from "../ui/states";
import { notify } from "../ui/toast";
import { Caps, ChangeCaps } from "./caps";
import { fresh, keep, oneKey } from "./data";
import { ChangeExpiry } from "./change-expiry";
import { TryIt } from "./explain";
import { Facts } from "./facts";
import { History } from "./history";
import { ChangePermissions, Permissions } from "./permissions";
import { usage } from "./queries";
import { Regenerate } from "./regenerate";
import { Rename } from "./rename";
import { Rest, Revoke, RevocationState, useRevocation } from "./revoke";
import { UsageOf } from "./usage";
import "./detail.css";

export default function AccessKeyDetail() {
  const { id = "" } = useParams();
  return <OneKey key={id} id={id} />;
}

// Of somebody else's key nobody is told that it is there, and what has not the form of an id is no key's.
const isNotThere = (e: unknown) => e instanceof LatchkeyError && (e.status === 404 || e.code === "request_invalid");

function OneKey({ id }: { id: string }) {
  const query = useQuery(oneKey(id));
  const { refetch } = query;
  // Another window may have changed it while this one was in sight but not in use.
  useEffect(() => {
    const look = () => void refetch();
    window.addEventListener("focus", look);
    return () => window.removeEventListener("focus", look);
  }, [refetch]);
  const revocation = useRevocation(id, query.data?.status);
  const [open, setOpen] = useState<Dialogs>();
  const shown = query.data;

  if (!shown && isNotThere(query.error)) {
    return (
      <Page title="There is no such key">
        <Empty title="You have no key with this id" action={<LinkButton to="/settings/access-keys">See your keys</LinkButton>}>
          <p>The address may be mistyped, or the key belongs to another account.</p>
        </Empty>
      </Page>
    );
  }
  return (
    <Page
      title={shown?.name ?? "Access key"}
      lead={
        <span className="key-lead">
          <Link to="/settings/access-keys">Access keys</Link>
          {shown && (
            <>
              <StatusBadge status={shown.status} /> <code>{shown.hint}…</code>
            </>
          )}
        </span>
      }
      actions={shown && <Deeds shown={shown} revocation={revocation} onRegenerate={() => setOpen("regenerate")} />}
    >
      <Shown query={query} space={14}>
        {(key) => (
          <>
            <RevocationState shown={key} revocation={revocation} />
            <Rest shown={key} />
            <Parts shown={key} open={setOpen} />
          </>
        )}
      </Shown>
      {shown && open && <Editing what={open} shown={shown} onClose={() => setOpen(undefined)} />}
    </Page>
  );
}

type Dialogs = "rename" | "expiry" | "permissions" | "caps" | "regenerate";

function Editing({ what, shown, onClose }: { what: Dialogs; shown: AccessKey; onClose: () => void }) {
  const Kind = { rename: Rename, expiry: ChangeExpiry, permissions: ChangePermissions, caps: ChangeCaps, regenerate: Regenerate }[what];
  return <Kind shown={shown} onClose={onClose} />;
}

const isOver = (key: AccessKey) => key.status === "revoked" || key.status === "revoking";

function Parts({ shown, open }: { shown: AccessKey; open: (what: Dialogs) => void }) {
  const over = isOver(shown);
  // What the parts need beside the key is waited for, so that none of them moves the others when it comes.
  const pending = [useQuery(catalogue), useQuery(usage)].some((q) => q.isPending);
  if (pending) return <Loading rows={14} />;
  return (
    <>
      <div className="columns">
        <Facts shown={shown} {...(!over && { onRename: () => open("rename"), onExpiry: () => open("expiry") })} />
        <div className="key-column">
          <Permissions shown={shown} {...(!over && { onEdit: () => open("permissions") })} />
          <Caps shown={shown} {...(!over && { onEdit: () => open("caps") })} />
        </div>
      </div>
      <UsageOf id={shown.id} />
      <TryIt id={shown.id} />
      <History id={shown.id} />
    </>
  );
}

/** What one does to a key as a whole. */
function Deeds({ shown, revocation, onRegenerate }: { shown: AccessKey; revocation: ReturnType<typeof useRevocation>; onRegenerate: () => void }) {
  if (isOver(shown) && !revocation.busy) return <LinkButton to="/settings/access-keys">Back to your keys</LinkButton>;
  return (
    <>
      {(shown.status === "active" || shown.status === "disabled") && (
        <Button kind="primary" onClick={onRegenerate}>
          Regenerate
        </Button>
      )}
      {shown.status !== "expired" && <Ability shown={shown} />}
      <Revoke shown={shown} revocation={revocation} />
    </>
  );
}

function Ability({ shown }: { shown: AccessKey }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const off = shown.status === "disabled";
  const turn = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await keep(await api.accessKeyUpdate(shown.id, { enabled: off }, { ifVersion: shown.version }));
      notify(off ? "Enabled" : "Disabled", off ? "The key works again." : "The key is refused on every node until you enable it.");
    } catch (e) {
      setError(e);
      await fresh(shown.id).catch(() => undefined);
    }
    setBusy(false);
  };
  return (
    <>
      <Button busy={busy} onClick={() => void turn()}>
        {busy ? (off ? "Enabling…" : "Disabling…") : off ? "Enable" : "Disable"}
      </Button>
      {error !== undefined && <Failure error={error} />}
    </>
  );
}
