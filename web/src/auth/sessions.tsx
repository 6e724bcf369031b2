import { useMutation, useQuery } from "@tanstack/react-query";
import { useRef } from "react";

import { api, queries } from "../api";
import { Badge } from "../ui/badge";
import { Button } from "../ui/button";
import { Failure } from "../ui/failure";
import { Page, Section } from "../ui/page";
import { Shown } from "../ui/states";
import { Table, type Column } from "../ui/table";
import { Moment, When } from "../ui/time";
import { notify } from "../ui/toast";
import { EndOthers } from "./end-others";
import { PasswordSection } from "./password";
import { forget, sessions, type Session } from "./session-list";
import { browserOf } from "./user-agent";
import "./sessions.css";

/** Where one is signed in, and the password. */
export default function Sessions() {
  const query = useQuery(sessions);
  const list = useRef<HTMLDivElement>(null);
  // What had the focus is gone with its row.
  const refocus = () => list.current?.focus();
  return (
    <Page title="Sessions & password">
      <Section title="Sessions" lead="Every browser that is signed in to your account. If you do not know one of them, end it and change your password.">
        <div ref={list} tabIndex={-1} className="sessions">
          <Shown query={query} space={3}>
            {(all) => (
              <>
                <Table caption="Sessions" rows={all} id={(s) => s.id} columns={columns(refocus)} />
                {all.length > 1 ? (
                  <EndOthers others={all.filter((s) => !s.current)} onDone={refocus} />
                ) : (
                  <p className="muted">You are signed in here and nowhere else.</p>
                )}
              </>
            )}
          </Shown>
        </div>
      </Section>
      {!query.isPending && <PasswordSection others={(query.data?.length ?? 1) - 1} />}
    </Page>
  );
}

const columns = (onEnd: () => void): Column<Session>[] => [
  {
    title: "Browser",
    cell: (s) => (
      <>
        <strong title={s.user_agent}>{browserOf(s.user_agent)}</strong> {s.current && <Badge tone="good">This session</Badge>}
      </>
    ),
  },
  { title: "Address", cell: (s) => <code>{s.address}</code> },
  { title: "Began", cell: (s) => <When at={s.createdAt} /> },
  { title: "Last seen", cell: (s) => (s.current ? "now" : <When at={s.last_seen_at} />) },
  { title: "Ends", cell: (s) => <Moment at={s.expires_at} /> },
  { title: "Action", cell: (s) => (s.current ? <span className="sub">Ends when you sign out</span> : <End session={s} onEnd={onEnd} />) },
];

function End({ session, onEnd }: { session: Session; onEnd: () => void }) {
  const end = useMutation({
    mutationFn: () => api.sessionDelete(session.id),
    onSuccess: () => {
      forget(session.id);
      notify("The session has ended", `${browserOf(session.user_agent)} is signed out.`);
      onEnd();
      void queries.invalidateQueries({ queryKey: sessions.queryKey });
    },
  });
  return (
    <>
      <Button className="small" busy={end.isPending} onClick={() => end.mutate()} aria-label={`End the session of ${browserOf(session.user_agent)} at ${session.address}`}>
        End
      </Button>
      {end.isError && <Failure error={end.error} />}
    </>
  );
}

