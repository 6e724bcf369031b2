import { useEffect, useRef, type ReactNode } from "react";
import { useLocation } from "react-router";

/** A screen: its title in the window and at its top, where the focus goes when one comes from another screen. */
export function Page({ title, lead, actions, docs, children }: { title: string; lead?: ReactNode; actions?: ReactNode; docs?: string; children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { key } = useLocation();
  useEffect(() => {
    document.title = `${title} · Latchkey`;
  }, [title]);
  const arrived = useRef(key === "default"); // which is the first location: there the focus is the reader's
  useEffect(() => {
    if (!arrived.current) heading.current?.focus({ preventScroll: true });
    arrived.current = true;
  }, []);
  return (
    <div className="page">
      <header className="page-head">
        <div className="page-words">
          <h1 ref={heading} tabIndex={-1}>
            <bdi>{title}</bdi>
          </h1>
          {(lead || docs) && (
            <p className="lead">
              {lead} {docs && <Docs page={docs} />}
            </p>
          )}
        </div>
        {actions && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

/** A link to the documentation of this instance, where a question arises. */
export function Docs({ page, children = "Read more" }: { page: string; children?: ReactNode }) {
  return (
    <a className="docs" href={`/docs/${page}`} target="_blank">
      {children}
    </a>
  );
}

/** A part of a screen under a heading of its own. */
export function Section({ title, lead, actions, children }: { title: string; lead?: ReactNode; actions?: ReactNode; children: ReactNode }) {
  return (
    <section className="section" aria-label={title}>
      <header className="section-head">
        <div>
          <h2>{title}</h2>
          {lead && <p className="lead">{lead}</p>}
        </div>
        {actions}
      </header>
      {children}
    </section>
  );
}
