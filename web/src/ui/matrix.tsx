import { useState } from "react";

import type { Account, Catalogue } from "../api";
import { gives, levels, mayGive, meaning, neverForKeys, opens, type Access } from "../permissions";
import { Choice, TextField } from "./field";

const columns: Record<Access, string> = { read: "Read", write: "Write", delete: "Delete" };
const many = 12; // resources, from which on one searches

interface Row {
  name: string;
  title: string;
  access: readonly string[];
}

/**
 * Permissions to tick: resources by what is done with them, then the flat ones. What the giver does not hold cannot be ticked;
 * what a wider one already gives is ticked by it.
 */
export function Matrix({ catalogue, giver, chosen, onChange, forKey }: {
  catalogue: Catalogue;
  giver: Account;
  chosen: readonly string[];
  onChange: (next: string[]) => void;
  /** For a key, which can be given less than a role. */
  forKey: boolean;
}) {
  const [search, setSearch] = useState("");
  const may = (name: string) => mayGive(giver, name, forKey ? "key" : "role");
  const flip = (name: string) => onChange(chosen.includes(name) ? chosen.filter((c) => c !== name) : [...chosen, name]);
  const resources: Row[] = catalogue.resources.map((r) => ({ ...r, title: r.title || r.name }));
  const wanted = search.trim().toLowerCase();
  const rows = [{ name: "*", title: "Everything", access: levels }, ...resources.filter((r) => `${r.title} ${r.name}`.toLowerCase().includes(wanted))];
  const flats = catalogue.permissions.filter((p) => !p.includes(":") && !(forKey && neverForKeys.includes(p)));
  const shown = new Set([...flats, ...[{ name: "*", access: levels }, ...resources].flatMap((r) => r.access.map((a) => `${r.name}:${a}`))]);
  const strange = chosen.filter((p) => !shown.has(p));
  return (
    <div className="matrix-box">
      {resources.length > many && <TextField type="search" label="Find a resource" value={search} onChange={(e) => setSearch(e.target.value)} onKeyDown={(e) => e.key === "Enter" && e.preventDefault()} />}
      <div className="matrix-scroll" tabIndex={0} role="region" aria-label="Permissions by resource">
        <table className="matrix">
          <caption className="sr-only">Permissions by resource</caption>
          <thead>
            <tr>
              <th scope="col">Resource</th>
              {levels.map((a) => (
                <th key={a} scope="col">
                  {columns[a]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((r) => (
              <tr key={r.name}>
                <th scope="row">
                  <bdi>{r.title}</bdi> {r.name !== "*" && r.title !== r.name && <code className="muted">{r.name}</code>}
                </th>
                {levels.map((a) => (
                  <td key={a}>
                    <Cell row={r} access={a} chosen={chosen} may={may(`${r.name}:${a}`)} onFlip={flip} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length === 1 && resources.length > 0 && <p className="muted">No resource is called that.</p>}
      <div className="flats">
        {flats.map((p) => (
          <Choice
            key={p}
            checked={chosen.includes(p) || gives(chosen, p)}
            disabled={(!chosen.includes(p) && gives(chosen, p)) || (!may(p) && !chosen.includes(p))}
            onChange={() => flip(p)}
            hint={may(p) ? `May ${meaning(p)}.` : "You do not hold this."}
          >
            <code>{p}</code>
          </Choice>
        ))}
        {strange.map((p) => (
          <Choice key={p} checked onChange={() => flip(p)} hint="Not one of the boxes above: a wider permission, or one that the catalogue no longer has.">
            <code>{p}</code>
          </Choice>
        ))}
      </div>
    </div>
  );
}

function Cell({ row, access, chosen, may, onFlip }: { row: Row; access: Access; chosen: readonly string[]; may: boolean; onFlip: (name: string) => void }) {
  if (!row.access.includes(access)) {
    const why = access === "delete" && row.access.includes("write") ? "Who may write it may delete it" : "There is no such level";
    return (
      <span className="muted" title={why}>
        <span aria-hidden="true">–</span>
        <span className="sr-only">{why}</span>
      </span>
    );
  }
  const name = `${row.name}:${access}`;
  const ticked = chosen.includes(name);
  // Where writing is deleting, writing everywhere gives less than writing this.
  const byWider = !ticked && (row.access.includes("delete") ? gives(chosen, name) : opens(chosen, name));
  return (
    <input
      type="checkbox"
      aria-label={`${columns[access]} ${row.title}${may ? "" : " (you do not hold this)"}`}
      title={!may ? `${name}: you do not hold this` : byWider ? `${name}: a wider one gives it` : name}
      checked={ticked || byWider}
      disabled={byWider || (!may && !ticked)}
      onChange={() => onFlip(name)}
    />
  );
}
