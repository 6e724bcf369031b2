import type { Schema } from "@latchkey-dev/sdk";
import { Link } from "react-router";

import type { AccessKey } from "../api";
import { number, plural } from "../ui/format";
import { When } from "../ui/time";

const named = 5;

/** Names the keys that expire soon. */
export function ExpiringSoon({ keys, more }: { keys: AccessKey[]; more: boolean }) {
  const live = keys.filter((k) => k.status === "active" || k.status === "disabled");
  if (live.length === 0) return null;
  const rest = live.length - named;
  return (
    <aside className="notice warn" aria-label="Keys that expire soon">
      <p>
        <strong>
          {more ? `More than ${plural(live.length, "key")} expire` : live.length === 1 ? "A key expires" : `${plural(live.length, "key")} expire`} within 14 days.
        </strong>{" "}
        {live.length === 1 ? "Give it" : "Give each"} a later expiry, or a successor, before what uses it stops.
      </p>
      <ul>
        {live.slice(0, named).map((k) => (
          <li key={k.id}>
            <Link to={`/settings/access-keys/${k.id}`} className="clamp" title={k.name}>
              <bdi>{k.name}</bdi>
            </Link>{" "}
            <When at={k.expires_at!} />
          </li>
        ))}
        {rest > 0 && (
          <li>
            <Link to="?status=active&sort=expires_at&order=asc">
              {more ? "and more" : `and ${number(rest)} more`}, in the order of their end
            </Link>
          </li>
        )}
      </ul>
    </aside>
  );
}

const windows: Record<Schema<"UsageWindowUnit">, string> = { day: "Today (UTC)", month: "This month (UTC)", life: "So far" };

/** What the account used, and of which limits; nothing where it never did. */
export function UsageLine({ window, query, mutation, credits }: Schema<"AccountUsage">) {
  const limited = query.limit !== undefined || mutation.limit !== undefined;
  if (!limited && credits.balance === 0 && query.used + mutation.used + credits.used === 0) return null;
  return (
    <div className="usage-line">
      <span>{windows[window.unit]}</span>
      <Quota {...query} one="query" other="queries" />
      <Quota {...mutation} one="mutation" other="mutations" />
      {(credits.balance !== 0 || credits.used > 0) && (
        <span>
          {plural(credits.used, "credit")} used, <strong>{number(credits.balance)}</strong> left
        </span>
      )}
    </div>
  );
}

function Quota({ used, limit, one, other }: Schema<"QuotaUse"> & { one: string; other: string }) {
  if (limit === undefined) return <span>{plural(used, one, other)}</span>;
  const words = `${number(used)} of ${plural(limit, one, other)}`;
  return (
    <span className={used >= limit ? "spent" : ""}>
      <meter aria-hidden="true" min={0} max={Math.max(limit, 1)} high={Math.max(limit, 1) * 0.8} optimum={0} value={limit === 0 ? 1 : used} /> {words}
      {used >= limit && ": no more until the window ends"}
    </span>
  );
}
