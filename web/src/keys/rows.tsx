import { Link } from "react-router";

import type { AccessKey, Catalogue } from "../api";
import { inShort, inWords } from "../permissions";
import { Badge, StatusBadge } from "../ui/badge";
import type { Column } from "../ui/table";
import { When } from "../ui/time";
import { endsSoon, type Days } from "./queries";
import { NoSparkline, Sparkline } from "./sparkline";

/** The columns of the table of own keys. `days` may come later, or not at all: the rest does not wait for it. */
export function columnsOf(known: Catalogue | undefined, days: Days | "failed" | undefined): Column<AccessKey>[] {
  return [
    { title: "Name", sort: "name", cell: (key) => <Name item={key} /> },
    { title: "Status", cell: (key) => <StatusBadge status={key.status} /> },
    { title: "Permissions", cell: (key) => <May item={key} known={known} /> },
    { title: "Created", sort: "created_at", cell: (key) => <When at={key.createdAt} /> },
    { title: "Expires", sort: "expires_at", cell: (key) => <Expires item={key} /> },
    { title: "Last used", sort: "last_used_at", cell: (key) => <LastUsed item={key} /> },
    { title: "Last 30 days", cell: (key) => <Use item={key} days={days} /> },
  ];
}

function Name({ item: { id, name, hint } }: { item: AccessKey }) {
  return (
    <span className="key-name">
      <Link to={`/settings/access-keys/${id}`} className="clamp" title={name}>
        <bdi>{name}</bdi>
      </Link>
      <code className="sub" title="The public beginning of its secret">
        {hint}
      </code>
    </span>
  );
}

function May({ item: { permissions, effective_permissions, status }, known }: { item: AccessKey; known: Catalogue | undefined }) {
  const full = known && `May ${inWords(permissions ?? null, known)}.`;
  return (
    <span className="key-may">
      <span className="clamp" title={full}>
        {inShort(permissions, known)}
      </span>
      {status === "active" && effective_permissions.length === 0 && <span className="sub">Nothing now: you hold none of it</span>}
    </span>
  );
}

function Expires({ item }: { item: AccessKey }) {
  if (!item.expires_at) return <span className="muted">Never</span>;
  const when = <When at={item.expires_at} />;
  return endsSoon(item) ? <Badge tone="warn">{when}</Badge> : when;
}

function LastUsed({ item: { last_used_at, last_used_ip } }: { item: AccessKey }) {
  if (!last_used_at) return <span className="muted">Never</span>;
  return (
    <span className="key-used">
      <When at={last_used_at} />
      {last_used_ip && (
        <code className="sub" title="The last address that it was used from">
          {last_used_ip}
        </code>
      )}
    </span>
  );
}

function Use({ item, days }: { item: AccessKey; days: Days | "failed" | undefined }) {
  if (days === undefined) return <NoSparkline words="Loading" />;
  if (days === "failed") return <NoSparkline words="What it was used for could not be loaded" />;
  const counts = days.byKey.get(item.id);
  if (item.status === "revoked" || item.status === "revoking") return <NoSparkline words="Not counted here once revoked" />;
  return counts?.some((n) => n > 0) ? <Sparkline counts={counts} from={days.from} /> : <NoSparkline words="No requests in 30 days" />;
}
