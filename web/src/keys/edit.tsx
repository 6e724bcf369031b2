import { LatchkeyError } from "@latchkey-dev/sdk";
import type { FormEvent, ReactNode } from "react";

import type { AccessKey } from "../api";
import { Button } from "../ui/button";
import { Actions, Dialog } from "../ui/dialog";
import { Failure } from "../ui/failure";
import type { Change } from "./data";

/** A dialog that edits one thing about a key: its fields, what went wrong, and what changed meanwhile. */
export function EditDialog({ title, description, wide, change, save, saving, ready, renderNow, onClose, onDone, children }: {
  title: string;
  description?: ReactNode;
  wide?: boolean;
  change: Change;
  save: string;
  /** What the button says meanwhile. */
  saving: string;
  /** Whether what was typed can be sent; says so beside the field if not. */
  ready?: () => boolean;
  /** The value that is edited, as the key has it now. */
  renderNow: (key: AccessKey) => ReactNode;
  onClose: () => void;
  onDone: () => void;
  children: ReactNode;
}) {
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (change.busy || (ready && !ready())) return;
    void change.make().then((made) => made && onDone());
  };
  return (
    <Dialog open onClose={() => !change.busy && onClose()} dismissible={false} wide={wide ?? false} title={title} description={description}>
      <form className="form" noValidate onSubmit={submit}>
        {children}
        {change.meanwhile ? <Meanwhile error={change.error} now={renderNow(change.meanwhile)} /> : change.error !== undefined && <Failure error={change.error} />}
        <Actions>
          <Button onClick={onClose} disabled={change.busy}>
            Cancel
          </Button>
          <Button kind="primary" type="submit" busy={change.busy}>
            {change.busy ? saving : change.meanwhile ? "Save it anyway" : save}
          </Button>
        </Actions>
      </form>
    </Dialog>
  );
}

function Meanwhile({ error, now }: { error: unknown; now: ReactNode }) {
  return (
    <div className="notice warn" role="alert">
      <p>
        <strong>This key changed while you were editing it,</strong> in another tab or through the API. Nothing of yours was saved. {now} What you entered is still
        here: save it anyway, or cancel.
      </p>
      {error instanceof LatchkeyError && error.traceId && (
        <p className="notice-foot">
          Trace <code>{error.traceId}</code>
        </p>
      )}
    </div>
  );
}
