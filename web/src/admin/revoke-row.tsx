import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { api, type OwnedAccessKey } from "../api";
import { Button } from "../ui/button";
import { Failure } from "../ui/failure";
import { duration } from "../ui/format";
import { When } from "../ui/time";
import { notify } from "../ui/toast";
import { timed } from "./timed";

const by = { owner: "by its owner", holder: "by its holder", administrator: "by an administrator", incident: "in an incident", reported: "as it was found in public" };

/** Revokes the key of a row: the question lies over the row, so that nothing moves and no other row is hit instead. */
export function RevokeRow({ of, onRevoked }: { of: OwnedAccessKey; onRevoked: () => void }) {
  const [asked, setAsked] = useState(false);
  const keep = useRef<HTMLButtonElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const outcome = useRef<HTMLSpanElement>(null);
  const wasAsked = useRef(false);
  const revoke = useMutation({
    mutationFn: () => timed(() => api.adminAccessKeyDelete(of.id)),
    onSuccess: ({ ms }) => {
      onRevoked();
      notify(`“${of.name}” is revoked`, `It held on every instance after ${duration(ms)}.`);
    },
  });
  useEffect(() => {
    if (asked) keep.current?.focus();
    else if (wasAsked.current) opener.current?.focus();
    wasAsked.current = asked;
  }, [asked]);
  useEffect(() => {
    if (revoke.isSuccess) outcome.current?.focus(); // in place of the button that is gone
  }, [revoke.isSuccess]);

  if (revoke.isSuccess) {
    return (
      <span ref={outcome} tabIndex={-1} className="outcome">
        Held everywhere <span className="unbroken">after {duration(revoke.data.ms)}</span>
      </span>
    );
  }
  if (of.status === "revoked" && !asked) {
    return (
      <span className="outcome muted">
        {of.revoked_because && by[of.revoked_because]} {of.deletedAt && <When at={of.deletedAt} />}
      </span>
    );
  }
  if (!asked) {
    return (
      <button
        ref={opener}
        type="button"
        className="button danger small"
        aria-label={`Revoke ${of.name}`}
        onClick={() => {
          revoke.reset();
          setAsked(true);
        }}
      >
        Revoke
      </button>
    );
  }
  return (
    <div className="strip" role="group" aria-label={`Revoke ${of.name}?`} onKeyDown={(e) => e.key === "Escape" && !revoke.isPending && setAsked(false)}>
      <div className="strip-line">
        <p>
          <strong>Revoke it for good?</strong> Whatever uses it is refused at once.
        </p>
        <button ref={keep} type="button" className="button plain small" disabled={revoke.isPending} onClick={() => setAsked(false)}>
          Keep it
        </button>
        <Button kind="danger" className="small solid" busy={revoke.isPending} onClick={() => revoke.mutate()}>
          {revoke.isPending ? "Revoking…" : revoke.isError ? "Try again" : "Revoke"}
        </Button>
      </div>
      {revoke.isError && <Failure error={revoke.error} />}
      <span role="status" className="sr-only">
        {revoke.isPending && "Revoking…"}
      </span>
    </div>
  );
}
