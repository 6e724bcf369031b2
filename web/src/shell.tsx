import { Dialog } from "@base-ui/react/dialog";
import { LatchkeyError } from "@latchkey-dev/sdk";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Suspense, useState } from "react";
import { Link, Navigate, NavLink, Outlet, useLocation, useNavigate } from "react-router";

import { api, holds, me, queries, type Account } from "./api";
import { SignInAgain, useMe } from "./session";
import { setTheme, theme, type Theme } from "./theme";
import { Brand } from "./ui/brand";
import { Button } from "./ui/button";
import { Failure, Forbidden } from "./ui/failure";
import { SelectField } from "./ui/field";
import { Loading } from "./ui/states";

interface Screen {
  to: string;
  title: string;
  permission?: string;
}

const settings: Screen[] = [
  { to: "/settings/access-keys", title: "Access keys", permission: "USE_PERSONAL_ACCESS_KEYS" },
  { to: "/settings/sessions", title: "Sessions & password" },
];
const admin: Screen[] = [
  { to: "/admin/access-keys", title: "All keys", permission: "ADMINISTRATOR" },
  { to: "/admin/accounts", title: "Accounts", permission: "MANAGE_ACCOUNTS" },
  { to: "/admin/roles", title: "Roles", permission: "MANAGE_ROLES" },
  { to: "/admin/permissions", title: "Permissions", permission: "ADMINISTRATOR" },
  { to: "/admin/audit", title: "Audit log", permission: "VIEW_AUDIT_LOG" },
  { to: "/admin/health", title: "Health", permission: "ADMINISTRATOR" },
];

const allowed = (account: Account) => (s: Screen) => !s.permission || holds(account, s.permission);

/** The frame of every screen for who is signed in; who is not is sent to sign in and comes back. */
export function Shell() {
  const query = useQuery(me);
  const { pathname, search } = useLocation();
  if (!query.data) {
    if (!query.isError) return <Loading rows={10} />;
    const e = query.error as unknown;
    if (!(e instanceof LatchkeyError && e.status === 401)) {
      return (
        <main className="card-page">
          <Failure error={e} onRetry={() => void query.refetch()} />
        </main>
      );
    }
    return <Navigate to={pathname === "/" ? "/sign-in" : `/sign-in?return=${encodeURIComponent(pathname + search)}`} replace />;
  }
  const account = query.data;
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="top">
        <NavDrawer account={account} />
        <Link to="/" className="brand-link">
          <Brand />
        </Link>
      </header>
      <div className="side">
        <nav aria-label="Screens">
          <Screens account={account} />
        </nav>
        <Own account={account} />
      </div>
      <main id="main" tabIndex={-1}>
        <Suspense fallback={<Loading rows={10} />}>
          <Outlet />
        </Suspense>
      </main>
      <SignInAgain account={account} />
    </div>
  );
}

function Screens({ account, onGo }: { account: Account; onGo?: () => void }) {
  const administration = admin.filter(allowed(account));
  return (
    <>
      <p className="nav-title">Settings</p>
      <ul>{settings.filter(allowed(account)).map((s) => <Entry key={s.to} {...s} onGo={onGo} />)}</ul>
      {administration.length > 0 && (
        <>
          <p className="nav-title">Administration</p>
          <ul>
            {administration.map((s) => (
              <Entry key={s.to} {...s} onGo={onGo} />
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function Entry({ to, title, onGo }: Screen & { onGo?: () => void }) {
  return (
    <li>
      <NavLink to={to} onClick={onGo}>
        {title}
      </NavLink>
    </li>
  );
}

function NavDrawer({ account }: { account: Account }) {
  const [open, setOpen] = useState(false);
  return (
    <Dialog.Root open={open} onOpenChange={setOpen}>
      <Dialog.Trigger className="button quiet icon nav-open" aria-label="Screens">
        <svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
          <path d="M2 4h12M2 8h12M2 12h12" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" />
        </svg>
      </Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="drawer">
          <Dialog.Title className="sr-only">Screens</Dialog.Title>
          <nav aria-label="Screens">
            <Screens account={account} onGo={() => setOpen(false)} />
          </nav>
          <Own account={account} />
          <Dialog.Close className="button plain">Close</Dialog.Close>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** Who is signed in, how it looks, and the way out. */
function Own({ account }: { account: Account }) {
  const navigate = useNavigate();
  const [look, setLook] = useState(theme);
  const signOut = useMutation({
    mutationFn: () => api.authLogout(),
    onSettled: async (_, error) => {
      if (error && !(error instanceof LatchkeyError && error.status === 401)) return; // still signed in
      await navigate("/sign-in", { replace: true });
      queries.clear();
    },
  });
  return (
    <section className="own" aria-label="Your account">
      <p>
        Signed in as{" "}
        <strong>
          <bdi>{account.handle}</bdi>
        </strong>
      </p>
      <SelectField
        label="Appearance"
        value={look}
        onChange={(e) => {
          const next = e.target.value as Theme;
          setTheme(next);
          setLook(next);
        }}
      >
        <option value="system">As the system</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </SelectField>
      <Button busy={signOut.isPending} onClick={() => signOut.mutate()}>
        Sign out
      </Button>
      {signOut.isError && <Failure error={signOut.error} />}
    </section>
  );
}

/** The first screen that fits. */
export function Home() {
  const account = useMe();
  const first = [...settings.slice(0, 1), ...admin, ...settings].find(allowed(account))!;
  return <Navigate to={first.to} replace />;
}

/** A screen for who holds a permission. */
export function Needs({ permission }: { permission: string }) {
  return holds(useMe(), permission) ? <Outlet /> : <Forbidden permission={permission} />;
}
