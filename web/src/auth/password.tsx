import { LatchkeyError } from "@latchkey-dev/sdk";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useRef, useState, type FormEvent } from "react";

import { api, instance, queries } from "../api";
import { useMe } from "../session";
import { Button } from "../ui/button";
import { Failure } from "../ui/failure";
import { TextField } from "../ui/field";
import { plural } from "../ui/format";
import { Section } from "../ui/page";
import { notify } from "../ui/toast";
import { sessions } from "./session-list";

/** Changes the own password. The service ends all sessions and starts a new one for this browser. */
export function PasswordSection({ others }: { others: number }) {
  const account = useMe();
  const { data: settings } = useQuery(instance);
  const form = useRef<HTMLFormElement>(null);
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const [again, setAgain] = useState("");
  const [sent, setSent] = useState(false);
  const min = settings?.password_min;

  const change = useMutation({
    mutationFn: () => api.authPasswordUpdate({ old, new: fresh }),
    onSuccess: () => {
      setOld("");
      setFresh("");
      setAgain("");
      setSent(false);
      notify("The password is changed", "This session goes on; all others have ended.");
      void queries.invalidateQueries({ queryKey: sessions.queryKey });
    },
    onError: (error) => focus(isWrongOld(error) ? "old" : isRefused(error) ? "new" : undefined),
  });

  const focus = (name?: string) => name && form.current?.querySelector<HTMLInputElement>(`input[name=${name}]`)?.focus();
  const differ = again !== fresh && (sent || (again !== "" && !fresh.startsWith(again)));

  const submit = (e: FormEvent) => {
    e.preventDefault();
    setSent(true);
    if (again !== fresh) focus("again");
    else if (!change.isPending) change.mutate();
  };

  return (
    <Section title="Password" lead={endsOthers(others)}>
      <form className="form password-form" ref={form} onSubmit={submit}>
        {/* For password managers, which ask whose password it is. */}
        <input type="text" name="username" autoComplete="username" value={account.handle} readOnly hidden />
        <TextField label="Old password" name="old" type="password" autoComplete="current-password" required maxLength={1024} value={old} onChange={(e) => (setOld(e.target.value), change.isError && change.reset())} error={isWrongOld(change.error) && <Refusal error={change.error} />} />
        <TextField label="New password" name="new" type="password" autoComplete="new-password" required minLength={min} maxLength={1024} value={fresh} onChange={(e) => (setFresh(e.target.value), change.isError && change.reset())} hint={min === undefined ? " " : `At least ${min} characters. A sentence is a good one.`} error={isRefused(change.error) && <Refusal error={change.error} />} />
        <TextField label="New password again" name="again" type="password" autoComplete="new-password" required maxLength={1024} value={again} onChange={(e) => setAgain(e.target.value)} error={differ && "The two differ."} />
        {change.isError && !isWrongOld(change.error) && !isRefused(change.error) && <Failure error={change.error} />}
        <div>
          <Button type="submit" kind="primary" busy={change.isPending}>
            Change the password
          </Button>
        </div>
      </form>
    </Section>
  );
}

function endsOthers(others: number): string {
  const keys = "This session goes on, and access keys are not touched.";
  return others > 0 ? `A new password ends your ${others === 1 ? "other session" : plural(others, "other session")}. ${keys}` : `A new password ends all other sessions. ${keys}`;
}

const isWrongOld = (e: unknown): e is LatchkeyError => e instanceof LatchkeyError && e.code === "sign_in_failed";
const isRefused = (e: unknown): e is LatchkeyError => e instanceof LatchkeyError && e.code === "password_refused";

function Refusal({ error }: { error: LatchkeyError }) {
  return (
    <span role="alert">
      {error.detail} {isRefused(error) && error.suggested} Trace <code>{error.traceId}</code>
    </span>
  );
}
