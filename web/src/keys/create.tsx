import { LatchkeyError, type Schema } from "@latchkey-dev/sdk";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState, type FormEvent, type RefObject } from "react";

import { api, catalogue, instance, me, queries } from "../api";
import { inWords } from "../permissions";
import { Button } from "../ui/button";
import { Actions, Dialog } from "../ui/dialog";
import { Failure } from "../ui/failure";
import { TextField } from "../ui/field";
import { list, moment, zoneName } from "../ui/format";
import { Shown } from "../ui/states";
import { momentOf, usual, type Expiry, type Policy } from "./expiry";
import { CapsField, capsWrong, ExpiryField, inCaps, limitsOf, noCaps, perWindow, PermissionsField, type Caps } from "./fields";
import { accessKeysKey, usage } from "./queries";
import { SecretDialog } from "./secret";

/** What was typed. */
interface Draft {
  name: string;
  permissions: "same" | "only";
  chosen: string[];
  expiry: Expiry | undefined; // undefined: nobody chose yet
  caps: Caps;
}

const blank: Draft = { name: "", permissions: "same", chosen: [], expiry: undefined, caps: noCaps };

interface Issued {
  name: string;
  secret: string;
}

/**
 * Asks for a key and shows its secret. It stays when the dialog closes, so that a dialog closed by mistake opens with what was
 * typed; "Cancel" forgets it.
 */
export default function CreateKey({ open, onClose, onCreated }: { open: boolean; onClose: () => void; onCreated: () => void }) {
  const [draft, setDraft] = useState(blank);
  const [issued, setIssued] = useState<Issued>();
  const name = useRef<HTMLInputElement>(null);
  const made = useRef(false); // the secret has the focus next
  const policy = useQuery({ ...instance, enabled: open });
  const known = useQuery({ ...catalogue, enabled: open });
  const used = useQuery({ ...usage, enabled: open });
  const ready = !policy.isPending && !known.isPending && !used.isPending; // the dialog opens at its full height

  const create = useMutation({
    // The secret goes from the answer into this component alone: what a mutation returns is kept by the cache of all mutations.
    mutationFn: async (input: Schema<"AccessKeyInput">) => {
      const { secret, name } = await api.accessKeyCreate(input);
      onCreated(); // before the secret is there: from then on, leaving is warned of
      setDraft(blank);
      made.current = true;
      setIssued({ name, secret });
    },
    onSuccess: () => void queries.invalidateQueries({ queryKey: accessKeysKey }),
    onError: (e) => {
      if (isUnsure(e)) void queries.invalidateQueries({ queryKey: accessKeysKey });
      if (!(e instanceof LatchkeyError)) return;
      if (e.code === "permission_not_held" || e.code === "permission_unknown") void Promise.all([queries.invalidateQueries(me), queries.invalidateQueries(catalogue)]);
      if (e.code === "name_invalid") name.current?.focus();
    },
  });
  const forget = useCallback(() => {
    made.current = false;
    setIssued(undefined);
  }, []);
  const cancel = () => {
    create.reset();
    setDraft(blank);
    onClose();
  };
  return (
    <>
      <Dialog open={open && ready} onClose={() => create.isPending || onClose()} dismissible={false} wide focus={name} focusAfter={() => !made.current && back()} title="Create an access key" description="A key lets a program sign in as you. Its secret is shown once, after this.">
        <Shown query={policy} space={9}>
          {({ access_keys }) => <Form draft={draft} policy={access_keys} error={create.error} busy={create.isPending} name={name} onChange={setDraft} onCancel={cancel} onSubmit={(input) => create.mutate(input)} />}
        </Shown>
      </Dialog>
      {issued && <SecretDialog title="Your new access key" name={issued.name} secret={issued.secret} onClose={forget} />}
    </>
  );
}

// The button that opened the dialog is gone where the list was empty before.
const back = () => document.querySelector<HTMLElement>("[data-creates]") ?? document.querySelector("h1");

// Whether the key may have been made although nobody has its secret.
const isUnsure = (e: unknown) => e instanceof LatchkeyError && (e.status === 0 || e.status >= 500 || e.code === undefined);

