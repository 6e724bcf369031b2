import { useRef, useState } from "react";

import { api, type AuditEvent } from "../api";
import { Button } from "../ui/button";
import { Failure } from "../ui/failure";
import { date, dayValue, plural } from "../ui/format";
import { queryOf, type Filter } from "./audit-filter";
import { namesIn, namesOf } from "./audit-names";
import { byteOrderMark, line, save } from "./csv";
import { plainSentence, type Names } from "./event";

const header = ["time_utc", "type", "sentence", "actor", "actor_id", "credential", "credential_id", "address", "account_id", "target_kind", "target_id", "name", "incident_id", "reason", "old", "new", "id"];

function row(e: AuditEvent, names: Names): string[] {
  const values = { ...e.old, ...e.new };
  const text = (member: string) => (typeof values[member] === "string" ? values[member] : "");
  const json = (v: unknown) => (v === undefined ? "" : JSON.stringify(v));
  const { actor, target } = e;
  return [new Date(e.createdAt).toISOString(), e.type, plainSentence(e, names), actor.handle ?? "", actor.account_id ?? "", actor.credential, actor.credential_id ?? "", actor.address, e.account_id ?? "", target.kind, target.id, text("name"), e.incident_id ?? "", text("reason"), json(e.old), json(e.new), e.id];
}

export function csvOf(events: readonly AuditEvent[], handle?: (id: string) => string | undefined): string[] {
  const names = namesOf(namesIn(events), handle);
  return [byteOrderMark, line(header), ...events.map((e) => line(row(e, names)))];
}

interface Progress {
  read: number;
  back?: string;
}

/** Saves everything that the filter finds as a file, page by page. Half a file is never saved. */
export function Export({ filter, handle }: { filter: Filter; handle: (id: string) => string | undefined }) {
  const [progress, setProgress] = useState<Progress>();
  const [error, setError] = useState<unknown>();
  const [done, setDone] = useState("");
  const stop = useRef<AbortController>(undefined);

  const start = async () => {
    const { signal } = (stop.current = new AbortController());
    setError(undefined);
    setDone("");
    setProgress({ read: 0 });
    try {
      const all: AuditEvent[] = [];
      let cursor: string | undefined;
      do {
        const page = await api.adminAuditEventList({ ...queryOf(filter), limit: 100, ...(cursor && { cursor }) }, { signal });
        all.push(...page.events);
        cursor = page.next_cursor;
        setProgress({ read: all.length, back: all.at(-1)?.createdAt });
      } while (cursor);
      const name = `audit-log-${dayValue(new Date())}.csv`;
      save(csvOf(all, handle), name);
      setDone(`${name} has ${plural(all.length, "event")}.`);
    } catch (e) {
      if (!signal.aborted) setError(e);
    } finally {
      setProgress(undefined);
    }
  };

  return (
    <div className="export">
      <div className="page-actions">
        <Button busy={progress !== undefined} onClick={() => void start()} title="Times in UTC. A cell that a spreadsheet would take for a formula begins with an apostrophe.">
          Export CSV
        </Button>
        {progress && <Button onClick={() => stop.current?.abort()}>Cancel</Button>}
      </div>
      <p role="status" className="hint">
        {progress ? `${plural(progress.read, "event")} read${progress.back ? `, back to ${date(progress.back)}` : ""}` : done}
      </p>
      {error !== undefined && <Failure error={error} onRetry={() => void start()} />}
    </div>
  );
}
