import { LatchkeyError } from "@latchkey-dev/sdk";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";

import { api, holds, queries, type Account } from "../api";
import { useMe } from "../session";
import { Button } from "../ui/button";
import { Actions } from "../ui/dialog";
import { Failure } from "../ui/failure";
import { TextField } from "../ui/field";
import { OnceDialog } from "../ui/once";
import { Section } from "../ui/page";
import { notify } from "../ui/toast";
import { NewPassword, PassOn, Stored, usePasswordFault } from "./new-password";
import { RolesOf } from "./roles-of";

/**
 * Makes an account, then shows the first password to pass on and offers roles. The password is in the state of this component
 * and nowhere else; nobody can look it up later, so leaving without it is warned of.
 */
export function CreateAccount({ onClose }: { onClose: () => void }) {
  const [password, setPassword] = useState("");
  const [account, setAccount] = useState<Account>();
  const [stored, setStored] = useState(false);
  const title = account ? `The account ${account.handle} is made` : "Create an account";
  const description = account ? undefined : "Whoever gets its first password signs in with it and should change it then. The account holds no role yet; that comes next.";
  return (
    <OnceDialog
      what="password"
      lost="Nobody can look it up later, and without it nobody can sign in to the account until another one is set."
      atStake={account !== undefined && !stored}
      onClose={onClose}
      wide={account !== undefined}
      title={title}
      description={description}
    >
      {account ? (
        <Made account={account} password={password} stored={stored} onStored={setStored} onClose={onClose} />
      ) : (
        <Form password={password} onPassword={setPassword} onMade={setAccount} onClose={onClose} />
      )}
    </OnceDialog>
  );
}

function Form({ password, onPassword, onMade, onClose }: { password: string; onPassword: (next: string) => void; onMade: (account: Account) => void; onClose: () => void }) {
  const [handle, setHandle] = useState("");
  const [name, setName] = useState("");
  const [tried, setTried] = useState(false);
  const first = useRef<HTMLInputElement>(null);
  const token = useRef<HTMLInputElement>(null);
  const fault = usePasswordFault(password);
  const create = useMutation({
    mutationFn: () => api.accountCreate({ identifier: handle.trim(), token: password, ...(name.trim() && { name: name.trim() }) }),
    onSuccess: (account) => {
      void queries.invalidateQueries({ queryKey: ["admin", "accounts"] });
      onMade(account);
    },
  });
  const code = create.error instanceof LatchkeyError ? create.error.code : undefined;
  const badHandle = !/^[A-Za-z0-9][A-Za-z0-9_-]{0,29}$/.test(handle.trim());
  return (
    <form
      className="form"
      noValidate
      autoComplete="off"
      onSubmit={(e) => {
        e.preventDefault();
        setTried(true);
        if (badHandle || fault) (badHandle ? first : token).current?.focus();
        else if (!create.isPending) create.mutate();
      }}
    >
      <TextField
        ref={first}
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
      <NewPassword ref={token} label="First password" error={tried && fault} sent={create.isPending} value={password} onChange={onPassword} />
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
  // The way is free once `stored` is known to whoever guards it.
  useEffect(() => {
    if (open && stored) void navigate(`/admin/accounts/${account.id}`);
  }, [open, stored, navigate, account.id]);
  return (
    <div className="form">
      <PassOn handle={account.handle} what="first password" password={password} />
      <Section title="Roles" lead={holds(me, "MANAGE_ROLES") ? "Without a role, one may sign in and see the own account, and nothing else." : undefined}>
        <RolesOf account={account} onChange={setAccount} />
      </Section>
      <Stored checked={stored} onChange={onStored} />
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
