import { queryOptions, useQuery } from "@tanstack/react-query";
import { useId, useRef, useState } from "react";

import { api, holds, queries, type Account } from "../api";
import { useMe } from "../session";
import { Button } from "../ui/button";
import { SelectField, TextField } from "../ui/field";
import { zoneName } from "../ui/format";
import { fits, members, type Filter, type Member } from "./audit-filter";
import { typeNames } from "./event";

interface Props {
  filter: Filter;
  set: (member: Member, value: string) => void;
  clear: () => void;
}

/** What to filter the audit log by. */
export function AuditFilters({ filter, set, clear }: Props) {
  const mayAccounts = holds(useMe(), "MANAGE_ACCOUNTS");
  const backwards = filter.from && filter.to && filter.to < filter.from;
  return (
    <search className="filters">
      <SelectField label="What" value={filter.type ?? ""} onChange={(e) => set("type", e.target.value)}>
        <option value="">Everything</option>
        {Object.entries(typeNames).map(([type, name]) => (
          <option key={type} value={type}>
            {name}
          </option>
        ))}
      </SelectField>
      {mayAccounts ? <AccountFilter value={filter.account ?? ""} onChange={(id) => set("account", id)} /> : <IdFilter label="About the account" value={filter.account ?? ""} onChange={(id) => set("account", id)} />}
      <IdFilter label="Key, role or session" value={filter.target ?? ""} onChange={(id) => set("target", id)} />
      <IdFilter label="Incident" value={filter.incident ?? ""} onChange={(id) => set("incident", id)} />
      <TextField label="From" type="date" value={filter.from ?? ""} max={filter.to} title={zoneName()} onChange={(e) => set("from", e.target.value)} />
      <TextField label="To" type="date" value={filter.to ?? ""} min={filter.from} title={zoneName()} onChange={(e) => set("to", e.target.value)} error={backwards ? "This is before the first day." : undefined} />
      {members.some((m) => filter[m]) && (
        <Button kind="quiet" onClick={clear}>
          Clear the filters
        </Button>
      )}
    </search>
  );
}

// What is typed goes into the address once it can be an id; until then it filters nothing.
function IdFilter({ label, value, onChange }: { label: string; value: string; onChange: (id: string) => void }) {
  const [unfit, setUnfit] = useState("");
  return (
    <TextField
      label={label}
      className="mono-input"
      autoComplete="off"
      autoCapitalize="none"
      spellCheck={false}
      placeholder="Id"
      value={unfit || value}
      onChange={(e) => {
        const next = e.target.value.trim();
        const fit = next === "" || fits("target", next);
        setUnfit(fit ? "" : next);
        if (value !== (fit ? next : "")) onChange(fit ? next : "");
      }}
      error={unfit ? "An id has 20 small letters and digits." : undefined}
    />
  );
}

const handleOf = (id: string) => queryOptions({ queryKey: ["admin", "accounts", "handle", id], queryFn: async () => (await api.adminAccountGet(id)).handle, staleTime: Infinity });

/** An account by its handle, offered while one types. */
function AccountFilter({ value, onChange }: { value: string; onChange: (id: string) => void }) {
  const options = useId();
  const [typed, setTyped] = useState<string>();
  const [offered, setOffered] = useState<Account[]>([]);
  const [error, setError] = useState<string>();
  const latest = useRef("");
  const chosen = useQuery({ ...handleOf(value), enabled: value !== "" });

  const type = async (text: string) => {
    const wanted = text.trim().toLowerCase();
    latest.current = text;
    setTyped(text);
    setError(undefined);
    if (value !== "") onChange("");
    if (wanted === "") return setOffered([]);
    try {
      const { accounts } = await queries.fetchQuery({ queryKey: ["admin", "accounts", "search", wanted], queryFn: () => api.accountList({ search: wanted, limit: 20 }), staleTime: 5_000 });
      if (latest.current !== text) return; // somebody types on
      setOffered(accounts);
      const fit = accounts.find((a) => a.handle === wanted);
      if (accounts.length === 0) setError("No account has such a handle.");
      if (!fit) return;
      queries.setQueryData(handleOf(fit.id).queryKey, fit.handle);
      onChange(fit.id);
      setTyped(undefined); // the address has it now
    } catch {
      if (latest.current === text) setError("The accounts cannot be searched now. Try again in a moment.");
    }
  };

  return (
    <>
      <TextField
        label="About the account"
        list={options}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={30}
        placeholder="Handle"
        value={typed ?? (value === "" ? "" : (chosen.data ?? value))}
        onChange={(e) => void type(e.target.value)}
        error={error ?? (typed === undefined && value !== "" && chosen.isError ? "There is no account with this id." : undefined)}
      />
      <datalist id={options}>
        {offered.map((a) => (
          <option key={a.id} value={a.handle}>
            {a.name}
          </option>
        ))}
      </datalist>
    </>
  );
}
