import { useEffect, useRef, useState } from "react";
import { useBlocker } from "react-router";

import { Button } from "../ui/button";
import { CopyButton } from "../ui/copy";
import { Actions, Alert, Dialog } from "../ui/dialog";
import { Choice } from "../ui/field";

/**
 * Shows a secret, this once: it is in this component's props and nowhere else, and leaves the page with it. Whoever leaves
 * before saying that it is stored is warned: by Esc, the cross, a way back, or a reload.
 */
export function SecretDialog({ title, name, secret, onClose }: { title: string; name: string; secret: string; onClose: () => void }) {
  const [stored, setStored] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const blocker = useBlocker(!stored);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (stored) return;
    const warn = (e: BeforeUnloadEvent) => e.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [stored]);

  const asked = leaving || blocker.state === "blocked";
  const stay = () => {
    setLeaving(false);
    if (blocker.state === "blocked") blocker.reset();
  };
  const leave = () => {
    if (blocker.state === "blocked") blocker.proceed();
    onClose();
  };
  const close = () => (stored ? onClose() : setLeaving(true));
  const variable = variableOf(name);
  return (
    <>
      <Dialog open onClose={close} dismissible={false} wide title={title} description="This is the only time that it is shown. Copy it now and put it where your secrets are kept: we cannot show it again, only make a new one.">
        <div className="secret">
          <label className="label" htmlFor="secret">
            Secret
          </label>
          <div className="secret-line">
            <textarea ref={field} id="secret" className="input mono" readOnly rows={2} spellCheck={false} autoComplete="off" translate="no" value={secret} onFocus={(e) => e.target.select()} />
            <CopyButton kind="primary" text={secret} label="Copy secret" />
          </div>
        </div>
        <Snippet label="As an environment variable" text={`export ${variable}='${secret}'`} />
        <Snippet label="To try it" text={`curl ${location.origin}/api/accounts -H 'Authorization: Bearer ${secret}'`} />
        <Choice checked={stored} onChange={(e) => setStored(e.target.checked)}>
          I have stored it
        </Choice>
        <Actions>
          <Button kind="primary" disabled={!stored} onClick={onClose}>
            Done
          </Button>
        </Actions>
      </Dialog>
      <Alert open={asked} onClose={stay} title="Close without storing it?" description="The secret cannot be shown again. If it is lost, the key needs a new one: regenerate it, and put the new secret wherever the old one was to go.">
        <Actions>
          <Button kind="danger" onClick={leave}>
            Close anyway
          </Button>
          <Button kind="primary" onClick={stay}>
            Back to the secret
          </Button>
        </Actions>
      </Alert>
    </>
  );
}

function Snippet({ label, text }: { label: string; text: string }) {
  return (
    <figure className="snippet">
      <figcaption className="label">
        {label} <CopyButton kind="quiet" text={text} label="Copy" />
      </figcaption>
      <pre tabIndex={0} translate="no">
        {text}
      </pre>
    </figure>
  );
}

/** A name that a shell takes: "Discord bot" is DISCORD_BOT_KEY. */
export function variableOf(name: string): string {
  const words = name.normalize("NFKD").toUpperCase().match(/[A-Z0-9]+/g)?.join("_") ?? "ACCESS";
  return `${/^\d/.test(words) ? "_" : ""}${words.slice(0, 40)}_KEY`.replace(/_KEY_KEY$/, "_KEY");
}
