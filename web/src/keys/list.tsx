import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo, useState, type ReactNode } from "react";
import { useLocation, useNavigate, useSearchParams } from "react-router";

import { catalogue, type AccessKey, type AccessKeyStatus } from "../api";
import { Button } from "../ui/button";
import { Choice, SelectField } from "../ui/field";
import { Pages } from "../ui/more";
import { Page } from "../ui/page";
import { SearchField } from "../ui/search";
import { Empty, Loading } from "../ui/states";
import { Table, type Sorting } from "../ui/table";
import { ExpiringSoon, UsageLine } from "./notices";
import { accessKeys, anyKey, daily, expiring, isRevoked, usage, type Filter } from "./queries";
import { columnsOf } from "./rows";
import "./keys.css";

// What is opened seldom is loaded when it is.
const CreateKey = lazy(() => import("./create"));
const Incident = lazy(() => import("./incident"));

const statuses: Record<AccessKeyStatus, string> = { active: "Active", disabled: "Disabled", expired: "Expired", revoking: "Revoking", revoked: "Revoked" };

const sorts: [value: string, words: string][] = [
  ["created_at desc", "Newest first"],
  ["created_at asc", "Oldest first"],
  ["name asc", "Name, from A"],
  ["name desc", "Name, from Z"],
  ["expires_at asc", "Expires first"],
  ["expires_at desc", "Expires last"],
  ["last_used_at desc", "Used last"],
  ["last_used_at asc", "Unused longest"],
];

/** What is looked for, as the address has it. What makes no sense there is left out. */
function useFilter() {
  const [params, setParams] = useSearchParams();
  const status = params.get("status") ?? "";
  const sort = `${params.get("sort") ?? "created_at"} ${params.get("order") === "asc" ? "asc" : "desc"}`;
  const [by, order] = (sorts.some(([value]) => value === sort) ? sort : sorts[0]![0]).split(" ") as [string, Sorting["order"]];
  const filter: Filter = {
    search: params.get("search")?.slice(0, 100) ?? "",
    status: status in statuses ? (status as AccessKeyStatus) : "",
    revoked: params.get("revoked") === "1",
    sorting: { by, order },
  };
  const change = (changes: Record<string, string>) =>
    setParams(
      (before) => {
        for (const [name, value] of Object.entries(changes)) {
          if (value) before.set(name, value);
          else before.delete(name);
        }
        return before;
      },
      { replace: true, preventScrollReset: true, flushSync: true }, // at once: a box that is ticked stays ticked
    );
  return { filter, change, filtered: filter.search !== "" || filter.status !== "" };
}

/** The create dialog is in the address: it can be linked to, and the way back closes it. */
function useCreating() {
  const [params, setParams] = useSearchParams();
  const navigate = useNavigate();
  const { state } = useLocation();
  const open = params.has("create");
  const without = () => setParams((p) => (p.delete("create"), p), { replace: true });
  return {
    open,
    start: () => setParams((p) => (p.set("create", ""), p), { state: { here: true } }),
    close: () => (state?.here ? void navigate(-1) : without()),
    /** The key is made: there is nothing to come back to. */
    end: without,
  };
}

/** The own keys: the home of every member. */
export function AccessKeys() {
  const { filter, change, filtered } = useFilter();
  const creating = useCreating();
  const [createAsked, setCreateAsked] = useState(false);
  const [incident, setIncident] = useState(false);
  if (creating.open && !createAsked) setCreateAsked(true);
  const list = useInfiniteQuery(accessKeys(filter));
  const none = !filtered && list.data?.pages[0]?.keys.length === 0;
  const any = useQuery({ ...anyKey, enabled: none });
  // Read here and always: what a query's user has not read, they are not told of.
  const pending = list.isPending || (none && any.isPending);
  const create = (
    <Button kind="primary" data-creates="" onClick={creating.start}>
      Create a key
    </Button>
  );
  const actions = (
    <div className={none ? "unneeded" : "page-actions"}>
      <Button kind="danger" onClick={() => setIncident(true)}>
        Revoke all my keys…
      </Button>
      {!none && create}
    </div>
  );
  return (
    <Page title="Access keys" lead="A key lets a program sign in as you." docs="permissions/" actions={actions}>
      <List
        list={list}
        filter={filter}
        onChange={change}
        filters={!none || filter.revoked}
        pending={pending}
        empty={none ? <NoKeys create={create} anyRevoked={any.data === true} onRevoked={() => change({ revoked: "1" })} /> : <NothingFound onClear={() => change({ search: "", status: "" })} />}
      />
      <Suspense fallback={null}>
        {createAsked && <CreateKey open={creating.open} onClose={creating.close} onCreated={creating.end} />}
        {incident && <Incident onClose={() => setIncident(false)} />}
      </Suspense>
    </Page>
  );
}

