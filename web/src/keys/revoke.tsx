import { useEffect, useRef, useState } from "react";

import { api, type AccessKey } from "../api";
import { Button } from "../ui/button";
import { ConfirmInPlace } from "../ui/confirm";
import { Failure } from "../ui/failure";
import { duration } from "../ui/format";
import { Docs } from "../ui/page";
import { fresh, is } from "./data";

/** A revocation that was asked for on this page. */
export interface Revocation {
  busy: boolean;
  error: unknown;
  /** How long it took to hold everywhere, as measured here; known once it does. */
  took: number | undefined;
  /** It was asked more than once, or looked up: it did not take longer than `took`. */
  atMost: boolean;
  ask: () => Promise<void>;
}

export function useRevocation(id: string, status: AccessKey["status"] | undefined): Revocation {
  const [state, setState] = useState<Omit<Revocation, "ask">>({ busy: false, error: undefined, took: undefined, atMost: false });
  const began = useRef<number>(undefined);
  const ask = async () => {
    setState({ busy: true, error: undefined, took: undefined, atMost: false });
    // First a look: should the session have ended, the signing in is not to be measured.
    await api.accessKeyGet(id).catch(() => undefined);
    const first = began.current === undefined;
    began.current ??= performance.now();
    try {
      await api.accessKeyDelete(id);
      setState({ busy: false, error: undefined, took: performance.now() - began.current, atMost: !first });
    } catch (error) {
      if (!is(error, "revocation_unconfirmed")) began.current = undefined;
      setState({ busy: false, error, took: undefined, atMost: false });
    }
    await fresh(id).catch(() => undefined);
  };
  // What was not confirmed when it was asked for may be by itself.
  useEffect(() => {
    if (status !== "revoked" || began.current === undefined) return;
    const took = performance.now() - began.current;
    setState((s) => (s.took === undefined && !s.busy ? { busy: false, error: undefined, took, atMost: true } : s));
  }, [status]);
  return { ...state, ask };
}

/** The button, and in its place the question. */
export function Revoke({ shown, revocation }: { shown: AccessKey; revocation: Revocation }) {
  if ((shown.status === "revoked" || shown.status === "revoking") && !revocation.busy) return null;
  return (
    <ConfirmInPlace action="Revoke" question="Revoke this key for good?" confirm="Revoke it" doing="Revoking…" onConfirm={revocation.ask}>
      <p>
        Whatever uses it is refused from then on, on every node, and it cannot be brought back. {shown.previous_expires_at && "Its previous secret ends with it. "}
        {shown.status === "active" && "To stop it for a while, disable it instead."}
      </p>
    </ConfirmInPlace>
  );
}

/** Where a revocation is, and how long it took. */
export function RevocationState({ shown, revocation }: { shown: AccessKey; revocation: Revocation }) {
  const box = useRef<HTMLDivElement>(null);
  const { busy, error, took, atMost, ask } = revocation;
  const over = !busy && (took !== undefined || error !== undefined);
  useEffect(() => {
    if (over) box.current?.focus();
  }, [over]);
  const unconfirmed = is(error, "revocation_unconfirmed") || (shown.status === "revoking" && !busy);
  return (
    <div ref={box} tabIndex={-1} className="revocation">
      <div role="status">
        {took !== undefined && (
          <p className="notice good">
            <span>
              <strong>Revoked.</strong> It is held on every node after {atMost && "at most "}
              {duration(took)}: the key opens nothing any more.
            </span>
          </p>
        )}
        {unconfirmed && took === undefined && (
          <div className="notice warn">
            <p>
              <strong>Revoking: it is not sure yet that every node refuses the key.</strong> It stays so until that is certain, and this page looks again by itself. A node
              that cannot be reached refuses everything once its lease has ended. <Docs page="revocation/" />
            </p>
            <p>
              <Button busy={busy} onClick={() => void ask()}>
                Ask again
              </Button>
            </p>
          </div>
        )}
      </div>
      {error !== undefined && <Failure error={error} />}
    </div>
  );
}

const reasons: Record<NonNullable<AccessKey["revoked_because"]>, string> = {
  owner: "by its owner",
  holder: "by whoever held it",
  administrator: "by an administrator",
  incident: "in an incident, with others",
  reported: "because somebody found it where it should not be",
};
export const because = (why: NonNullable<AccessKey["revoked_because"]>) => reasons[why];

/** What can still be done with a key that opens nothing. */
export function Rest({ shown }: { shown: AccessKey }) {
  if (shown.status === "expired") {
    return (
      <div className="notice warn">
        <p>
          <strong>This key has expired and opens nothing.</strong> Give it a later expiry and it works again with its present secret; then it can have a new one, too. If nobody needs it, revoke it.
        </p>
      </div>
    );
  }
  if (shown.status === "disabled") {
    return (
      <div className="notice">
        <p>
          <strong>This key is disabled and opens nothing</strong> until you enable it. It can be edited meanwhile.
        </p>
      </div>
    );
  }
  return null;
}
