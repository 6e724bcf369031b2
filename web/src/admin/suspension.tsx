import { useMutation } from "@tanstack/react-query";

import { api, type Account } from "../api";
import { useMe } from "../session";
import { Button } from "../ui/button";
import { ConfirmInPlace } from "../ui/confirm";
import { Failure } from "../ui/failure";
import { duration, list } from "../ui/format";
import { Section } from "../ui/page";
import { notify } from "../ui/toast";
import { accountChanged, lacks } from "./queries";
import { timed } from "./timed";

/** Shuts an account out until it is let in again. */
export function Suspension({ account }: { account: Account }) {
  const me = useMe();
  const own = account.id === me.id;
  const suspend = useMutation({
    mutationFn: () => timed(() => api.accountSuspend(account.id)),
    onSuccess: async ({ value, ms }) => {
      // One's own session has ended with it: begin anew, with nothing left of what this page knew.
      if (own) return location.replace("/sign-in");
      notify(`${value.handle} is suspended`, `It held on every instance after ${duration(ms)}.`);
      restore.reset();
      await accountChanged(value);
    },
  });
  const restore = useMutation({
    mutationFn: () => api.accountRestore(account.id),
    onSuccess: async (value) => {
      notify(`${value.handle} is restored`, "Its keys work again. Its holder signs in anew.");
      suspend.reset();
      await accountChanged(value);
    },
  });
  const missing = lacks(me, account.permissions);
  const reason = missing.length > 0 && <p className="muted">You may do neither to this account, as it holds what you do not: {list(missing)}.</p>;
  if (account.suspended) {
    return (
      <Section title="Suspended" lead="Nobody can sign in to it, and none of its keys opens anything.">
        {suspend.isSuccess && (
          <p role="status" className="notice good">
            It held on every instance after {duration(suspend.data.ms)}.
          </p>
        )}
        <div>
          <Button kind="primary" busy={restore.isPending} disabled={missing.length > 0} onClick={() => restore.mutate()}>
            {restore.isPending ? "Restoring…" : "Restore the account"}
          </Button>
        </div>
        <p className="muted">Restored, its keys work again as they were, but for those that were revoked or have expired meanwhile. Sessions stay ended.</p>
        {reason}
        {restore.isError && <Failure error={restore.error} />}
      </Section>
    );
  }
  return (
    <Section title="Suspend" lead="Shuts the account out until it is restored. Nothing of it is lost.">
      <div>
        <ConfirmInPlace
          action="Suspend the account"
          question={own ? "Suspend your own account?" : `Suspend ${account.handle}?`}
          cancel="Leave it"
          confirm="Suspend"
          doing="Suspending…"
          disabled={missing.length > 0}
          onConfirm={() => suspend.mutateAsync().catch(() => undefined)}
        >
          <p>Its sessions end and its keys stop opening anything, at once and everywhere.</p>
          {own && <p>You are signed out, and another administrator has to let you in again.</p>}
        </ConfirmInPlace>
      </div>
      {reason}
      {suspend.isError && <Failure error={suspend.error} />}
    </Section>
  );
}
