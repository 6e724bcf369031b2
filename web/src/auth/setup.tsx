import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link, Navigate } from "react-router";

import { api, instance, queries } from "../api";
import { Button } from "../ui/button";
import { Failure } from "../ui/failure";
import { TextField } from "../ui/field";
import { Shown } from "../ui/states";
import { Card } from "./card";

// The printed link has the code in its fragment, which browsers do not send. It leaves the address at once.
function codeOfLink(): string {
  const code = decodeURIComponent(location.hash.slice(1));
  if (code) history.replaceState(history.state, "", location.pathname);
  return code;
}

/** Makes the first administrator, with the code that the service printed. */
export function Setup() {
  const query = useQuery(instance);
  const [code, setCode] = useState(codeOfLink);
  const [identifier, setIdentifier] = useState("");
  const [token, setToken] = useState("");
  const [again, setAgain] = useState("");
  const [done, setDone] = useState(false);
  useEffect(() => {
    const take = () => setCode(codeOfLink());
    window.addEventListener("hashchange", take);
    return () => window.removeEventListener("hashchange", take);
  }, []);
  const complete = useMutation({
    mutationFn: () => api.setupComplete({ code, identifier, token }),
    onSuccess: () => {
      queries.clear();
      setDone(true);
    },
  });
  if (done) return <Navigate to="/" replace />;
  return (
    <Card title="Set up Latchkey" lead="Make the first administrator. Everybody else is invited later.">
      <Shown query={query} space={4}>
        {(settings) =>
          settings.setup_done ? (
            <>
              <p>This instance has been set up already.</p>
              <p>
                <Link to="/sign-in">Sign in</Link>
              </p>
            </>
          ) : (
            <form
              className="form"
              onSubmit={(e) => {
                e.preventDefault();
                if (!complete.isPending && again === token) complete.mutate();
              }}
            >
              <TextField label="Set-up code" required maxLength={40} autoComplete="one-time-code" spellCheck={false} className="code" value={code} onChange={(e) => setCode(e.target.value)} hint="The last line that latchkey serve printed. It lives one hour; a restart prints a new one." />
              <TextField label="Handle" required maxLength={30} pattern="[A-Za-z0-9][A-Za-z0-9_\-]*" autoComplete="username" autoCapitalize="none" spellCheck={false} value={identifier} onChange={(e) => setIdentifier(e.target.value)} hint="With which you sign in: letters, digits, - and _." />
              <TextField label="Password" type="password" required minLength={settings.password_min} maxLength={1024} autoComplete="new-password" value={token} onChange={(e) => setToken(e.target.value)} hint={`At least ${settings.password_min} characters. A sentence is a good one.`} />
              <TextField label="Password again" type="password" required autoComplete="new-password" value={again} onChange={(e) => setAgain(e.target.value)} error={again !== "" && again !== token && !token.startsWith(again) ? "The two differ." : undefined} />
              {complete.isError && <Failure error={complete.error} />}
              <Button type="submit" kind="primary" busy={complete.isPending}>
                Create the administrator
              </Button>
            </form>
          )
        }
      </Shown>
    </Card>
  );
}
