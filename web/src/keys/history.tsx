import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { api, type AuditEvent } from "../api";
import { useMe } from "../session";
import { list, moment, number, plural } from "../ui/format";
import { Pages } from "../ui/more";
import { Section } from "../ui/page";
import { When } from "../ui/time";
import { because } from "./revoke";

const page = 20;

/** What happened to a key: who did what, from where and when. */
export function History({ id }: { id: string }) {
  const query = useInfiniteQuery({
    queryKey: ["access-key", id, "history"],
    queryFn: ({ pageParam, signal }) => api.auditEventList({ target: id, limit: page, ...(pageParam && { cursor: pageParam }) }, { signal }),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor,
  });
  return (
    <Section title="History" lead="What was done to this key, newest first. What it was used for is under Usage.">
      <Pages query={query} rows={(p) => p.events} noun="event" empty={<p className="muted">Nothing is recorded of this key.</p>}>
        {(events) => (
          <ol className="key-history">
            {events.map((e) => (
              <Entry key={e.id} event={e} />
            ))}
          </ol>
        )}
      </Pages>
    </Section>
  );
}

function Entry({ event: e }: { event: AuditEvent }) {
  const { deed, details } = told(e);
  return (
    <li className={e.type === "access_key_retired_secret_used" ? "alarming" : ""}>
      <p>{e.type === "access_key_retired_secret_used" ? deed : <><Actor event={e} /> {deed}</>}</p>
      {details.length > 0 && (
        <ul className="key-history-details">
          {details.map((d, i) => (
            <li key={i}>{d}</li>
          ))}
        </ul>
      )}
      <p className="sub">
        <When at={e.createdAt} />
        {e.actor.address && ` · from ${e.actor.address}`}
        {e.incident_id && (
          <>
            {" "}
            · incident <code>{e.incident_id}</code>
          </>
        )}
      </p>
    </li>
  );
}

function Actor({ event: { actor, target } }: { event: AuditEvent }) {
  const me = useMe();
  if (!actor.account_id) return actor.address ? <>Somebody</> : <>Latchkey</>;
  return (
    <>
      {actor.account_id === me.id ? "You" : <bdi>{actor.handle ?? "Somebody"}</bdi>}
      {actor.credential === "access_key" && (actor.credential_id === target.id ? ", with this very key," : ", with another key,")}
    </>
  );
}

const quoted = (name: unknown) => <>“<bdi>{String(name)}</bdi>”</>;
const when = (at: unknown) => (typeof at === "string" && at ? moment(at) : "never");
const names = (permissions: unknown) => (Array.isArray(permissions) ? list(permissions.map(String)) : "the same as the account");
const text = (value: unknown) => (typeof value === "string" ? value : "");

function caps(limits: unknown): string {
  const set = typeof limits === "object" && limits !== null ? Object.entries(limits as Record<string, number>) : [];
  return set.length > 0 ? list(set.map(([kind, n]) => `${number(n)} ${{ query: "queries", mutation: "mutations" }[kind] ?? kind}`)) : "none";
}

interface Told {
  deed: ReactNode;
  details: ReactNode[];
}

/** An event in words that follow who did it, and the values before and after where they help. */
function told(e: AuditEvent): Told {
  const old = e.old ?? {};
  const now = e.new ?? {};
  switch (e.type) {
    case "access_key_created":
      return { deed: <>created the key as {quoted(now.name)}.</>, details: [`Permissions: ${names(now.permissions)}`, `Expires: ${when(now.expires_at)}`, ...("limits" in now ? [`Caps: ${caps(now.limits)}`] : [])] };
    case "access_key_updated":
      return updated(old, now);
    case "access_key_regenerated":
      return { deed: "gave the key a new secret.", details: [text(now.previous_expires_at) ? `The old one worked on until ${when(now.previous_expires_at)} at the latest.` : "The old one was dead at once."] };
    case "access_key_previous_secret_ended":
      return { deed: "ended the previous secret before its time.", details: [] };
    case "access_key_retired_secret_used":
      return { deed: <><strong>Somebody used a secret that is no longer this key's,</strong> {plural(Number(now.count ?? 1), "time")}, and was refused.</>, details: ["A program may still have the old secret, or somebody found it."] };
    case "access_key_expiring":
      return { deed: <>noted that the key expires soon, on {when(now.expires_at)}.</>, details: [] };
    case "access_key_revoked": {
      const why = text(now.revoked_because) as Parameters<typeof because>[0];
      return { deed: `revoked the key for good${why && why !== "owner" && because(why) ? `, ${because(why)}` : ""}.`, details: text(now.reason) ? [<>Reason: {quoted(now.reason)}</>] : [] };
    }
    default:
      return { deed: <>did <code>{e.type}</code>.</>, details: [] };
  }
}

function updated(old: Record<string, unknown>, now: Record<string, unknown>): Told {
  const deeds: string[] = [];
  const details: ReactNode[] = [];
  const say = (deed: string, detail?: ReactNode) => {
    deeds.push(deed);
    if (detail) details.push(detail);
  };
  if ("name" in now) say("renamed the key", <>Name: {quoted(old.name)} → {quoted(now.name)}</>);
  if ("expires_at" in now) say("changed the expiry", `Expires: ${when(old.expires_at)} → ${when(now.expires_at)}`);
  if ("permissions" in now) say("changed the permissions", `Permissions: ${names(old.permissions)} → ${names(now.permissions)}`);
  if ("limits" in now) say("changed the caps", `Caps: ${caps(old.limits)} → ${caps(now.limits)}`);
  if ("disabled_at" in now) say(text(now.disabled_at) ? "disabled the key" : "enabled the key");
  return { deed: `${deeds.length > 0 ? list(deeds) : "changed the key"}.`, details };
}
