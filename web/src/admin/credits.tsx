import type { Schema } from "@latchkey-dev/sdk";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, type Account } from "../api";
import { Button } from "../ui/button";
import { number, plural } from "../ui/format";
import { Pages } from "../ui/more";
import { Section } from "../ui/page";
import { Table, type Column } from "../ui/table";
import { Moment } from "../ui/time";
import { GiveCredits } from "./give-credits";

type Ledger = Schema<"CreditLedger">;
type Entry = Schema<"CreditEntry">;

const kinds: Record<Entry["type"], string> = { grant: "Given", debit: "Taken", refund: "Refunded", adjust: "Put right", charge: "Used by a key" };
const signed = new Intl.NumberFormat(undefined, { signDisplay: "always" });

/** The credits of an account, and how they came to be. */
export function Credits({ account }: { account: Account }) {
  const [giving, setGiving] = useState(false);
  const ledger = useInfiniteQuery({
    queryKey: ["admin", "credits", account.id],
    queryFn: ({ pageParam, signal }) => api.adminAccountCreditsList(account.id, { limit: 20, ...(pageParam && { cursor: pageParam }) }, { signal }),
    initialPageParam: "",
    getNextPageParam: (page: Ledger) => page.next_cursor,
  });
  const now = ledger.data?.pages[0];
  return (
    <Section
      title="Credits"
      lead="What requests with a price are paid with."
      actions={!giving && ledger.data && <Button onClick={() => setGiving(true)}>Give or take credits</Button>}
    >
      {giving && <GiveCredits account={account} balance={now?.balance ?? 0} onClose={() => setGiving(false)} />}
      {now && (
        <p className="balance">
          <strong>{plural(now.balance, "credit")}</strong> <span className="muted">left; keys used {number(now.used)} in all</span>
        </p>
      )}
      <Pages query={ledger} rows={(page: Ledger) => page.entries} noun="booking" empty={<p className="muted">The ledger is empty: no credits were given yet.</p>}>
        {(rows) => <Table caption="Ledger of credits" columns={columns} rows={rows} id={(e) => e.id} />}
      </Pages>
    </Section>
  );
}

const columns: Column<Entry>[] = [
  { title: "What", cell: (e) => kinds[e.type] },
  { title: "Amount", end: true, cell: (e) => signed.format(e.amount) },
  { title: "Balance after", end: true, cell: (e) => number(e.balance) },
  { title: "When", cell: (e) => <Moment at={e.createdAt} /> },
  { title: "Reference", cell: (e) => <code className="reference">{e.idempotency_key ?? e.access_key_id ?? "–"}</code> },
];
