import { useEffect, useId, useRef, useState, type ReactNode } from "react";

import { Button } from "./button";

/**
 * A button whose deed is for good: pressed, it says in its own place what will happen and asks once more. onConfirm does it;
 * the panel stays until the promise is settled, and says `doing` meanwhile.
 */
export function ConfirmInPlace({ action, question, children, confirm, cancel = "Keep it", doing, onConfirm, disabled }: {
  action: string;
  question: string;
  children?: ReactNode;
  confirm: string;
  cancel?: string;
  doing: string;
  onConfirm: () => Promise<unknown>;
  disabled?: boolean;
}) {
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const id = useId();
  const keep = useRef<HTMLButtonElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const wasAsked = useRef(false);
  useEffect(() => {
    if (asked) keep.current?.focus();
    else if (wasAsked.current) opener.current?.focus();
    wasAsked.current = asked;
  }, [asked]);

  if (!asked) {
    return (
      <button ref={opener} type="button" className="button danger" disabled={disabled} onClick={() => setAsked(true)}>
        {action}
      </button>
    );
  }
  return (
    <div className="confirm" role="group" aria-labelledby={id} onKeyDown={(e) => e.key === "Escape" && !busy && setAsked(false)}>
      <p id={id} className="confirm-question">
        {question}
      </p>
      {children}
      <div className="actions">
        <button ref={keep} type="button" className="button plain" disabled={busy} onClick={() => setAsked(false)}>
          {cancel}
        </button>
        <Button
          kind="danger"
          busy={busy}
          onClick={() => {
            setBusy(true);
            void onConfirm().finally(() => {
              setBusy(false);
              setAsked(false);
            });
          }}
        >
          {busy ? doing : confirm}
        </Button>
      </div>
      <p role="status" className="sr-only">{busy && doing}</p>
    </div>
  );
}
