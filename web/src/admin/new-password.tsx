import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState, type ReactNode, type Ref } from "react";

import { instance } from "../api";
import { Button } from "../ui/button";
import { CopyButton } from "../ui/copy";
import { Choice, TextField } from "../ui/field";
import { number } from "../ui/format";
import { makePassword } from "./password";

/** What is wrong with a password before the service has seen it. */
export function usePasswordFault(password: string): string | undefined {
  const min = useQuery(instance).data?.password_min ?? 1;
  if (password === "") return "Type one, or have one made.";
  return [...password].length < min ? `It is too short: at least ${number(min)} characters.` : undefined;
}

/** Asks for a password to pass on to somebody, or makes one. While it is `sent` it stays as it is: what is shown afterwards is what was set. */
export function NewPassword({ label, error, sent, value, onChange, ref }: { label: string; error?: ReactNode; sent: boolean; value: string; onChange: (next: string) => void; ref: Ref<HTMLInputElement> }) {
  const min = useQuery(instance).data?.password_min;
  const [shown, setShown] = useState(false);
  return (
    <>
      <div className="with-button">
        <TextField
          ref={ref}
          label={label}
          hint={min && `At least ${number(min)} characters that nobody would guess.`}
          error={error}
          type={shown ? "text" : "password"}
          className="new-password"
          autoComplete="new-password"
          spellCheck={false}
          translate="no"
          maxLength={1024}
          required
          readOnly={sent}
          value={value}
          onChange={(e) => onChange(e.target.value)}
        />
        <Button
          disabled={sent}
          onClick={() => {
            onChange(makePassword(min));
            setShown(true);
          }}
        >
          Make one
        </Button>
      </div>
      <Choice checked={shown} onChange={(e) => setShown(e.target.checked)}>
        Show the password
      </Choice>
    </>
  );
}

/** Shows a password to pass on, this once. It takes the focus. */
export function PassOn({ handle, what, password }: { handle: string; what: string; password: string }) {
  const first = useRef<HTMLDivElement>(null);
  // Unless there is a question over it.
  useEffect(() => {
    if (!document.activeElement?.closest("[role=alertdialog]")) first.current?.focus();
  }, []);
  return (
    <div ref={first} tabIndex={-1} className="pass-on">
      <p>
        Pass on the handle <strong>{handle}</strong> and this {what}, over a way that you trust. It is not shown again.
      </p>
      <div className="pass-on-line">
        <code translate="no">{password}</code>
        <CopyButton kind="primary" text={password} label="Copy password" />
      </div>
    </div>
  );
}

/** Says that a password is where it belongs. */
export function Stored({ checked, onChange }: { checked: boolean; onChange: (stored: boolean) => void }) {
  return (
    <Choice checked={checked} onChange={(e) => onChange(e.target.checked)}>
      I have stored the password or passed it on
    </Choice>
  );
}
