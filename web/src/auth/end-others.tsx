import { LatchkeyError } from "@latchkey-dev/sdk";
import { useState } from "react";

import { api, queries } from "../api";
import { ConfirmInPlace } from "../ui/confirm";
import { Failure } from "../ui/failure";
import { plural } from "../ui/format";
import { notify } from "../ui/toast";
import { forget, sessions, type Session } from "./session-list";

/** Ends every session but this one. There is no call for all of them: they end one after the other, and what could not end is told. */
export function EndOthers({ others, onDone }: { others: Session[]; onDone: () => void }) {
  const [progress, setProgress] = useState<{ done: number; total: number }>();
  const [failed, setFailed] = useState<{ error: unknown; count: number }>();

  const endAll = async () => {
    setFailed(undefined);
    const ended: string[] = [];
    const errors: unknown[] = [];
    for (const [i, s] of others.entries()) {
      setProgress({ done: i, total: others.length });
      await end(s).then(
        () => ended.push(s.id),
        (error: unknown) => errors.push(error),
      );
    }
    setProgress(undefined);
    ended.forEach(forget);
    if (errors.length > 0) setFailed({ error: errors[0], count: errors.length });
    else notify("All other sessions have ended");
    onDone();
    void queries.invalidateQueries({ queryKey: sessions.queryKey });
  };

  return (
    <>
      {failed && (
        <div className="part-failed">
          <p>
            <strong>{failed.count === 1 ? "One session" : plural(failed.count, "session")} could not be ended:</strong> still in the list above.
          </p>
          <Failure error={failed.error} />
        </div>
      )}
      <div className="end-others">
        <ConfirmInPlace
          action="End all other sessions"
          question={others.length === 1 ? "Sign out the other browser?" : `Sign out ${plural(others.length, "other browser")}?`}
          confirm={others.length === 1 ? "End the other session" : `End ${plural(others.length, "session")}`}
          doing="Ending…"
          onConfirm={endAll}
        >
          <p>Whoever uses them has to sign in again. This session goes on, and access keys are not touched.</p>
          {progress && (
            <p role="status" className="row-progress">
              <progress value={progress.done} max={progress.total} aria-label="Sessions ended" /> {progress.done} of {progress.total}
            </p>
          )}
        </ConfirmInPlace>
      </div>
    </>
  );
}

// One that has ended meanwhile is what was wanted.
async function end(session: Session) {
  try {
    await api.sessionDelete(session.id);
  } catch (error) {
    if (!(error instanceof LatchkeyError && error.status === 404)) throw error;
  }
}
