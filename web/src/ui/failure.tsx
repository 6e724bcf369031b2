import { LatchkeyError } from "@latchkey-dev/sdk";

import { Button } from "./button";
import { duration } from "./format";
import { Docs } from "./page";

/** What went wrong, in a sentence, with the next step, and what finds the request in the service's log. */
export function Failure({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const e = error instanceof LatchkeyError ? error : undefined;
  const fields = e && places(e);
  return (
    <div className="notice bad" role="alert">
      <p>
        <strong>{e ? e.detail : "This page has a fault of its own."}</strong> {e ? e.suggested : "Reload it; if that does not help, tell whoever runs the service."}
      </p>
      {fields}
      {e?.retryAfter !== undefined && <p>It can be tried again in {duration(e.retryAfter * 1000)}.</p>}
      {(e?.traceId || onRetry) && (
        <p className="notice-foot">
          {onRetry && (
            <Button kind="plain" onClick={onRetry}>
              Try again
            </Button>
          )}
          {e?.traceId && (
            <span>
              Trace <code>{e.traceId}</code>
            </span>
          )}
          {e?.code && <Docs page={`errors/${e.code}/`}>About this error</Docs>}
        </p>
      )}
    </div>
  );
}

// Where the service names places or permissions in its metadata, they are told.
function places(e: LatchkeyError) {
  const { problems, permissions, required } = e.metadata as Record<string, unknown>;
  const items = [problems, permissions].flatMap((v) => (Array.isArray(v) ? v : [])).map((v) => (typeof v === "string" ? v : [v?.pointer ?? v?.place, v?.reason ?? v?.detail].filter(Boolean).join(": ")));
  if (typeof required === "string") items.push(required);
  return items.length > 0 ? (
    <ul>
      {items.slice(0, 50).map((item) => (
        <li key={item}>
          <code>{item}</code>
        </li>
      ))}
    </ul>
  ) : undefined;
}

/** For who may not see a page. */
export function Forbidden({ permission }: { permission: string }) {
  return (
    <div className="empty">
      <h2>You may not see this</h2>
      <p>
        It takes the permission <code>{permission}</code>. Ask an administrator for a role that gives it.
      </p>
    </div>
  );
}
