import { useCallback, useState } from "react";

import { holds } from "../api";
import { useMe } from "../session";
import { Button } from "../ui/button";
import { SelectField, TextField } from "../ui/field";
import { zoneName } from "../ui/format";
import { AccountField } from "./account-field";
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
  const setAccount = useCallback((id: string) => set("account", id), [set]);
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
      {mayAccounts ? <AccountField label="About the account" value={filter.account ?? ""} onChange={setAccount} /> : <IdFilter label="About the account" value={filter.account ?? ""} onChange={(id) => set("account", id)} />}
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
