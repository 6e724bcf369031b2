import { lazy } from "react";
import { createBrowserRouter, Link } from "react-router";

import { Setup } from "./auth/setup";
import { SignIn } from "./auth/sign-in";
import { AccessKeys } from "./keys/list";
import { Home, Needs, Shell } from "./shell";
import { Page } from "./ui/page";
import { Empty } from "./ui/states";

// Each screen is loaded when it is opened first, but for those with which everybody begins.
const AccessKeyDetail = lazy(() => import("./keys/detail"));
const Sessions = lazy(() => import("./auth/sessions"));
const AdminAccessKeys = lazy(() => import("./admin/access-keys"));
const Accounts = lazy(() => import("./admin/accounts"));
const AccountDetail = lazy(() => import("./admin/account"));
const Roles = lazy(() => import("./admin/roles"));
const Permissions = lazy(() => import("./admin/permissions"));
const Audit = lazy(() => import("./admin/audit"));
const Health = lazy(() => import("./admin/health"));

function NotFound() {
  return (
    <Page title="Not found">
      <Empty title="There is no such screen" action={<Link to="/">Go to the start</Link>}>
        <p>The address may be mistyped, or from another version.</p>
      </Empty>
    </Page>
  );
}

export const router = createBrowserRouter([
  { path: "/setup", element: <Setup /> },
  { path: "/sign-in", element: <SignIn /> },
  {
    path: "/",
    element: <Shell />,
    errorElement: <Broken />,
    children: [
      { index: true, element: <Home /> },
      {
        element: <Needs permission="USE_PERSONAL_ACCESS_KEYS" />,
        children: [
          { path: "settings/access-keys", element: <AccessKeys /> },
          { path: "settings/access-keys/:id", element: <AccessKeyDetail /> },
        ],
      },
      { path: "settings/sessions", element: <Sessions /> },
      {
        element: <Needs permission="ADMINISTRATOR" />,
        children: [
          { path: "admin/access-keys", element: <AdminAccessKeys /> },
          { path: "admin/permissions", element: <Permissions /> },
          { path: "admin/health", element: <Health /> },
        ],
      },
      {
        element: <Needs permission="MANAGE_ACCOUNTS" />,
        children: [
          { path: "admin/accounts", element: <Accounts /> },
          { path: "admin/accounts/:id", element: <AccountDetail /> },
        ],
      },
      { element: <Needs permission="MANAGE_ROLES" />, children: [{ path: "admin/roles", element: <Roles /> }] },
      { element: <Needs permission="VIEW_AUDIT_LOG" />, children: [{ path: "admin/audit", element: <Audit /> }] },
      { path: "*", element: <NotFound /> },
    ],
  },
]);

// A screen that threw. After an update of the service the parts of an old page are gone; a reload gets the new ones.
function Broken() {
  return (
    <main className="card-page">
      <Empty
        title="This screen has stopped"
        action={
          <button type="button" className="button primary" onClick={() => location.reload()}>
            Reload
          </button>
        }
      >
        <p>The service may have been updated while the page was open. Reload it; if that does not help, tell whoever runs the service.</p>
      </Empty>
    </main>
  );
}
