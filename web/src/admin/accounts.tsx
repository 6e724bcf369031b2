import type { Schema } from "@latchkey-dev/sdk";
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";

import { api, type Account } from "../api";
import { Badge } from "../ui/badge";
import { Button } from "../ui/button";
import { Pages } from "../ui/more";
import { Page } from "../ui/page";
import { SearchField } from "../ui/search";
import { Empty } from "../ui/states";
import { Table, type Column } from "../ui/table";
import { When } from "../ui/time";
import "./admin.css";
import { CreateAccount } from "./create-account";
import { useFilters } from "./filters";
import { RoleNames } from "./words";

type Accounts = Schema<"AccountListResult">;

/** Everybody who may sign in. */
export default function AccountsScreen() {
  const filters = useFilters();
  const search = filters.get("search");
  const [creating, setCreating] = useState(false);
  const accounts = useInfiniteQuery({
    queryKey: ["admin", "accounts", search],
    queryFn: ({ pageParam, signal }) => api.accountList({ limit: 50, ...(search && { search }), ...(pageParam && { cursor: pageParam }) }, { signal }),
    initialPageParam: "",
    getNextPageParam: (page: Accounts) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
  return (
    <Page
      title="Accounts"
      lead="Who may sign in, and with which roles."
      actions={
        <Button kind="primary" onClick={() => setCreating(true)}>
          Create account
        </Button>
      }
    >
      <div className="filters" role="search">
        <SearchField label="Search by handle or name" value={search} onChange={(next) => filters.set({ search: next })} />
      </div>
      <div className="admin-accounts" aria-busy={accounts.isPlaceholderData}>
        <Pages
          query={accounts}
          rows={(page: Accounts) => page.accounts}
          noun="account"
          empty={
            <Empty title="No account fits" action={<Link to="/admin/accounts">Show all accounts</Link>}>
              <p>Neither a handle nor a name contains this.</p>
            </Empty>
          }
        >
          {(rows) => <Table caption="Accounts" columns={columns} rows={rows} id={(a) => a.id} />}
        </Pages>
      </div>
      {creating && <CreateAccount onClose={() => setCreating(false)} />}
    </Page>
  );
}

const columns: Column<Account>[] = [
  { title: "Handle", cell: (a) => <Link to={`/admin/accounts/${a.id}`}>{a.handle}</Link> },
  {
    title: "Name",
    cell: (a) => (
      <bdi className="two-lines" title={a.name}>
        {a.name}
      </bdi>
    ),
  },
  { title: "Roles", cell: (a) => <RoleNames roles={a.roles} /> },
  { title: "Joined", cell: (a) => <When at={a.joined} /> },
  { title: "Status", cell: (a) => (a.suspended ? <Badge tone="warn">Suspended</Badge> : <Badge tone="good">Active</Badge>) },
];
