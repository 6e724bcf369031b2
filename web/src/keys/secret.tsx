import { useRef, useState } from "react";

import { Button } from "../ui/button";
import { CopyButton } from "../ui/copy";
import { Actions } from "../ui/dialog";
import { Choice } from "../ui/field";
import { OnceDialog } from "../ui/once";

/**
 * Shows a secret, this once: it is in this component's props and nowhere else, and leaves the page with it. Whoever leaves
 * before saying that it is stored is warned: by Esc, the cross, a way back, or a reload.
 */
export function SecretDialog({ title, name, secret, onClose }: { title: string; name: string; secret: string; onClose: () => void }) {
  const [stored, setStored] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  return (
    <OnceDialog
      what="secret"
      lost="The secret cannot be shown again. If it is lost, the key needs a new one: regenerate it, and put the new secret wherever the old one was to go."
      atStake={!stored}
      onClose={onClose}
      wide
      focus={field}
      focusAfter={() => document.querySelector("h1")}
      title={title}
      description="This is the only time that it is shown. Copy it now and put it where your secrets are kept: we cannot show it again, only make a new one."
    >
      <p className="secret-name">
        <span className="label">Key</span> <bdi className="clamp">{name}</bdi>
      </p>
      <div className="secret">
        <label className="label" htmlFor="secret">
          Secret
        </label>
        <div className="secret-line">
          <textarea ref={field} id="secret" className="input mono" readOnly rows={3} spellCheck={false} autoComplete="off" translate="no" dir="ltr" value={secret} onFocus={(e) => e.target.select()} />
          <CopyButton kind="primary" text={secret} label="Copy secret" />
        </div>
      </div>
      <Snippet label="Environment variable" copy="Copy variable" text={`export ${variableOf(name)}='${secret}'`} />
      <Snippet label="Command to try it" copy="Copy command" text={`curl ${location.origin}/api/access-keys/self -H 'Authorization: Bearer ${secret}'`} />
      <Choice checked={stored} onChange={(e) => setStored(e.target.checked)}>
        I have stored it
      </Choice>
      <Actions>
        <Button kind="primary" disabled={!stored} onClick={onClose}>
          Done
        </Button>
      </Actions>
    </OnceDialog>
  );
}

function Snippet({ label, copy, text }: { label: string; copy: string; text: string }) {
  return (
    <figure className="snippet">
      <figcaption className="label">
        {label} <CopyButton kind="quiet" text={text} label={copy} />
      </figcaption>
      <pre tabIndex={0} translate="no" dir="ltr">
        {text}
      </pre>
    </figure>
  );
}

/** A name that a shell takes: "Discord bot" is DISCORD_BOT_KEY. */
export function variableOf(name: string): string {
  const plain = name.normalize("NFKD").replace(/\p{M}/gu, "").toUpperCase();
  const words = plain.match(/[A-Z0-9]+/g)?.join("_") ?? "ACCESS";
  return `${/^\d/.test(words) ? "_" : ""}${words.slice(0, 40).replace(/_$/, "")}_KEY`.replace(/_KEY_KEY$/, "_KEY");
}
