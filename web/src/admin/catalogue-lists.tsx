import { useState, type ReactNode } from "react";

import { Badge } from "../ui/badge";
import { Button } from "../ui/button";
import { number } from "../ui/format";
import { Section as Part } from "../ui/page";
import { Table, type Column } from "../ui/table";
import { nameOf, type Document, type Item, type Resource, type Route, type Section } from "./catalogue-document";
import { about } from "./catalogue-faults";
import type { Draft } from "./use-draft";

const page = 100;

interface Row<T extends Item> {
  item: T;
  index: number;
}

interface Props {
  draft: Draft;
  /** What to look for. */
  search: string;
  onEdit: (section: Section, index: number | undefined) => void;
}

/** The catalogue as people read it. */
export function CatalogueLists(props: Props) {
  return (
    <>
      <List<Resource> {...props} section="resources" title="Resources" noun="resource" lead="Parts of your API that keys and roles are given access to. A path belongs to a resource with all below it." columns={resourceColumns} />
      <List<Route> {...props} section="routes" title="Routes" noun="route" lead="Single methods and paths that do something else than their method says, or cost credits." columns={routeColumns} />
      <List<string> {...props} section="flat" title="Flat permissions" noun="flat permission" lead="Names that your program asks for itself, as CREATE_POST. They open no path." columns={flatColumns} />
    </>
  );
}

const resourceColumns: Column<Row<Resource>>[] = [
  {
    title: "Resource",
    cell: ({ item: r }) => (
      <>
        <bdi className="entry-name">{r.title || r.name}</bdi>
        {r.title && <code className="sub">{r.name}</code>}
      </>
    ),
  },
  { title: "Paths", cell: ({ item: r }) => (r.paths?.length ? <Paths paths={r.paths} /> : <span className="muted">none: asked for by name</span>) },
  {
    title: "Levels",
    cell: ({ item: r }) => (
      <span className="badges">
        {r.access.map((level, i) => (
          <Badge key={`${i} ${level}`}>{level}</Badge>
        ))}
      </span>
    ),
  },
];

function Paths({ paths }: { paths: string[] }) {
  return (
    <ul className="paths">
      {paths.slice(0, 3).map((path, i) => (
        <li key={`${i} ${path}`}>
          <code>{path}</code>
        </li>
      ))}
      {paths.length > 3 && (
        <li className="muted" title={paths.slice(3).join("\n")}>
          and {number(paths.length - 3)} more
        </li>
      )}
    </ul>
  );
}

const routeColumns: Column<Row<Route>>[] = [
  {
    title: "Route",
    cell: ({ item: r }) => (
      <code className="entry-name">
        <span className="method">{r.method}</span> {r.path}
      </code>
    ),
  },
  { title: "Access", cell: ({ item: r }) => (r.access ? <Badge>{r.access}</Badge> : <span className="muted">as the method does</span>) },
  { title: "Credits", end: true, cell: ({ item: r }) => (r.credits ? number(r.credits) : <span className="muted">none</span>) },
];

const flatColumns: Column<Row<string>>[] = [{ title: "Permission", cell: ({ item }) => <code className="entry-name">{item}</code> }];

function fits(item: Item, search: string): boolean {
  const texts = typeof item === "string" ? [item] : "method" in item ? [nameOf(item)] : [item.name, item.title ?? "", ...(item.paths ?? [])];
  return texts.some((t) => t.toLowerCase().includes(search));
}

function List<T extends Item>({ draft, search, onEdit, section, title, noun, lead, columns }: Props & { section: Section; title: string; noun: string; lead: string; columns: Column<Row<T>>[] }) {
  const [most, setMost] = useState(page);
  const all = draft.document[section] as T[];
  const wanted = search.trim().toLowerCase();
  const found = all.map((item, index) => ({ item, index })).filter(({ item }) => wanted === "" || fits(item, wanted));
  const marks = marksOf(draft.base, section);
  const few = all.filter((item) => marks(item)).length <= page;
  // One with a fault is shown wherever it stands, and so is what was just edited.
  const shown = found.filter((row, i) => i < most || about(draft.faults, row.item).length > 0 || (few && marks(row.item)));
  const shownColumns = [named(columns[0]!, draft, marks), ...columns.slice(1), actions<T>(draft, section, onEdit)];
  return (
    <Part title={`${title} (${number(all.length)})`} lead={lead} actions={<Button onClick={() => onEdit(section, undefined)}>Add a {noun}</Button>}>
      {shown.length > 0 && <Table caption={title} rows={shown} id={({ index, item }) => `${index} ${nameOf(item)}`} columns={shownColumns} />}
      {all.length === 0 && <p className="muted">There is none.</p>}
      {all.length > 0 && found.length === 0 && <p className="muted">None of them contains that.</p>}
      {(found.length > shown.length || wanted !== "") && found.length > 0 && (
        <div className="more">
          <p role="status">
            {number(shown.length)} of {number(wanted ? found.length : all.length)} {wanted && "that were found"}
          </p>
          {found.length > shown.length && <Button onClick={() => setMost(most + 2 * page)}>Show more</Button>}
        </div>
      )}
    </Part>
  );
}

// The first column, with what is new and what is wrong.
function named<T extends Item>(column: Column<Row<T>>, draft: Draft, marks: Marks): Column<Row<T>> {
  return {
    ...column,
    cell: (row) => (
      <Named draft={draft} item={row.item} mark={marks(row.item)}>
        {column.cell(row)}
      </Named>
    ),
  };
}

function actions<T extends Item>(draft: Draft, section: Section, onEdit: Props["onEdit"]): Column<Row<T>> {
  return {
    title: "Action",
    end: true,
    cell: ({ item, index }) => (
      <span className="entry-actions">
        <Button className="small" aria-label={`Edit ${nameOf(item)}`} onClick={() => onEdit(section, index)}>
          Edit
        </Button>
        <Button className="small" aria-label={`Remove ${nameOf(item)}`} onClick={(e) => (focusNear(e.currentTarget), draft.put(section, index, undefined))}>
          Remove
        </Button>
      </span>
    ),
  };
}

// The row goes with its button: the focus goes to the button that adds.
function focusNear(button: HTMLElement) {
  button.closest("section")?.querySelector<HTMLElement>(".section-head button")?.focus();
}

type Marks = (item: Item) => "new" | "changed" | undefined;

function marksOf(base: Document, section: Section): Marks {
  const was = new Map((base[section] as Item[]).map((i) => [nameOf(i), JSON.stringify(i)]));
  return (item) => {
    const before = was.get(nameOf(item));
    return before === undefined ? "new" : before === JSON.stringify(item) ? undefined : "changed";
  };
}

function Named({ draft, item, mark, children }: { draft: Draft; item: Item; mark: "new" | "changed" | undefined; children: ReactNode }) {
  return (
    <div className="named">
      <div>
        {children} {mark && <Badge tone="accent">{mark === "new" ? "New" : "Changed"}</Badge>}
      </div>
      {about(draft.faults, item).map((f) => (
        <p key={f.below + f.reason} className="wrong">
          {f.place.includes(", ") && `${f.place.slice(f.place.lastIndexOf(", ") + 2)} `}
          {f.reason}
        </p>
      ))}
    </div>
  );
}
