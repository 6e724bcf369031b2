import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";

import { catalogue, holds, type Account } from "../api";
import { useMe } from "../session";
import { Badge } from "../ui/badge";
import { LinkButton } from "../ui/button";
import { CopyButton } from "../ui/copy";
import { Page, Section } from "../ui/page";
import { Shown } from "../ui/states";
import { Moment, When } from "../ui/time";
import "./admin.css";
import { Credits } from "./credits";
import { PasswordReset } from "./password-reset";
import { accountOf } from "./queries";
import { RolesOf } from "./roles-of";
import { Suspension } from "./suspension";
import { Usage } from "./usage";
import { roleInWords } from "./words";

/** One account: what it may do, what its keys use, and what can be done about it. */
export default function AccountDetail() {
  const { id = "" } = useParams();
  return <Detail key={id} id={id} />;
}

function Detail({ id }: { id: string }) {
  const me = useMe();
  const query = useQuery(accountOf(id));
  return (
    <Page
      title={query.data?.name ?? "Account"}
      lead={
        query.data && (
          <>
            {query.data.handle}, joined <When at={query.data.joined} />
          </>
        )
      }
      actions={holds(me, "ADMINISTRATOR") && query.data && <LinkButton to={`/admin/access-keys?account=${id}`}>Show its keys</LinkButton>}
    >
      <Shown query={query} space={12}>
        {(account) => (
          <>
            <Facts account={account} own={account.id === me.id} />
            <Section title="Roles" lead="What is taken away counts at once: for the account and for all its keys.">
              <RolesOf account={account} />
            </Section>
            <Usage account={account} />
            <Credits account={account} />
            <PasswordReset account={account} />
            <Suspension account={account} />
          </>
        )}
      </Shown>
    </Page>
  );
}

function Facts({ account, own }: { account: Account; own: boolean }) {
  const { data: known } = useQuery(catalogue);
  return (
    <Section title="Facts">
      <dl className="facts">
        <dt>Status</dt>
        <dd className="badges">
          {account.suspended ? (
            <>
              <Badge tone="warn">Suspended</Badge>
              <span>
                since <Moment at={account.suspended} />
              </span>
            </>
          ) : (
            <Badge tone="good">Active</Badge>
          )}
          {own && <Badge tone="accent">Your own account</Badge>}
        </dd>
        <dt>Handle</dt>
        <dd>{account.handle}</dd>
        <dt>May</dt>
        <dd>{known ? roleInWords(account, known) : account.permissions.join(", ")}</dd>
        <dt>Joined</dt>
        <dd>
          <Moment at={account.joined} />
        </dd>
        <dt>Id</dt>
        <dd className="incident">
          <code>{account.id}</code> <CopyButton kind="quiet" text={account.id} label="Copy" />
        </dd>
      </dl>
    </Section>
  );
}
