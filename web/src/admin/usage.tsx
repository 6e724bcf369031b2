import type { Schema } from "@latchkey-dev/sdk";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, type Account } from "../api";
import { StatusBadge } from "../ui/badge";
import { Button } from "../ui/button";
import { number } from "../ui/format";
import { Docs, Section } from "../ui/page";
import { Shown } from "../ui/states";
import { Table, type Column } from "../ui/table";
import { Moment, When } from "../ui/time";
import { Limits } from "./limits";

type AccountUsage = Schema<"AccountUsage">;
type KeyUse = Schema<"KeyUse">;

const windows = { day: "today, in UTC", month: "this month, in UTC", life: "ever" };

/** What the keys of an account used in its window, and how much they may. */
export function Usage({ account }: { account: Account }) {
  const [changing, setChanging] = useState(false);
  const query = useQuery({ queryKey: ["admin", "usage", account.id], queryFn: ({ signal }) => api.adminAccountUsage(account.id, { signal }) });
  return (
    <Section
      title="Usage and limits"
      lead={
        <>
          What all keys of the account use together. <Docs page="usage/" />
        </>
      }
      actions={!changing && query.data && <Button onClick={() => setChanging(true)}>Change limits</Button>}
    >
      <Shown query={query} space={4}>
        {(usage) => (
          <>
            {changing && <Limits usage={usage} onClose={() => setChanging(false)} />}
            <div className="meters">
              <Meter label="Reads" of={usage.query} />
              <Meter label="Writes and deletions" of={usage.mutation} />
            </div>
            <p className="muted">
              Counted {windows[usage.window.unit]}
              {usage.window.end && (
                <>
                  ; a new count begins <Moment at={usage.window.end} />
                </>
              )}
              .
            </p>
            {usage.keys.length === 0 ? <p>None of its keys was used or refused in this time.</p> : <Table caption="Usage by key" columns={columns} rows={usage.keys} id={(k) => k.id} />}
          </>
        )}
      </Shown>
    </Section>
  );
}

function Meter({ label, of: { used, limit } }: { label: string; of: AccountUsage["query"] }) {
  const words = limit === undefined ? `${number(used)}, without a limit` : `${number(used)} of ${number(limit)}`;
  return (
    <div className="meter">
      <p>
        <span className="label">{label}</span> <span>{words}</span>
      </p>
      {limit !== undefined && <progress className={used >= limit ? "full" : ""} aria-label={`${label} used`} max={Math.max(limit, 1)} value={limit === 0 ? 1 : Math.min(used, limit)} />}
    </div>
  );
}

const denied = (k: KeyUse) => k.denied.permission + k.denied.quota + k.denied.credits;

const columns: Column<KeyUse>[] = [
  {
    title: "Key",
    cell: (k) => (
      <bdi className="two-lines strong" title={k.name}>
        {k.name}
      </bdi>
    ),
  },
  { title: "Status", cell: (k) => <StatusBadge status={k.status} /> },
  { title: "Reads", end: true, cell: (k) => number(k.query) },
  { title: "Writes", end: true, cell: (k) => number(k.mutation) },
  { title: "Credits", end: true, cell: (k) => number(k.credits) },
  {
    title: "Refused",
    end: true,
    cell: (k) => <span title={`Permission ${number(k.denied.permission)}, limit ${number(k.denied.quota)}, credits ${number(k.denied.credits)}`}>{number(denied(k))}</span>,
  },
  { title: "Last used", cell: (k) => (k.last_used_at ? <When at={k.last_used_at} /> : <span className="muted">Never</span>) },
];