function Form({ draft, policy, error, busy, name, onChange, onCancel, onSubmit }: {
  draft: Draft;
  policy: Policy;
  error: Error | null;
  busy: boolean;
  name: RefObject<HTMLInputElement | null>;
  onChange: (next: Draft) => void;
  onCancel: () => void;
  onSubmit: (input: Schema<"AccessKeyInput">) => void;
}) {
  const [now] = useState(() => new Date());
  useEffect(() => name.current?.focus(), [name]); // the dialog could not, where its form came later
  const [tried, setTried] = useState(false);
  const known = useQuery(catalogue);
  const used = useQuery(usage);
  const window = perWindow[used.data?.window.unit ?? "month"];
  const expiry = draft.expiry ?? { term: usual(policy), day: "" };
  const at = momentOf(expiry, policy, now);
  const faults = {
    name: draft.name.trim() === "" ? "Give the key a name, such as that of the program that will use it." : [...draft.name.trim()].length > 100 && "A name has 100 characters at the most.",
    permissions: draft.permissions === "only" && draft.chosen.length === 0 && "Tick at least one permission, or choose the same as your account.",
    expiry: at === undefined && "Choose a day that has not ended yet.",
  };
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (busy) return;
    setTried(true);
    if (faults.name) return name.current?.focus();
    if (faults.permissions || faults.expiry || capsWrong(draft.caps)) return;
    const moment = momentOf(expiry, policy, new Date()); // days count from now, not from when the form was opened
    const limits = limitsOf(draft.caps);
    onSubmit({ name: draft.name.trim(), permissions: draft.permissions === "same" ? null : draft.chosen, expires_at: moment?.toISOString() ?? null, ...(limits && { limits }) });
  };
  const ofName = error instanceof LatchkeyError && error.code === "name_invalid" && error.detail;
  return (
    <form className="form create" noValidate onSubmit={submit}>
      <TextField ref={name} label="Name" hint="What will use the key. You can change it later." autoComplete="off" required value={draft.name} error={(tried && faults.name) || ofName} onChange={(e) => onChange({ ...draft, name: e.target.value })} />
      <PermissionsField value={draft.permissions} chosen={draft.chosen} onChange={(permissions, chosen) => onChange({ ...draft, permissions, chosen })} />
      <ExpiryField policy={policy} value={expiry} now={now} error={tried && faults.expiry ? faults.expiry : undefined} onChange={(expiry) => onChange({ ...draft, expiry })} />
      <details className="more-fields">
        <summary>Limits of its own</summary>
        <CapsField value={draft.caps} window={window} onChange={(caps) => onChange({ ...draft, caps })} />
      </details>
      <section className="summary" aria-label="What you are about to create">
        <h3>What you are about to create</h3>
        <p>
          {draft.name.trim() ? (
            <>
              A key called <bdi className="clamp">{draft.name.trim()}</bdi>
            </>
          ) : (
            "A key"
          )}{" "}
          that may {known.data ? inWords(draft.permissions === "same" ? null : draft.chosen, known.data) : "do what is chosen above"}. {lasts(at)} {capped(draft.caps, window)}
        </p>
      </section>
      {tried && faults.permissions && (
        <p className="wrong" role="alert">
          {faults.permissions}
        </p>
      )}
      {error && <Failure error={error} />}
      {error && isUnsure(error) && <p>The key may have been made all the same, without anybody knowing its secret. Look in the list before you try again, and revoke it there if so.</p>}
      <Actions>
        <Button onClick={onCancel} disabled={busy}>
          Cancel
        </Button>
        <Button kind="primary" type="submit" busy={busy}>
          Create the key
        </Button>
      </Actions>
    </form>
  );
}

function lasts(at: Date | null | undefined): string {
  if (at === null) return "It works until it is revoked.";
  return at ? `It works until ${moment(at)} ${zoneName(at)}.` : "";
}

function capped(typed: Caps, window: string): string {
  const limits = capsWrong(typed) ? undefined : limitsOf(typed);
  return limits ? `It may use ${list(inCaps(limits))} ${window} at the most.` : "";
}
