import { LatchkeyError } from "@latchkey-dev/sdk";
import { useMutation } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Link } from "react-router";

import { api, type Account } from "../api";
import { useMe } from "../session";
import { Button } from "../ui/button";
import { Actions } from "../ui/dialog";
import { Failure } from "../ui/failure";
import { duration, list } from "../ui/format";
import { OnceDialog } from "../ui/once";
import { Section } from "../ui/page";
import { NewPassword, PassOn, Stored, usePasswordFault } from "./new-password";
import { lacks } from "./queries";
import { timed } from "./timed";

/** Sets a new password for somebody who has lost theirs. The own one takes the old one, so it is changed elsewhere. */
export function PasswordReset({ account }: { account: Account }) {
  const me = useMe();
  const [open, setOpen] = useState(false);
  if (account.id === me.id) {
    return (
      <Section title="Password">
        <p>
          Your own password is changed with the old one, under <Link to="/settings/sessions">Sessions & password</Link>.
        </p>
      </Section>
    );
  }
  const missing = lacks(me, account.permissions);
  return (
    <Section title="Password" lead="For somebody who has lost theirs.">
      <div>
        <Button disabled={missing.length > 0} onClick={() => setOpen(true)}>
          Set a new password
        </Button>
      </div>
      {missing.length > 0 && <p className="muted">You may not set it, as the account holds what you do not: ask somebody who holds {list(missing)}.</p>}
      {open && <ResetDialog account={account} onClose={() => setOpen(false)} />}
    </Section>
  );
}

// The password is in the state of this component and nowhere else.
function ResetDialog({ account: { id, handle, suspended }, onClose }: { account: Account; onClose: () => void }) {
  const [password, setPassword] = useState("");
  const [tried, setTried] = useState(false);
  const [stored, setStored] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const fault = usePasswordFault(password);
  const reset = useMutation({ mutationFn: () => timed(() => api.accountPasswordReset(id, { token: password })) });
  const lost = reset.error instanceof LatchkeyError && (reset.error.status === 0 || reset.error.status >= 500);
  return (
    <OnceDialog
      what="password"
      lost="Nobody can look it up later, and without it nobody can sign in to the account until another one is set."
      atStake={reset.isPending || lost || (reset.isSuccess && !stored)}
      onClose={onClose}
      focus={field}
      title={reset.isSuccess ? `${handle} has a new password` : `Set a new password for ${handle}`}
      description={!reset.isSuccess && "Every session of the account ends, on every instance. Its keys go on. Whoever gets the password signs in with it and should change it then."}
    >
      {reset.isSuccess ? (
        <div className="form">
          <p role="status" className="notice good">
            Its sessions had ended on every instance after {duration(reset.data.ms)}.
          </p>
          <PassOn handle={handle} what="new password" password={password} />
          <Stored checked={stored} onChange={setStored} />
          <Actions>
            <Button kind="primary" disabled={!stored} onClick={onClose}>
              Done
            </Button>
          </Actions>
        </div>
      ) : (
        <form
          className="form"
          noValidate
          autoComplete="off"
          onSubmit={(e) => {
            e.preventDefault();
            setTried(true);
            if (fault) field.current?.focus();
            else if (!reset.isPending) reset.mutate();
          }}
        >
          {suspended && <p>The account stays suspended: nobody can sign in to it before it is restored.</p>}
          <NewPassword ref={field} label="New password" error={tried && fault} sent={reset.isPending} value={password} onChange={setPassword} />
          {reset.isError && <Failure error={reset.error} />}
          {lost && <p className="muted">It is not known whether the password was set. Send it again as it is.</p>}
          <Actions>
            <Button disabled={reset.isPending} onClick={onClose}>
              Cancel
            </Button>
            <Button kind="primary" type="submit" busy={reset.isPending}>
              {reset.isPending ? "Setting…" : lost ? "Send it again" : "Set the password"}
            </Button>
          </Actions>
        </form>
      )}
    </OnceDialog>
  );
}
