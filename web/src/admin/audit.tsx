import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { Button } from "../ui/button";
import { Pages } from "../ui/more";
import { Page } from "../ui/page";
import { Empty } from "../ui/states";
import { EventItem } from "./audit-event";
import { Export } from "./audit-export";
import { events, useFilter } from "./audit-filter";
import { AuditFilters } from "./audit-filters";
import { useNames } from "./audit-names";
import "./audit.css";

/** What anyone did. */
export default function Audit() {
  const { filter, set, clear } = useFilter();
  const query = useInfiniteQuery(events(filter));
  const loaded = useMemo(() => query.data?.pages.flatMap((p) => p.events) ?? [], [query.data]);
  const { names, handle } = useNames(loaded);
  return (
    <Page title="Audit log" lead="What anyone did, newest first. Events are only ever added." docs="incidents/" actions={<Export filter={filter} handle={handle} />}>
      <AuditFilters filter={filter} set={set} clear={clear} />
      <Pages
        query={query}
        rows={(page) => page.events}
        noun="event"
        empty={
          <Empty title="No event fits" action={<Button onClick={clear}>Clear the filters</Button>}>
            <p>Nothing that was recorded fits all of the filters.</p>
          </Empty>
        }
      >
        {(all) => (
          <ul className="events" aria-label="Events">
            {all.map((e) => (
              <EventItem key={e.id} event={e} names={names} />
            ))}
          </ul>
        )}
      </Pages>
    </Page>
  );
}
