import { useState, type ReactNode } from "react";

import { api, type AccessKey } from "../api";
import { StatusBadge } from "../ui/badge";
import { Button } from "../ui/button";
import { ConfirmInPlace } from "../ui/confirm";
import { CopyButton } from "../ui/copy";
import { Failure } from "../ui/failure";
import { Section } from "../ui/page";
import { Moment, When } from "../ui/time";
import { notify } from "../ui/toast";
import { fresh } from "./data";
import { because } from "./revoke";

/** What there is to know of a key. */
export function Facts({ shown, onRename, onExpiry }: { shown: AccessKey; onRename?: () => void; onExpiry?: () => void }) {
  return (
    <Section
      title="Facts"
      actions={
        onRename &&
        onExpiry && (
          <div className="row">
            <Button className="small" onClick={onRename}>
              Rename
            </Button>
            <Button className="small" onClick={onExpiry}>
              Change expiry
            </Button>
          </div>
        )
      }
    >
      <dl className="facts">
        <Fact name="Status">
          <StatusBadge status={shown.status} />
        </Fact>
        {shown.deletedAt && (
          <Fact name="Revoked">
            <Both at={shown.deletedAt} />
            {shown.revoked_because && <span className="sub">{because(shown.revoked_because)}</span>}
          </Fact>
        )}
        {shown.incident_id && (
          <Fact name="Incident">
            <code>{shown.incident_id}</code>
          </Fact>
        )}
        <Fact name="Secret begins">
          <code>{shown.hint}</code>
        </Fact>
        <Fact name="Created">
          <Both at={shown.createdAt} />
        </Fact>
        <Fact name="Expires">{shown.expires_at ? <Both at={shown.expires_at} /> : "never"}</Fact>
        <Fact name="Last used">
          {shown.last_used_at ? (
            <>
              <Both at={shown.last_used_at} />
              {shown.last_used_ip && <span className="sub">from {shown.last_used_ip}</span>}
            </>
          ) : (
            "not yet"
          )}
        </Fact>
        <Fact name="Secret made">{shown.rotated_at ? <Both at={shown.rotated_at} /> : "with the key"}</Fact>
        {shown.previous_expires_at && (
          <Fact name="Previous secret">
            <PreviousSecret id={shown.id} until={shown.previous_expires_at} />
          </Fact>
        )}
        <Fact name="Id">
          <span className="fact-id">
            <code>{shown.id}</code> <CopyButton kind="quiet" text={shown.id} label="Copy id" />
          </span>
        </Fact>
      </dl>
    </Section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Both({ at }: { at: string }) {
  return (
    <>
      <Moment at={at} /> <span className="muted">(<When at={at} />)</span>
    </>
  );
}

function PreviousSecret({ id, until }: { id: string; until: string }) {
  const [error, setError] = useState<unknown>();
  return (
    <div className="key-previous">
      <p>
        works as well, until <Moment at={until} />
      </p>
      <ConfirmInPlace
        action="End it now"
        question="End the previous secret now?"
        confirm="End it"
        doing="Ending…"
        onConfirm={async () => {
          setError(undefined);
          try {
            await api.accessKeyPreviousSecretDelete(id);
            notify("The previous secret is ended", "It is refused on every node. The newest one works on.");
          } catch (e) {
            setError(e);
          }
          await fresh(id).catch(() => undefined);
        }}
      >
        <p>Whatever still uses it is refused from then on, on every node. The newest secret works on.</p>
      </ConfirmInPlace>
      {error !== undefined && <Failure error={error} />}
    </div>
  );
}
