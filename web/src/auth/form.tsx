import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import { api } from "../api";
import { Button } from "../ui/button";
import { Failure } from "../ui/failure";
import { TextField } from "../ui/field";

/** Asks for handle and password and starts a session; onDone gets the id of the account. */
export function SignInForm({ handle = "", signup = false, onDone }: { handle?: string; signup?: boolean; onDone: (accountID: string) => void }) {
  const [identifier, setIdentifier] = useState(handle);
  const [token, setToken] = useState("");
  const enter = useMutation({
    mutationFn: () => (signup ? api.authPasswordSignup({ identifier, token }) : api.authPasswordSignin({ identifier, token })),
    onSuccess: ({ id }) => onDone(id),
  });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (!enter.isPending) enter.mutate();
  };
  return (
    <form className="form" onSubmit={submit}>
      <TextField label="Handle" name="username" autoComplete="username" autoCapitalize="none" spellCheck={false} required maxLength={30} value={identifier} onChange={(e) => setIdentifier(e.target.value)} />
      <TextField label="Password" name="password" type="password" autoComplete={signup ? "new-password" : "current-password"} required maxLength={1024} value={token} onChange={(e) => setToken(e.target.value)} autoFocus={handle !== ""} />
      {enter.isError && <Failure error={enter.error} />}
      <Button type="submit" kind="primary" busy={enter.isPending}>
        {signup ? "Create account" : "Sign in"}
      </Button>
    </form>
  );
}
