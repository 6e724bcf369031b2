import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { SignInForm } from "./auth/form";
import { me, onSessionEnd, queries, type Account } from "./api";
import { Dialog } from "./ui/dialog";

/** Who is signed in. Only below the shell, which sees to it that somebody is. */
export function useMe(): Account {
  const { data } = useQuery(me);
  if (!data) throw new Error("nobody is signed in");
  return data;
}

/**
 * When the session ends in the middle of work, asks to sign in again over the page as it is. What was typed stays, and the
 * call that was refused goes on. Somebody else's sign-in begins anew.
 */
export function SignInAgain({ account }: { account: Account }) {
  const [waiting, setWaiting] = useState(false);
  const answer = useRef<{ promise: Promise<boolean>; resolve: (again: boolean) => void }>(undefined);
  useEffect(() => {
    onSessionEnd(() => {
      answer.current ??= Promise.withResolvers<boolean>();
      setWaiting(true);
      return answer.current.promise;
    });
    return () => onSessionEnd(undefined);
  }, []);
  const settle = (again: boolean) => {
    answer.current?.resolve(again);
    answer.current = undefined;
    setWaiting(false);
  };
  return (
    <Dialog open={waiting} onClose={() => (settle(false), location.assign("/sign-in"))} dismissible={false} title="Your session has ended" description="Sign in again to go on where you were. Nothing that you typed is lost.">
      <SignInForm
        handle={account.handle}
        onDone={async (id) => {
          if (id !== account.id) {
            settle(false);
            location.assign("/");
            return;
          }
          settle(true);
          await queries.invalidateQueries();
        }}
      />
    </Dialog>
  );
}
