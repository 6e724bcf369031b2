import { LatchkeyError, type Schema } from "@latchkey-dev/sdk";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { api } from "../api";
import { Badge } from "../ui/badge";
import { Button } from "../ui/button";
import { Chart, type Drawing } from "../ui/chart";
import { duration, moment, number, plural } from "../ui/format";
import { Docs, Page, Section } from "../ui/page";
import { Shown } from "../ui/states";
import { Table, type Column } from "../ui/table";
import "./health.css";

type InstanceHealth = Schema<"InstanceHealth">;
type Node = Schema<"ClusterNode">;

const every = 2000;

export default function Health() {
  const query = useQuery({
    queryKey: ["health"],
    queryFn: ({ signal }) => api.instanceHealthGet({ signal }),
    refetchInterval: every, // only while the page is in sight
    staleTime: 0,
    retry: false, // it is asked again anyway
  });
  return (
    <Page title="Health" lead="How fresh the memory of each instance is, and how long revocations take to hold on all of them. Renewed every two seconds." docs="revocation/">
      {query.data ? (
        <>
          {query.isError && <Old since={query.dataUpdatedAt} error={query.error} onRetry={() => void query.refetch()} />}
          <Verdict health={query.data} old={query.isError} />
          <Parts health={query.data} />
        </>
      ) : (
        <Shown query={query} space={14}>
          {() => null}
        </Shown>
      )}
    </Page>
  );
}

// Said once and not again with each attempt: only the trace changes, and that is not announced.
function Old({ since, error, onRetry }: { since: number; error: unknown; onRetry: () => void }) {
  const e = error instanceof LatchkeyError ? error : undefined;
  return (
    <div className="notice bad">
      <p role="alert">
        <strong>These numbers are old: they are of {moment(new Date(since))}.</strong> {e?.detail} It is tried again every two seconds.
      </p>
      <p className="notice-foot">
        <Button onClick={onRetry}>Try now</Button>
        {e?.traceId && (
          <span aria-live="off">
            Trace <code>{e.traceId}</code>
          </span>
        )}
      </p>
    </div>
  );
}

// A node is late once its lease must have ended without a renewal. Of one that was not seen yet nobody knows.
const isLate = (n: Node, length: number | undefined) => n.renewed_ms !== undefined && length !== undefined && n.renewed_ms >= length;
const hasLapsed = ({ lease }: InstanceHealth) => !lease || lease.age_ms >= lease.length_ms;

function faultsOf(h: InstanceHealth): string[] {
  const faults: string[] = [];
  if (!h.lease) faults.push("This instance has no lease: it answers no verification until it has synced with the database.");
  else if (hasLapsed(h)) faults.push(`The lease of this instance has lapsed: it was last confirmed ${duration(h.lease.age_ms)} ago and holds for ${duration(h.lease.length_ms)}. It answers no verification until it has synced.`);
  const late = h.nodes.filter((n) => n.id !== h.node && isLate(n, h.lease?.length_ms));
  if (late.length > 0) faults.push(`${plural(late.length, "other instance has", "other instances have")} not renewed in time: revocations wait until its lease is sure to have ended, and it is removed after ten leases.`);
  if (!h.database.durable) faults.push("The database does not keep for sure what it confirms: a revocation can be lost in a crash.");
  if (!h.nodes.some((n) => n.id === h.node)) faults.push("This instance is not among those that revocations wait for, so it answers no verification.");
  return faults;
}

/** Whether all is well, in a sentence. */
function Verdict({ health, old }: { health: InstanceHealth; old: boolean }) {
  const faults = faultsOf(health);
  if (faults.length > 0) {
    return (
      <div className="notice bad" role="alert">
        <p>
          <strong>Not all is well.</strong>
        </p>
        <ul>
          {faults.map((f) => (
            <li key={f}>{f}</li>
          ))}
        </ul>
        <p>
          <Docs page="operations/">What to do about it</Docs>
        </p>
      </div>
    );
  }
  if (old) return null; // what was well may not be
  return (
    <p className="notice good">
      <span>
        <strong>All is well.</strong> {plural(health.nodes.length, "instance")} {health.nodes.length === 1 ? "answers" : "answer"} from fresh memory
        {health.revocations.pending > 0 ? `; ${plural(health.revocations.pending, "revocation is", "revocations are")} under way.` : ", and no revocation is under way."}
      </span>
    </p>
  );
}

