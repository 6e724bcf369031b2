import { keepPreviousData, useInfiniteQuery, useQuery, type InfiniteData } from "@tanstack/react-query";
import type { Schema } from "@latchkey-dev/sdk";
import { useState } from "react";
import { Link } from "react-router";

import { api, catalogue, queries, type AccessKeyStatus, type Catalogue, type OwnedAccessKey } from "../api";
import { Badge, StatusBadge } from "../ui/badge";
import { Button } from "../ui/button";
import { SelectField } from "../ui/field";
import { Pages } from "../ui/more";
import { Page } from "../ui/page";
import { SearchField } from "../ui/search";
import { Empty } from "../ui/states";
import { Table, type Column } from "../ui/table";
import { When } from "../ui/time";
import { AccountField } from "./account-field";
import "./admin.css";
import { useFilters } from "./filters";
import { RevokeMany } from "./revoke-many";
import { RevokeRow } from "./revoke-row";
import { keyInWords } from "./words";

type Keys = Schema<"OwnedAccessKeyListResult">;

const statuses: Record<AccessKeyStatus, string> = { active: "Active", disabled: "Disabled", expired: "Expired", revoking: "Being revoked", revoked: "Revoked" };
const isStatus = (s: string): s is AccessKeyStatus => s in statuses;

/** Everybody's keys, to find and to end them. */
export default function AdminAccessKeys() {
  const filters = useFilters();
  const [search, status, owner] = [filters.get("search"), filters.get("status"), filters.get("account")];
  const [many, setMany] = useState(false);
  const { data: known } = useQuery(catalogue);
  const narrowed = {
    ...(search && { search }),
    ...(owner && { account: owner }),
    ...(isStatus(status) ? { status } : status !== "any" && { revoked: false }),
  };
  const keys = useInfiniteQuery({
    queryKey: ["admin", "access-keys", narrowed],
    queryFn: ({ pageParam, signal }) => api.adminAccessKeyList({ ...narrowed, limit: 50, ...(pageParam && { cursor: pageParam }) }, { signal }),
    initialPageParam: "",
    getNextPageParam: (page: Keys) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
  return (
    <Page
      title="All keys"
      lead="The access keys of every account, newest first."
      docs="incidents/"
      actions={
        <Button kind="danger" onClick={() => setMany(true)}>
          Revoke many…
        </Button>
      }
    >
      <div className="filters admin-filters" role="search">
        <SearchField label="Search" value={search} onChange={(next) => filters.set({ search: next })} />
        <SelectField label="Status" value={isStatus(status) || status === "any" ? status : ""} onChange={(e) => filters.set({ status: e.target.value })}>
          <option value="">All but revoked</option>
          {Object.entries(statuses).map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
          <option value="any">All, revoked too</option>
        </SelectField>
        <AccountField label="Owner" value={owner} onChange={(id) => filters.set({ account: id })} />
      </div>
      <div className="admin-keys" aria-busy={keys.isPlaceholderData}>
        <Pages query={keys} rows={(page: Keys) => page.keys} noun="key" empty={<Nothing narrowed={search !== "" || status !== "" || owner !== ""} />}>
          {(rows) => <Table caption="Access keys of all accounts" columns={columns(known)} rows={rows} id={(k) => k.id} />}
        </Pages>
      </div>
      <RevokeMany open={many} onClose={() => setMany(false)} account={owner} />
    </Page>
  );
}

function Nothing({ narrowed }: { narrowed: boolean }) {
  return narrowed ? (
    <Empty title="No key fits" action={<Link to="/admin/access-keys">Show all but revoked ones</Link>}>
      <p>The search looks at the name, the visible beginning and the id of a key, and at its owner’s handle.</p>
    </Empty>
  ) : (
    <Empty title="There are no keys yet">
      <p>Whoever holds a role with USE_PERSONAL_ACCESS_KEYS makes keys of their own; they are listed here.</p>
    </Empty>
  );
}

// The row stays where it is, as revoked: the service has just said so.
function revoked(id: string) {
  queries.setQueriesData<InfiniteData<Keys>>({ queryKey: ["admin", "access-keys"] }, (data) => data && {
    ...data,
    pages: data.pages.map((page) => ({ ...page, keys: page.keys.map((k) => (k.id === id ? { ...k, status: "revoked" as const, enabled: false } : k)) })),
  });
}

function columns(known: Catalogue | undefined): Column<OwnedAccessKey>[] {
  return [
    {
      title: "Name",
      cell: (k) => (
        <span className="key-name">
          <bdi title={k.name}>{k.name}</bdi>
          <code className="sub">{k.hint}</code>
        </span>
      ),
    },
    {
      title: "Owner",
      cell: (k) => (
        <span className="owner">
          <Link to={`/admin/accounts/${k.created_by.id}`} title={k.created_by.name}>
            {k.created_by.handle}
          </Link>
          {k.created_by.suspended && <Badge tone="warn">Suspended</Badge>}
        </span>
      ),
    },
    { title: "Status", cell: (k) => <StatusBadge status={k.status} /> },
    {
      title: "Permissions",
      cell: (k) => {
        const words = keyInWords(k.permissions, known);
        return (
          <span className="few-words" title={words}>
            {words}
          </span>
        );
      },
    },
    { title: "Created", cell: (k) => <When at={k.createdAt} /> },
    { title: "Expires", cell: (k) => (k.expires_at ? <When at={k.expires_at} /> : <span className="muted">Never</span>) },
    {
      title: "Last used",
      cell: (k) =>
        k.last_used_at ? (
          <span>
            <When at={k.last_used_at} />
            {k.last_used_ip && <span className="sub">{k.last_used_ip}</span>}
          </span>
        ) : (
          <span className="muted">Never</span>
        ),
    },
    { title: "Action", cell: (k) => <RevokeRow of={k} onRevoked={() => revoked(k.id)} /> },
  ];
}
