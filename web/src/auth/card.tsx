import { useEffect, type ReactNode } from "react";

import { Brand } from "../ui/brand";

/** A screen for who is not signed in. */
export function Card({ title, lead, children }: { title: string; lead?: ReactNode; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Latchkey`;
  }, [title]);
  return (
    <main className="card-page">
      <div className="card">
        <Brand />
        <h1>{title}</h1>
        {lead && <p className="lead">{lead}</p>}
        {children}
      </div>
    </main>
  );
}