function Parts({ health: h }: { health: InstanceHealth }) {
  return (
    <>
      <div className="columns">
        <Section title="This instance">
          <dl className="facts">
            <dt>Name</dt>
            <dd>
              <code>{h.node}</code>
              <span className="sub">new at every start</span>
            </dd>
            <dt>Version</dt>
            <dd>{h.version}</dd>
            <dt>Lease</dt>
            <dd>
              <Lease health={h} />
            </dd>
          </dl>
        </Section>
        <Section title="Database">
          <dl className="facts">
            <dt>PostgreSQL</dt>
            <dd>{h.database.version}</dd>
            <dt>Durability</dt>
            <dd>
              {h.database.durable ? (
                <>
                  <Badge tone="good">Durable</Badge> A confirmed revocation survives a crash{h.database.findings.length === 0 && " and a failover"}.
                </>
              ) : (
                <>
                  <Badge tone="bad">Not durable</Badge> A confirmed revocation may be lost in a crash.
                </>
              )}
            </dd>
          </dl>
          {h.database.findings.length > 0 && (
            <div className={`notice ${h.database.durable ? "warn" : "bad"}`}>
              <p>{h.database.durable ? "To know:" : "To change:"}</p>
              <ul>
                {h.database.findings.map((f) => (
                  <li key={f}>{f}</li>
                ))}
              </ul>
            </div>
          )}
        </Section>
      </div>
      <Nodes health={h} />
      <Revocations health={h} />
      <Section title="Metrics" lead="These and more are metrics for Prometheus, on a listener of their own.">
        <p>
          Every instance serves <code>/metrics</code> at <code>LATCHKEY_METRICS_LISTEN</code>; alert on <code>latchkey_lease_age_seconds</code> above the length of the lease
          and on <code>latchkey_revocation_violation_total</code> above 0. <Docs page="operations/">Operations</Docs>{" "}
          <Docs page="revocation/#what-to-watch">What to watch</Docs>
        </p>
      </Section>
    </>
  );
}

function Lease({ health: { lease, ...h } }: { health: InstanceHealth }) {
  if (!lease) return <Badge tone="bad">None</Badge>;
  const lapsed = hasLapsed({ lease, ...h });
  return (
    <div className="lease">
      <span>
        {duration(lease.age_ms)} old of {duration(lease.length_ms)} {lapsed && <Badge tone="bad">Lapsed</Badge>}
      </span>
      <meter aria-label="Age of the lease" min={0} max={lease.length_ms} low={lease.length_ms * 0.6} high={lease.length_ms * 0.9} optimum={0} value={Math.min(lease.age_ms, lease.length_ms)}>
        {duration(lease.age_ms)}
      </meter>
    </div>
  );
}

const state = (n: Node, length: number | undefined) => {
  if (n.renewed_ms === undefined) return <Badge tone="warn">Not seen yet</Badge>;
  return isLate(n, length) ? <Badge tone="bad">Late</Badge> : <Badge tone="good">Fresh</Badge>;
};

const columns = (h: InstanceHealth): Column<Node>[] => [
  {
    title: "Name",
    cell: (n) => (
      <>
        <code>{n.id}</code> {n.id === h.node && <Badge tone="accent">this one</Badge>}
      </>
    ),
  },
  { title: "State", cell: (n) => state(n, h.lease?.length_ms) },
  { title: "Last renewal", end: true, cell: (n) => (n.renewed_ms === undefined ? "not seen" : `${duration(n.renewed_ms)} ago`) },
  { title: "Changes behind", end: true, cell: (n) => number(n.behind) },
];

function Nodes({ health: h }: { health: InstanceHealth }) {
  return (
    <Section title="Instances" lead="Those that revocations wait for.">
      {h.nodes.length === 0 ? <p>No instance is registered: nothing answers verifications.</p> : <Table caption="Instances" rows={h.nodes} id={(n) => n.id} columns={columns(h)} />}
    </Section>
  );
}

const at = (of: number[], share: number) => of[Math.min(of.length - 1, Math.floor(of.length * share))] ?? 0;

function Revocations({ health: { revocations } }: { health: InstanceHealth }) {
  const { pending, recent } = revocations;
  // While there are no others, recent stays the same array, and nothing is drawn anew.
  const drawing = useMemo<Drawing>(() => {
    const old = recent.toReversed();
    return { kind: "points", times: old.map((w) => Date.parse(w.at) / 1000), series: [{ label: "Wait", token: "--accent", values: old.map((w) => w.wait_ms) }] };
  }, [recent]);
  const sorted = recent.map((w) => w.wait_ms).sort((a, b) => a - b);
  const median = duration(at(sorted, 0.5));
  const slowest = duration(at(sorted, 1));
  return (
    <Section title="Revocations" lead="How long the last 200 took to hold on every instance, from when each was made.">
      <dl className="figures">
        <div>
          <dt>Under way</dt>
          <dd className={pending > 0 ? "warn" : ""}>{number(pending)}</dd>
        </div>
        <div>
          <dt>Median</dt>
          <dd>{recent.length > 0 ? median : "–"}</dd>
        </div>
        <div>
          <dt>99 of 100 within</dt>
          <dd>{recent.length > 0 ? duration(at(sorted, 0.99)) : "–"}</dd>
        </div>
        <div>
          <dt>Slowest</dt>
          <dd>{recent.length > 0 ? slowest : "–"}</dd>
        </div>
      </dl>
      {recent.length === 0 ? (
        <p className="muted">No key has been revoked yet.</p>
      ) : (
        <Chart
          title="Waits of the last revocations"
          summary={`${plural(recent.length, "revocation")}; half of them held everywhere within ${median}, the slowest within ${slowest}. The table below has the numbers.`}
          drawing={drawing}
          when={(t) => moment(new Date(t * 1000))}
          value={duration}
          note="Each point is one revocation, the newest at the right. The scale grows by powers of ten."
        />
      )}
    </Section>
  );
}
