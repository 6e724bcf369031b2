import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Link } from "react-router";

import { api, queries } from "../api";
import { Button } from "../ui/button";
import { CopyButton } from "../ui/copy";
import { Actions, Dialog } from "../ui/dialog";
import { Failure } from "../ui/failure";
import { Choice, Fieldset, TextField } from "../ui/field";
import { duration, moment, number, plural, zoneName } from "../ui/format";
import { AccountField } from "./account-field";
import { countKeys, type Chosen, type Count } from "./count";
import { timed } from "./timed";

interface Props {
  open: boolean;
  onClose: () => void;
  /** Whose keys are looked at; chosen to begin with. */
  account: string;
}

/** Ends many keys after an incident: which, how many that is, and then the deed with the incident that ties them together. */
export function RevokeMany({ open, onClose, account }: Props) {
  const [working, setWorking] = useState(false);
  return (
    <Dialog open={open} onClose={() => !working && onClose()} dismissible={false} wide title="Revoke many keys" description="After a security incident. Whatever uses these keys is refused at once, and they cannot be brought back: their owners make new ones.">
      {open && <Steps account={account} onClose={onClose} onWorking={setWorking} />}
    </Dialog>
  );
}

function Steps({ account: first, onClose, onWorking }: { account: string; onClose: () => void; onWorking: (working: boolean) => void }) {
  const [whose, setWhose] = useState<"one" | "all">(first ? "one" : "all");
  const [account, setAccount] = useState(first);
  const [old, setOld] = useState(false);
  const [before, setBefore] = useState("");
  const [reason, setReason] = useState("");
  const [missing, setMissing] = useState(false);
  const [sure, setSure] = useState(false);
  const [soFar, setSoFar] = useState<Count>();
  const stop = useRef<AbortController>(undefined);
  const heading = useRef<HTMLHeadingElement>(null);

  const chosen: Chosen = { ...(whose === "one" && { account }), ...(old && before !== "" && { created_before: new Date(before).toISOString() }) };
  const count = useMutation({
    mutationFn: () => {
      stop.current = new AbortController();
      return countKeys(chosen, setSoFar, stop.current.signal);
    },
  });
  const revoke = useMutation({
    mutationFn: () => timed(() => api.adminAccessKeyRevokeAll({ ...chosen, reason: reason.trim() })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["admin", "access-keys"] }),
  });
  useEffect(() => () => stop.current?.abort(), [stop]);
  useEffect(() => onWorking(revoke.isPending), [revoke.isPending, onWorking]);
  const step = revoke.isSuccess ? "done" : count.isSuccess ? "counted" : "which";
  useEffect(() => {
    if (step !== "which") heading.current?.focus();
  }, [step]);

  if (revoke.isSuccess) return <Done result={revoke.data.value} ms={revoke.data.ms} heading={heading} onClose={onClose} />;

  const all = whose === "all" && !old;
  if (count.isSuccess) {
    const { keys, owners } = count.data;
    return (
      <div className="form">
        <h3 ref={heading} tabIndex={-1}>
          {keys === 0 ? "No key fits" : `${plural(keys, "key")} of ${plural(owners.length, "account")}`}
        </h3>
        {keys === 0 ? (
          <p>There is nothing to revoke: none of them is live.</p>
        ) : (
          <>
            <p>
              {created(chosen)} Keys that are disabled or expired are among them; those that are made until you go on will be, too, if they fit.
            </p>
            <ul className="owners" tabIndex={0} aria-label="Whose keys">
              {owners.map(([handle, n]) => (
                <li key={handle}>
                  <bdi>{handle}</bdi> <span className="muted">{plural(n, "key")}</span>
                </li>
              ))}
            </ul>
            <p>
              Reason for the record: <q dir="auto">{reason.trim()}</q>
            </p>
            {all && (
              <Choice checked={sure} onChange={(e) => setSure(e.target.checked)}>
                These are all keys of all accounts, my own included
              </Choice>
            )}
          </>
        )}
        {revoke.isError && <Failure error={revoke.error} />}
        <Actions>
          <Button disabled={revoke.isPending} onClick={() => (count.reset(), revoke.reset(), setSure(false))}>
            Back
          </Button>
          {keys > 0 && (
            <Button kind="danger" disabled={all && !sure} busy={revoke.isPending} onClick={() => revoke.mutate()}>
              {revoke.isPending ? "Revoking…" : `Revoke ${plural(keys, "key")} for good`}
            </Button>
          )}
        </Actions>
        <p role="status" className="sr-only">
          {revoke.isPending && "Revoking…"}
        </p>
      </div>
    );
  }

  const noAccount = whose === "one" && account === "";
  const noMoment = old && before === "";
  const noReason = reason.trim() === "";
  return (
    <form
      className="form"
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        setMissing(true);
        setSoFar(undefined);
        if (!count.isPending && !noAccount && !noMoment && !noReason) count.mutate();
      }}
    >
      <Fieldset legend="Whose keys">
        <Choice type="radio" name="whose" checked={whose === "one"} onChange={() => setWhose("one")}>
          Those of one account
        </Choice>
        <Choice type="radio" name="whose" checked={whose === "all"} onChange={() => setWhose("all")}>
          Those of all accounts
        </Choice>
      </Fieldset>
      {whose === "one" && (
        <div>
          <AccountField label="Account" hint="Its handle, as you type it." value={account} onChange={setAccount} />
          {missing && noAccount && <p className="wrong">Name the account by its handle.</p>}
        </div>
      )}
      <Choice checked={old} onChange={(e) => setOld(e.target.checked)} hint="As after the loss of a backup.">
        Only those made before a moment
      </Choice>
      {old && (
        <TextField
          type="datetime-local"
          step={1}
          label="Made before"
          hint={`In your time zone: ${zoneName()}.`}
          error={missing && noMoment && "Say which moment, with date and time."}
          value={before}
          onChange={(e) => setBefore(e.target.value)}
        />
      )}
      <TextField
        label="Reason"
        hint="What happened. It stays in the audit log, with every key."
        error={missing && noReason && "Say what happened, in a few words."}
        maxLength={400}
        required
        value={reason}
        onChange={(e) => setReason(e.target.value)}
      />
      {count.isError && <Failure error={count.error} />}
      <Actions>
        {count.isPending && soFar && (
          <p role="status" className="counting">
            {number(soFar.seen)} keys looked at so far
          </p>
        )}
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={count.isPending}>
          {count.isPending ? "Counting…" : "Count them first"}
        </Button>
      </Actions>
    </form>
  );
}

function created({ created_before }: Chosen): string {
  return created_before ? `All of them were made before ${moment(created_before)}.` : "That is every key that is not revoked.";
}

function Done({ result, ms, heading, onClose }: { result: { revoked: number; incident_id: string }; ms: number; heading: React.RefObject<HTMLHeadingElement | null>; onClose: () => void }) {
  return (
    <div className="form">
      <h3 ref={heading} tabIndex={-1}>
        {plural(result.revoked, "key")} revoked
      </h3>
      <p>
        It held on every instance after {duration(ms)}. {result.revoked === 1 ? "The key opens" : "They open"} nothing any more.
      </p>
      <dl className="facts">
        <dt>Incident</dt>
        <dd className="incident">
          <code>{result.incident_id}</code> <CopyButton kind="quiet" text={result.incident_id} label="Copy" />
        </dd>
      </dl>
      <p>
        <Link to={`/admin/audit?incident=${result.incident_id}`}>See its events in the audit log</Link>
      </p>
      <Actions>
        <Button kind="primary" onClick={onClose}>
          Close
        </Button>
      </Actions>
    </div>
  );
}
