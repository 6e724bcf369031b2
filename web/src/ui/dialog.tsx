import { AlertDialog } from "@base-ui/react/alert-dialog";
import { Dialog as Base } from "@base-ui/react/dialog";
import type { ReactNode, RefObject } from "react";

interface Props {
  open: boolean;
  /** Somebody wants it closed: by Esc, a click beside it, or its own cross. */
  onClose: () => void;
  title: ReactNode;
  description?: ReactNode;
  /** False: a click beside it does nothing, as something would be lost. */
  dismissible?: boolean;
  wide?: boolean;
  /** What has the focus first; else it is the first thing that can. */
  focus?: RefObject<HTMLElement | null>;
  /** Where the focus goes afterwards, where what had it before may be gone; false: it stays, as something else has opened. */
  focusAfter?: () => HTMLElement | null | false;
  children: ReactNode;
}

/** Holds the focus while it is open and gives it back when it closes; what is behind it cannot be reached. */
export function Dialog({ open, onClose, title, description, dismissible = true, wide = false, focus, focusAfter, children }: Props) {
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()} disablePointerDismissal={!dismissible}>
      <Base.Portal>
        <Base.Backdrop className="backdrop" />
        <Base.Popup className={`dialog ${wide ? "wide" : ""}`} initialFocus={focus} finalFocus={focusAfter}>
          <header className="dialog-head">
            <Base.Title className="dialog-title">{title}</Base.Title>
            <Base.Close className="button quiet icon" aria-label="Close">
              <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
                <path d="M3.5 3.5l9 9m0-9l-9 9" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" />
              </svg>
            </Base.Close>
          </header>
          {description && <Base.Description className="dialog-description">{description}</Base.Description>}
          {children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

/** A question that must be answered; it has no cross and does not close by a click beside it. Esc is onClose. */
export function Alert({ open, onClose, title, description, focus, children }: Omit<Props, "dismissible" | "wide" | "focusAfter">) {
  return (
    <AlertDialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="backdrop over" forceRender /> {/* also over a dialog, which it is about */}
        <AlertDialog.Popup className="dialog narrow" initialFocus={focus}>
          <AlertDialog.Title className="dialog-title">{title}</AlertDialog.Title>
          {description && <AlertDialog.Description className="dialog-description">{description}</AlertDialog.Description>}
          {children}
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

/** The buttons at the end of a dialog or a form. */
export function Actions({ children }: { children: ReactNode }) {
  return <div className="actions">{children}</div>;
}
