import { memo, type ReactNode } from "react";

export interface Column<Row> {
  title: string;
  /** What the service sorts by, where it can. */
  sort?: string;
  /** Numbers stand at the end of their cell. */
  end?: boolean;
  cell: (row: Row) => ReactNode;
}

export interface Sorting {
  by: string;
  order: "asc" | "desc";
}

/** Rows under headings; on a narrow screen each row is a card that names its values. The first column is the row's name. */
export function Table<Row>({ caption, columns, rows, id, sorting, onSort }: {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  id: (row: Row) => string;
  sorting?: Sorting;
  onSort?: (next: Sorting) => void;
}) {
  return (
    <div className="table-box">
      <table className="table">
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr>
            {columns.map((c) => {
              const now = sorting && c.sort === sorting.by ? sorting.order : undefined;
              return (
                <th key={c.title} scope="col" className={c.end ? "end" : ""} aria-sort={now && (now === "asc" ? "ascending" : "descending")}>
                  {c.sort && onSort ? (
                    <button type="button" className="sort" onClick={() => onSort({ by: c.sort!, order: now === "asc" ? "desc" : now === "desc" ? "asc" : c.sort === "name" ? "asc" : "desc" })}>
                      {c.title}
                      <span aria-hidden="true">{now === "asc" ? "↑" : now === "desc" ? "↓" : ""}</span>
                    </button>
                  ) : (
                    c.title
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Line key={id(row)} row={row} columns={columns} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cells<Row>({ row, columns }: { row: Row; columns: Column<Row>[] }) {
  return (
    <tr>
      {columns.map((c, i) =>
        i === 0 ? (
          <th key={c.title} scope="row">
            {c.cell(row)}
          </th>
        ) : (
          <td key={c.title} data-label={c.title} className={c.end ? "end" : ""}>
            {c.cell(row)}
          </td>
        ),
      )}
    </tr>
  );
}

// Where the columns stay the same objects, only the rows that differ are made anew: lists are long.
const Line = memo(Cells) as typeof Cells;
