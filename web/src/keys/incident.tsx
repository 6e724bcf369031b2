import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";

import { api, queries, type AccessKey } from "../api";
import { Button } from "../ui/button";
import { CopyButton } from "../ui/copy";
import { Actions, Dialog } from "../ui/dialog";
import { Failure } from "../ui/failure";
import { TextField } from "../ui/field";
import { duration, plural } from "../ui/format";
import { Docs } from "../ui/page";
import { Shown } from "../ui/states";
import { accessKeysKey } from "./queries";

interface Done {
  revoked: number;
  incident: string;
  took: number;
}

/** Revokes every key of the account, having said which, and says afterwards what to do next. */
export default function Incident({ onClose }: { onClose: () => void }) {
  const live = useQuery({ queryKey: [...accessKeysKey, "live"], queryFn: ({ signal }) => everyLiveKey(signal), staleTime: 0, gcTime: 0 });
  const [reason, setReason] = useState("");
  const revoke = useMutation({
    mutationFn: async (): Promise<Done> => {
      const begun = performance.now();
      const { revoked, incident_id } = await api.accessKeyRevokeAll(reason.trim() ? { reason: reason.trim() } : {});
      return { revoked, incident: incident_id, took: performance.now() - begun };
    },
    // Also after a failure, when it is not known how far it came.
    onSettled: () => void queries.invalidateQueries({ queryKey: accessKeysKey, predicate: (q) => q.queryKey[1] !== "live" }),
  });
  return (
    <Dialog open onClose={() => revoke.isPending || onClose()} dismissible={false} title={revoke.data ? "All your keys are revoked" : "Revoke all my keys"} focusAfter={() => document.querySelector("h1")}>
      {revoke.data ? (
        <After done={revoke.data} onClose={onClose} />
      ) : (
        <Shown query={live} space={5}>
          {(keys) => <Before keys={keys} reason={reason} onReason={setReason} revoke={revoke} onClose={onClose} />}
        </Shown>
      )}
    </Dialog>
  );
}

// All pages, as the count must be right.
async function everyLiveKey(signal: AbortSignal): Promise<AccessKey[]> {
  const keys: AccessKey[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await api.accessKeyList({ revoked: false, limit: 100, ...(cursor && { cursor }) }, { signal });
    keys.push(...page.keys);
    if (!(cursor = page.next_cursor)) return keys;
  }
}

function Before({ keys, reason, revoke, onReason, onClose }: {
  keys: AccessKey[];
  reason: string;
  revoke: { isPending: boolean; error: Error | null; mutate: () => void };
  onReason: (next: string) => void;
  onClose: () => void;
}) {
  const again = revoke.error !== null;
  if (keys.length === 0 && !again) {
    return (
      <>
        <p>You have no key that could be revoked.</p>
        <Actions>
          <Button onClick={onClose}>Close</Button>
        </Actions>
      </>
    );
  }
  const many = plural(keys.length, "key");
  return (
    <form
      className="form"
      onSubmit={(e) => {
        e.preventDefault();
        if (!revoke.isPending) revoke.mutate();
      }}
    >
      <p>
        This is for when a secret may have got into the wrong hands and you do not know which. <strong>{keys.length === 1 ? "1 key stops" : `${many} stop`} working at once, on every node, for good.</strong> Whatever uses{" "}
        {keys.length === 1 ? "it" : "them"} stops until it has a new one. <Docs page="incidents/">What to do in an incident</Docs>
      </p>
      <div className="names" tabIndex={0} role="region" aria-label={`The ${many}`}>
        <ul>
          {keys.map((k) => (
            <li key={k.id}>
              <bdi>{k.name}</bdi> <code className="muted">{k.hint}</code>
            </li>
          ))}
        </ul>
      </div>
      <TextField label="What happened (optional)" hint="For the record: it is kept in the audit log." autoComplete="off" maxLength={400} value={reason} onChange={(e) => onReason(e.target.value)} />
      {revoke.error && (
        <>
          <Failure error={revoke.error} />
          <p>Some or all of the keys may be revoked already. Doing it again harms nothing, and makes it sure.</p>
        </>
      )}
      <p role="status" className="doing">
        {revoke.isPending && "Revoking, and waiting until every node knows…"}
      </p>
      <Actions>
        <Button onClick={onClose} disabled={revoke.isPending}>
          Keep them
        </Button>
        <Button kind="danger" type="submit" busy={revoke.isPending}>
          {revoke.isPending ? "Revoking…" : again ? "Revoke them again" : `Revoke ${many} for good`}
        </Button>
      </Actions>
    </form>
  );
}

function After({ done, onClose }: { done: Done; onClose: () => void }) {
  return (
    <>
      <div className="notice good" role="status">
        <p>
          <strong>{plural(done.revoked, "key")} revoked.</strong> It held on every node {duration(done.took)} after you asked.
          {done.revoked === 0 && " All of them had been revoked before, as by an attempt whose answer was lost."}
        </p>
      </div>
      <dl className="facts">
        <dt>Incident</dt>
        <dd className="incident-id">
          <code>{done.incident}</code> <CopyButton kind="quiet" text={done.incident} label="Copy the incident" />
        </dd>
      </dl>
      <div>
        <h3>What to do next</h3>
        <ol className="steps">
          <li>Note the incident: in the audit log, every event of this carries it.</li>
          <li>
            If whoever had the secret may know your password or use your computer, <Link to="/settings/sessions">change the password and end all other sessions</Link>.
          </li>
          <li>Create a new key for each program that needs one, with no more permissions than it needs.</li>
          <li>Look at what the old keys were used for: each shows its use and its events under “Show revoked”.</li>
        </ol>
      </div>
      <Actions>
        <Button kind="primary" onClick={onClose}>
          Done
        </Button>
      </Actions>
    </>
  );
}
