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
    { title: "Name", sort: "name", cell: (key) => <Name accessKey={key} /> },
    { title: "Status", cell: (key) => <StatusBadge status={key.status} /> },
    { title: "May", cell: (key) => <May accessKey={key} known={known} /> },
    { title: "Created", sort: "created_at", cell: (key) => <When at={key.createdAt} /> },
    { title: "Expires", sort: "expires_at", cell: (key) => <Expires accessKey={key} /> },
    { title: "Last used", sort: "last_used_at", cell: (key) => <LastUsed accessKey={key} /> },
    { title: "30 days", cell: (key) => <Use accessKey={key} days={days} /> },
  ];
}

function Name({ accessKey: { id, name, hint } }: { accessKey: AccessKey }) {
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

function May({ accessKey: { permissions, effective_permissions, status }, known }: { accessKey: AccessKey; known: Catalogue | undefined }) {
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

function Expires({ accessKey }: { accessKey: AccessKey }) {
  if (!accessKey.expires_at) return <span className="muted">Never</span>;
  const when = <When at={accessKey.expires_at} />;
  return endsSoon(accessKey) ? <Badge tone="warn">{when}</Badge> : when;
}

function LastUsed({ accessKey: { last_used_at, last_used_ip } }: { accessKey: AccessKey }) {
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

function Use({ accessKey, days }: { accessKey: AccessKey; days: Days | "failed" | undefined }) {
  if (days === undefined) return <NoSparkline words="Loading" />;
  if (days === "failed") return <NoSparkline words="What it was used for could not be loaded" />;
  const counts = days.byKey.get(accessKey.id);
  if (accessKey.status === "revoked" || accessKey.status === "revoking") return <NoSparkline words="Not counted here once revoked" />;
  return counts?.some((n) => n > 0) ? <Sparkline counts={counts} from={days.from} /> : <NoSparkline words="No requests in 30 days" />;
}
