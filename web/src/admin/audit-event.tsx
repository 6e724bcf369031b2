import { useId, useState } from "react";
import { Link } from "react-router";

import { holds, type AuditEvent } from "../api";
import { useMe } from "../session";
import { Button } from "../ui/button";
import { Moment, When } from "../ui/time";
import { changes, sentence, typeNames, type Names, type Part } from "./event";

/** An event as a sentence, with what else is known of it on demand. */
export function EventItem({ event, names }: { event: AuditEvent; names: Names }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <li className="event">
      <p id={id} className="event-words">
        {sentence(event, names).map((part, i) => (
          <Words key={i} part={part} />
        ))}
      </p>
      <p className="event-when">
        <When at={event.createdAt} />
        {event.actor.address && (
          <>
            {" from "}
            <code>{event.actor.address}</code>
          </>
        )}
      </p>
      <Button kind="quiet" className="small event-more" aria-expanded={open} aria-describedby={id} onClick={() => setOpen(!open)}>
        Details
      </Button>
      {open && <Details event={event} names={names} />}
    </li>
  );
}

function Words({ part }: { part: Part }) {
  const mayAccounts = holds(useMe(), "MANAGE_ACCOUNTS");
  if (typeof part === "string") return part;
  const words = <bdi>{part.text}</bdi>;
  if (!("kind" in part)) return <strong>{words}</strong>;
  if (part.kind === "account" && mayAccounts) return <Link to={`/admin/accounts/${part.id}`}>{words}</Link>;
  return (
    <Link to={filterFor(part.kind, part.id)} title={`Only what happened to this ${kinds[part.kind]}`}>
      {words}
    </Link>
  );
}

const kinds: Record<AuditEvent["target"]["kind"], string> = { account: "account", role: "role", session: "session", access_key: "key", catalogue: "catalogue", incident: "incident" };

function filterFor(kind: AuditEvent["target"]["kind"], id: string): string {
  return `/admin/audit?${kind === "account" || kind === "incident" ? kind : "target"}=${id}`;
}

function Details({ event, names }: { event: AuditEvent; names: Names }) {
  const { actor, target } = event;
  const changed = changes(event);
  return (
    <div className="event-details">
      <dl className="facts">
        <dt>When</dt>
        <dd>
          <Moment at={event.createdAt} />
        </dd>
        <dt>What</dt>
        <dd>
          {typeNames[event.type] ?? "Something else"} <code className="muted">{event.type}</code>
        </dd>
        <dt>By</dt>
        <dd>{actor.account_id ? <Id kind="account" id={actor.account_id} words={actor.handle} /> : "nobody who was signed in"}</dd>
        <dt>With</dt>
        <dd>{actor.credential === "none" ? "no credential" : <Credential kind={actor.credential} id={actor.credential_id} />}</dd>
        <dt>Address</dt>
        <dd>{actor.address ? <code>{actor.address}</code> : "none: the service itself"}</dd>
        {event.account_id && (
          <>
            <dt>About the account</dt>
            <dd>
              <Id kind="account" id={event.account_id} words={names.account?.(event.account_id)} />
            </dd>
          </>
        )}
        <dt>Happened to</dt>
        <dd>
          {kinds[target.kind]} <Id kind={target.kind} id={target.id} />
        </dd>
        {event.incident_id && (
          <>
            <dt>Incident</dt>
            <dd>
              <Id kind="incident" id={event.incident_id} />
            </dd>
          </>
        )}
        <dt>Event</dt>
        <dd>
          <code>{event.id}</code>
        </dd>
      </dl>
      {changed.length > 0 && (
        <table className="changes">
          <caption className="sr-only">What changed</caption>
          <thead>
            <tr>
              <th scope="col">Value</th>
              <th scope="col">Before</th>
              <th scope="col">After</th>
            </tr>
          </thead>
          <tbody>
            {changed.map((c) => (
              <tr key={c.member}>
                <th scope="row">{c.title}</th>
                <td>
                  <Value of={c.old} />
                </td>
                <td>
                  <Value of={c.new} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}

function Credential({ kind, id }: { kind: "session" | "access_key"; id: string | undefined }) {
  return (
    <>
      {kind === "session" ? "a session" : "an access key"} {id && <Id kind={kind} id={id} />}
    </>
  );
}

function Id({ kind, id, words }: { kind: AuditEvent["target"]["kind"]; id: string; words?: string }) {
  return (
    <>
      {words && <bdi>{words} </bdi>}
      <Link to={filterFor(kind, id)} title={`Only events of this ${kinds[kind]}`}>
        <code>{id}</code>
      </Link>
    </>
  );
}

function Value({ of: value }: { of: unknown }) {
  if (value === undefined || value === null || value === "") return <span className="muted">none</span>;
  if (typeof value === "string") return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) ? <Moment at={value} /> : <bdi className="value">{value}</bdi>;
  if (Array.isArray(value) && value.every((v) => typeof v === "string")) return value.length > 0 ? <code>{value.join(", ")}</code> : <span className="muted">nothing</span>;
  return <code>{JSON.stringify(value)}</code>;
}
