import { useState } from "react";

import { api, type AccessKey } from "../api";
import { Button } from "../ui/button";
import { Actions, Dialog } from "../ui/dialog";
import { Failure } from "../ui/failure";
import { Choice, Fieldset } from "../ui/field";
import { moment } from "../ui/format";
import { Docs } from "../ui/page";
import { is, keep, useChange } from "./data";
import { SecretDialog } from "./secret";

const overlaps = [
  [0, "Now", "For a secret that leaked, or that nothing uses."],
  [3600, "In one hour", "For a program that you restart by hand."],
  [86_400, "In one day", "For a deployment that goes out today."],
  [604_800, "In seven days", "For keys that several people have to replace."],
] as const;

/** Gives a key a new secret and shows it once. What happens to the old one is said before. */
export function Regenerate({ shown, onClose }: { shown: AccessKey; onClose: () => void }) {
  const [overlap, setOverlap] = useState(0);
  const [secret, setSecret] = useState<string>(); // here alone: not in a cache
  const change = useChange(shown, async (ifVersion) => {
    const { secret, ...key } = await api.accessKeyRegenerate(shown.id, { overlap_seconds: overlap }, { ifVersion });
    setSecret(secret);
    await keep(key);
  });
  if (secret !== undefined) {
    return (
      <SecretDialog
        title="The new secret"
        name={shown.name}
        secret={secret}
        onClose={() => {
          setSecret(undefined);
          onClose();
        }}
      />
    );
  }
  return (
    <Dialog
      open
      onClose={() => !change.busy && onClose()}
      dismissible={false}
      title="Give the key a new secret"
      description={<>The key keeps its name, permissions, caps and history. You see the new secret once. <Docs page="incidents/" /></>}
    >
      <form
        className="form"
        onSubmit={(e) => {
          e.preventDefault();
          if (!change.busy) void change.make();
        }}
      >
        <Fieldset legend="The old secret ends">
          {overlaps.map(([seconds, words, hint]) => (
            <Choice key={seconds} type="radio" name="overlap" checked={overlap === seconds} disabled={change.busy} onChange={() => setOverlap(seconds)} hint={hint}>
              {words}
            </Choice>
          ))}
        </Fieldset>
        <div className="notice warn" role="status">
          <Consequences key={overlap} shown={shown} overlap={overlap} />
        </div>
        {is(change.error, "version_mismatch") && <p>The key changed meanwhile, and no new secret was made. What you see above is how it is now.</p>}
        {change.error !== undefined && <Failure error={change.error} />}
        <Actions>
          <Button onClick={onClose} disabled={change.busy}>
            Cancel
          </Button>
          <Button kind="primary" type="submit" busy={change.busy}>
            {change.busy ? "Making it…" : "Make the new secret"}
          </Button>
        </Actions>
      </form>
    </Dialog>
  );
}

/** What a regeneration will do, before it is done. */
function Consequences({ shown, overlap }: { shown: AccessKey; overlap: number }) {
  const [until] = useState(() => new Date(Date.now() + overlap * 1000));
  const expiry = shown.expires_at ? new Date(shown.expires_at) : undefined;
  const cut = overlap > 0 && expiry !== undefined && expiry < until;
  return (
    <>
      {overlap === 0 ? (
        <p>
          <strong>The old secret is dead on every node before you see the new one.</strong> Whatever still uses it is refused until you give it the new secret.
        </p>
      ) : cut ? (
        <p>
          <strong>Both secrets work until {moment(expiry)}.</strong> That is when the key expires, which is sooner than what you chose: the old secret never outlives
          the key, and the new one ends then, too.
        </p>
      ) : (
        <p>
          <strong>Both secrets work until {moment(until)},</strong> then the old one is dead. The old secret never outlives the expiry of the key, and you can end it
          sooner.
        </p>
      )}
      {shown.previous_expires_at && (
        <p>The secret before the present one, which would work until {moment(shown.previous_expires_at)}, is dead at once: a key has two secrets at most.</p>
      )}
      {shown.status === "disabled" && <p>The key is disabled: neither secret opens anything until you enable it.</p>}
    </>
  );
}
