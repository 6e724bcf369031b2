import { useQuery } from "@tanstack/react-query";
import type { Schema } from "@latchkey-dev/sdk";
import { useMemo } from "react";
import { useSearchParams } from "react-router";

import { api } from "../api";
import { Chart, type Drawing } from "../ui/chart";
import { SelectField } from "../ui/field";
import { number, plural } from "../ui/format";
import { Docs, Section } from "../ui/page";
import { Shown } from "../ui/states";

type Usage = Schema<"AccessKeyUsage">;
type Counts = Schema<"UsageCounts">;

const refused = (c: Pick<Counts, "denied">) => c.denied.permission + c.denied.quota + c.denied.credits;
const figures: readonly [string, (c: Counts) => number][] = [
  ["Queries", (c) => c.query],
  ["Mutations", (c) => c.mutation],
  ["Refused", refused],
  ["Credits spent", (c) => c.credits],
];
const length = { day: 86_400, hour: 3_600 } as const;

/** What a key was used for: by day or by hour, by class, and what was refused. */
export function UsageOf({ id }: { id: string }) {
  const [params, setParams] = useSearchParams();
  const bucket = params.get("usage") === "hours" ? "hour" : "day";
  const query = useQuery({
    queryKey: ["access-key", id, "usage", bucket],
    queryFn: ({ signal }) => api.accessKeyUsage(id, { bucket }, { signal }),
    refetchInterval: 15_000,
    placeholderData: (before) => before,
  });
  const choose = (value: string) =>
    setParams(
      (p) => {
        if (value === "hour") p.set("usage", "hours");
        else p.delete("usage");
        return p;
      },
      { replace: true, preventScrollReset: true },
    );
  return (
    <Section
      title="Usage"
      lead={
        <>
          Counts are at most two seconds behind. <Docs page="usage/" />
        </>
      }
      actions={
        <SelectField label="Period" value={bucket} onChange={(e) => choose(e.target.value)}>
          <option value="day">30 days, by day</option>
          <option value="hour">48 hours, by hour</option>
        </SelectField>
      }
    >
      <div className="key-usage">
        <Shown query={query} space={7}>
          {(usage) => <Shape usage={usage} />}
        </Shown>
      </div>
    </Section>
  );
}

// Buckets with nothing in them are left out of the answer, and are zero in the chart.
function drawingOf(usage: Usage): Drawing {
  const step = length[usage.bucket];
  const first = Date.parse(usage.from) / 1000;
  const n = Math.max(1, Math.round((Date.parse(usage.to) / 1000 - first) / step));
  const found = new Map(usage.data.map((p) => [Date.parse(p.start) / 1000, p]));
  const times = Array.from({ length: n }, (_, i) => first + i * step);
  const values = (of: (p: Usage["data"][number]) => number) => times.map((t) => (found.has(t) ? of(found.get(t)!) : 0));
  return {
    kind: "bars",
    bucket: usage.bucket,
    times,
    series: [
      { label: "Queries", token: "--query", values: values((p) => p.query) },
      { label: "Mutations", token: "--mutation", values: values((p) => p.mutation) },
      { label: "Refused", token: "--denied", values: values(refused) },
    ],
  };
}

const dayOf = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const hourOf = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

function Shape({ usage }: { usage: Usage }) {
  const drawing = useMemo(() => drawingOf(usage), [usage]);
  const { totals, lifetime } = usage;
  const period = usage.bucket === "day" ? "the last 30 days" : "the last 48 hours";
  const words = `${plural(totals.query, "query", "queries")}, ${plural(totals.mutation, "mutation")} and ${plural(refused(totals), "refusal")} in ${period}.`;
  return (
    <>
      <Chart
        title={`Requests in ${period}`}
        summary={`${words} The table below has the numbers.`}
        drawing={drawing}
        when={(t) => (usage.bucket === "day" ? dayOf : hourOf).format(new Date(t * 1000))}
        value={number}
        note={usage.bucket === "day" ? "Days begin at midnight UTC." : undefined}
      />
      <dl className="key-figures">
        {figures.map(([title, of]) => (
          <div key={title}>
            <dt>{title}</dt>
            <dd>
              {number(of(totals))} <span className="sub">{number(of(lifetime))} in its lifetime</span>
            </dd>
          </div>
        ))}
      </dl>
      {refused(totals) + totals.query + totals.mutation === 0 && <p className="muted">It was not used in {period}.</p>}
      {refused(totals) > 0 && <p className="muted">{why(totals)}</p>}
    </>
  );
}

function why({ denied }: Counts): string {
  const parts = [
    denied.permission > 0 && `${number(denied.permission)} for want of a permission`,
    denied.quota > 0 && `${number(denied.quota)} over a cap or a limit`,
    denied.credits > 0 && `${number(denied.credits)} for want of credits`,
  ].filter(Boolean);
  return `Refused in this period: ${parts.join(", ")}.`;
}
