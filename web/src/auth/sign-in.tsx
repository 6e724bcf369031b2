import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Navigate, useSearchParams } from "react-router";

import { instance, queries } from "../api";
import { Button } from "../ui/button";
import { Card } from "./card";
import { SignInForm } from "./form";

/** Where one comes in. `return` in the address is the path of this console to go on to. */
export function SignIn() {
  const { data } = useQuery(instance);
  const [params] = useSearchParams();
  const [done, setDone] = useState(false);
  const [signup, setSignup] = useState(false);
  if (done) return <Navigate to={ownPath(params.get("return"))} replace />;
  if (data && !data.setup_done && data.signup === "closed") return <Navigate to="/setup" replace />;
  return (
    <Card title={signup ? "Create an account" : "Sign in"}>
      <SignInForm
        key={String(signup)}
        signup={signup}
        onDone={() => {
          queries.clear(); // of whoever was signed in before
          setDone(true);
        }}
      />
      {data?.signup === "open" && (
        <p className="aside">
          {signup ? "You have an account?" : "No account yet?"}{" "}
          <Button kind="quiet" onClick={() => setSignup(!signup)}>
            {signup ? "Sign in" : "Create one"}
          </Button>
        </p>
      )}
      {data?.signup === "closed" && <p className="aside">Accounts are created by an administrator.</p>}
    </Card>
  );
}

/** A path of this console and never an address elsewhere. */
function ownPath(path: string | null): string {
  return path && /^\/(settings|admin)\//.test(path) ? path : "/";
}
