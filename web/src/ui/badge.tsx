import type { ReactNode } from "react";

import type { AccessKeyStatus } from "../api";

export function Badge({ tone = "neutral", children, title }: { tone?: "neutral" | "good" | "warn" | "bad" | "accent"; children: ReactNode; title?: string }) {
  return (
    <span className={`badge ${tone}`} title={title}>
      {children}
    </span>
  );
}

const statuses: Record<AccessKeyStatus, [tone: "good" | "neutral" | "warn" | "bad", words: string]> = {
  active: ["good", "Active"],
  disabled: ["neutral", "Disabled"],
  expired: ["warn", "Expired"],
  revoking: ["bad", "Revoking…"],
  revoked: ["bad", "Revoked"],
};

export function StatusBadge({ status }: { status: AccessKeyStatus }) {
  const [tone, words] = statuses[status];
  return <Badge tone={tone}>{words}</Badge>;
}
