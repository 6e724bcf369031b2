import { useEffect, useRef, useState, type ComponentProps, type ReactNode } from "react";

import { Button } from "./button";
import { Actions, Alert, Dialog } from "./dialog";
import { useAtStake } from "./leave";

/**
 * A dialog that shows something once. Whoever leaves while it is at stake is warned of what is `lost` with it: by Esc, the cross, a
 * way back, or a reload.
 */
export function OnceDialog({ what, lost, atStake, onClose, children, ...dialog }: Omit<ComponentProps<typeof Dialog>, "open" | "dismissible"> & { what: string; lost: ReactNode; atStake: boolean }) {
  const [leaving, setLeaving] = useState(false);
  const blocker = useAtStake(atStake);
  const stayButton = useRef<HTMLButtonElement>(null);
  // A browser keeps the page that one leaves, to come back to it. It must not come back with what was shown.
  useEffect(() => {
    window.addEventListener("pagehide", onClose);
    return () => window.removeEventListener("pagehide", onClose);
  }, [onClose]);

  const stay = () => {
    setLeaving(false);
    blocker.reset?.();
  };
  const leave = () => {
    blocker.proceed?.();
    onClose();
  };
  return (
    <Dialog {...dialog} open onClose={() => (atStake ? setLeaving(true) : onClose())} dismissible={false}>
      {children}
      <Alert open={leaving || blocker.state === "blocked"} onClose={stay} focus={stayButton} title="Close without storing it?" description={lost}>
        <Actions>
          <Button kind="danger" onClick={leave}>
            Close anyway
          </Button>
          <Button ref={stayButton} kind="primary" onClick={stay}>
            Back to the {what}
          </Button>
        </Actions>
      </Alert>
    </Dialog>
  );
}