function List({ list, filter, filters, pending, empty, onChange }: {
  list: ReturnType<typeof useInfiniteQuery<{ keys: AccessKey[]; next_cursor?: string }>>;
  filter: Filter;
  filters: boolean;
  /** There is nothing to show yet. */
  pending: boolean;
  empty: ReactNode;
  onChange: (changes: Record<string, string>) => void;
}) {
  // What stands above the table must not push it down when it comes: they come together.
  const warned = useQuery(expiring);
  const used = useQuery(usage);
  const days = useQuery(daily);
  const known = useQuery(catalogue);
  const columns = useMemo(() => columnsOf(known.data, days.data ?? (days.isError ? "failed" : undefined)), [known.data, days.data, days.isError]);
  if (pending || warned.isPending || used.isPending) return <Loading />;
  return (
    <>
      {used.data && <UsageLine {...used.data} />}
      {warned.data && <ExpiringSoon keys={warned.data.keys} more={warned.data.next_cursor !== undefined} />}
      {filters && <Filters filter={filter} onChange={onChange} />}
      <div className="keys" aria-busy={list.isPlaceholderData || undefined}>
        <Pages query={list} rows={(p) => p.keys} noun="key" empty={empty}>
          {(rows) => (
            <Table
              caption="Access keys"
              columns={columns}
              rows={once(rows)}
              id={(k) => k.id}
              sorting={filter.sorting}
              onSort={({ by, order }) => onChange({ sort: by, order })}
            />
          )}
        </Pages>
      </div>
    </>
  );
}

// A key that is used while one pages through may come on two pages.
const once = (keys: AccessKey[]) => [...new Map(keys.map((k) => [k.id, k])).values()];

function Filters({ filter, onChange }: { filter: Filter; onChange: (changes: Record<string, string>) => void }) {
  return (
    <div className="filters" role="search">
      <SearchField placeholder="Name, hint or id" value={filter.search} onChange={(search) => onChange({ search })} />
      <SelectField label="Status" value={filter.status} onChange={(e) => onChange({ status: e.target.value })}>
        <option value="">{filter.revoked ? "Any" : "Any but revoked"}</option>
        {Object.entries(statuses).map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </SelectField>
      <SelectField
        label="Sort"
        className="narrow-only"
        value={`${filter.sorting.by} ${filter.sorting.order}`}
        onChange={(e) => {
          const [sort, order] = e.target.value.split(" ");
          onChange({ sort: sort!, order: order! });
        }}
      >
        {sorts.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </SelectField>
      <Choice checked={filter.revoked || isRevoked(filter.status)} disabled={filter.status !== ""} onChange={(e) => onChange({ revoked: e.target.checked ? "1" : "" })}>
        Show revoked
      </Choice>
    </div>
  );
}

function NoKeys({ create, anyRevoked, onRevoked }: { create: ReactNode; anyRevoked: boolean; onRevoked: () => void }) {
  return (
    <Empty title={anyRevoked ? "You have no keys that work" : "You have no access keys"} action={create}>
      <p>A key lets a script, a bot or another service use the API as you. You choose what it may do and when it ends.</p>
      {anyRevoked && (
        <p>
          <Button kind="quiet" onClick={onRevoked}>
            Show the revoked ones
          </Button>
        </p>
      )}
    </Empty>
  );
}

function NothingFound({ onClear }: { onClear: () => void }) {
  return (
    <Empty title="No key fits" action={<Button onClick={onClear}>Clear the filters</Button>}>
      <p>None of your keys has that in its name, hint or id, and that status. Revoked ones are looked through only if they are shown.</p>
    </Empty>
  );
}
