import { LatchkeyError } from "@latchkey-dev/sdk";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { Failure, Forbidden } from "./failure";

/** Shows what a query gives, or that it is under way, was refused, or failed. `space` keeps what follows from jumping. */
export function Shown<T>({ query, space = 8, children }: { query: UseQueryResult<T>; space?: number; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) {
    return (
      <>
        {query.isError && !("isFetchNextPageError" in query && query.isFetchNextPageError) && <Failure error={query.error} onRetry={() => void query.refetch()} />}
        {children(query.data)}
      </>
    );
  }
  if (query.isError) {
    const e = query.error as unknown;
    if (e instanceof LatchkeyError && e.code === "permission_denied") return <Forbidden permission={String(e.metadata.required ?? e.metadata.permission ?? "")} />;
    return <Failure error={e} onRetry={() => void query.refetch()} />;
  }
  return <Loading rows={space} />;
}

export function Loading({ rows = 8 }: { rows?: number }) {
  return (
    <div className="loading" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className="bone" />
      ))}
    </div>
  );
}

export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children}
      {action && <div className="empty-action">{action}</div>}
    </div>
  );
}
