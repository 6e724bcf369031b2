import { LatchkeyError } from "@latchkey-dev/sdk";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";

import { api, holds, instance, queries, type Account } from "../api";
import { useMe } from "../session";
import { Button } from "../ui/button";
import { CopyButton } from "../ui/copy";
import { Actions, Alert, Dialog } from "../ui/dialog";
import { Failure } from "../ui/failure";
import { Choice, TextField } from "../ui/field";
import { number } from "../ui/format";
import { useAtStake } from "../ui/leave";
import { Section } from "../ui/page";
import { notify } from "../ui/toast";
import { makePassword } from "./password";
import { RolesOf } from "./roles-of";

/**
 * Makes an account, then shows the first password to pass on and offers roles. The password is in the state of this component
 * and nowhere else; nobody can look it up later, so leaving without it is warned of.
 */
export function CreateAccount({ onClose }: { onClose: () => void }) {
  const [password, setPassword] = useState("");
  const [account, setAccount] = useState<Account>();
  const [stored, setStored] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const atStake = account !== undefined && !stored;
  const blocker = useAtStake(atStake);
  const stay = () => {
    setLeaving(false);
    if (blocker.state === "blocked") blocker.reset();
  };
  const leave = () => {
    if (blocker.state === "blocked") blocker.proceed();
    onClose();
  };
  return (
    <>
      <Dialog open onClose={() => (atStake ? setLeaving(true) : onClose())} dismissible={false} wide={account !== undefined} title={account ? `The account ${account.handle} is made` : "Create an account"} description={account ? undefined : "Whoever gets its first password signs in with it and should change it then. The account holds no role yet; that comes next."}>
        {account ? (
          <Made account={account} password={password} stored={stored} onStored={setStored} onClose={onClose} />
        ) : (
          <Form password={password} onPassword={setPassword} onMade={setAccount} onClose={onClose} />
        )}
      </Dialog>
      <Alert open={leaving || blocker.state === "blocked"} onClose={stay} title="Close without storing the password?" description="Nobody can look it up later, and without it nobody can sign in to the account.">
        <Actions>
          <Button kind="danger" onClick={leave}>
            Close anyway
          </Button>
          <Button kind="primary" onClick={stay}>
            Back to the password
          </Button>
        </Actions>
      </Alert>
    </>
  );
}

function Form({ password, onPassword, onMade, onClose }: { password: string; onPassword: (next: string) => void; onMade: (account: Account) => void; onClose: () => void }) {
  const { data: set } = useQuery(instance);
  const [handle, setHandle] = useState("");
  const [name, setName] = useState("");
  const [shown, setShown] = useState(false);
  const [tried, setTried] = useState(false);
  const field = useRef<HTMLFormElement>(null);
  const create = useMutation({
    mutationFn: () => api.accountCreate({ identifier: handle.trim(), token: password, ...(name.trim() && { name: name.trim() }) }),
    onSuccess: (account) => {
      void queries.invalidateQueries({ queryKey: ["admin", "accounts"] });
      onMade(account);
    },
  });
  const code = create.error instanceof LatchkeyError ? create.error.code : undefined;
  const badHandle = !/^[A-Za-z0-9][A-Za-z0-9_-]{0,29}$/.test(handle.trim());
  const short = [...password].length < (set?.password_min ?? 1);
  return (
    <form
      ref={field}
      className="form"
      noValidate
      autoComplete="off"
      onSubmit={(e) => {
        e.preventDefault();
        setTried(true);
        if (badHandle || short) field.current?.querySelector<HTMLInputElement>(badHandle ? "[name=handle]" : "[name=first-password]")?.focus();
        else if (!create.isPending) create.mutate();
      }}
    >
      <TextField
        name="handle"
        label="Handle"
        hint="For signing in and for addresses: letters without accents, digits, - and _. Capitals do not matter. It cannot be changed later."
        error={(tried && badHandle && "1 to 30 letters without accents, digits, - and _, beginning with a letter or a digit.") || (code === "handle_taken" && "Another account has this handle. Choose another one.")}
        maxLength={30}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        required
        value={handle}
        onChange={(e) => setHandle(e.target.value)}
      />
      <TextField label="Name" hint="As people know them. Left empty, it is the handle." maxLength={400} autoComplete="off" value={name} onChange={(e) => setName(e.target.value)} />
      <div className="with-button">
        <TextField
          name="first-password"
          label="First password"
          hint={set && `At least ${number(set.password_min)} characters that nobody would guess.`}
          error={tried && short && (password === "" ? "Type one, or have one made." : `It is too short: at least ${number(set?.password_min ?? 1)} characters.`)}
          type={shown ? "text" : "password"}
          className="first-password"
          autoComplete="new-password"
          spellCheck={false}
          translate="no"
          required
          value={password}
          onChange={(e) => onPassword(e.target.value)}
        />
        <Button
          onClick={() => {
            onPassword(makePassword(set?.password_min));
            setShown(true);
          }}
        >
          Make one
        </Button>
      </div>
      <Choice checked={shown} onChange={(e) => setShown(e.target.checked)}>
        Show the password
      </Choice>
      {create.isError && <Failure error={create.error} />}
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="primary" type="submit" busy={create.isPending}>
          {create.isPending ? "Creating…" : "Create account"}
        </Button>
      </Actions>
    </form>
  );
}

function Made({ account: made, password, stored, onStored, onClose }: { account: Account; password: string; stored: boolean; onStored: (stored: boolean) => void; onClose: () => void }) {
  const me = useMe();
  const navigate = useNavigate();
  const [account, setAccount] = useState(made);
  const [open, setOpen] = useState(false);
  const first = useRef<HTMLDivElement>(null);
  useEffect(() => first.current?.focus(), []);
  // The way is free once `stored` is known to whoever guards it.
  useEffect(() => {
    if (open && stored) void navigate(`/admin/accounts/${account.id}`);
  }, [open, stored, navigate, account.id]);
  return (
    <div className="form">
      <div ref={first} tabIndex={-1} className="pass-on">
        <p>
          Pass on the handle <strong>{account.handle}</strong> and this first password, over a way that you trust. It is not shown again.
        </p>
        <div className="pass-on-line">
          <code translate="no">{password}</code>
          <CopyButton kind="primary" text={password} label="Copy password" />
        </div>
      </div>
      <Section title="Roles" lead={holds(me, "MANAGE_ROLES") ? "Without a role, one may sign in and see the own account, and nothing else." : undefined}>
        <RolesOf account={account} onChange={setAccount} />
      </Section>
      <Choice checked={stored} onChange={(e) => onStored(e.target.checked)}>
        I have stored the password or passed it on
      </Choice>
      <Actions>
        <Button disabled={!stored} onClick={() => setOpen(true)}>
          Open the account
        </Button>
        <Button
          kind="primary"
          disabled={!stored}
          onClick={() => {
            notify(`${account.handle} may sign in`);
            onClose();
          }}
        >
          Done
        </Button>
      </Actions>
    </div>
  );
}
