import { Toast } from "@base-ui/react/toast";
import type { ReactNode } from "react";

const manager = Toast.createToastManager();

/** Says that something was done, for a few seconds. What failed is said where it was asked for, with Failure. */
export function notify(title: string, description?: string) {
  manager.add({ title, description: description ?? "", timeout: 6000 });
}

export function Toasts({ children }: { children: ReactNode }) {
  return (
    <Toast.Provider toastManager={manager} limit={3}>
      {children}
      <Toast.Portal>
        <Toast.Viewport className="toasts">
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function List() {
  const { toasts } = Toast.useToastManager();
  return toasts.map((toast) => (
    <Toast.Root key={toast.id} toast={toast} className="toast" swipeDirection={[]}>
      <div>
        <Toast.Title className="toast-title" render={<p />} />
        <Toast.Description className="toast-description" />
      </div>
      <Toast.Close className="button quiet icon" aria-label="Dismiss">
        ×
      </Toast.Close>
    </Toast.Root>
  ));
}
