import type { Account, Catalogue } from "../api";
import { gives, levels, mayGive, meaning, neverForKeys, type Access } from "../permissions";
import { Choice } from "./field";

const columns: Record<Access, string> = { read: "Read", write: "Write", delete: "Delete" };

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
  const flip = (name: string) => onChange(chosen.includes(name) ? chosen.filter((c) => c !== name) : [...chosen, name]);
  const cell = (resource: string, label: string, access: Access, known: boolean) => {
    if (!known) return <span className="muted" title={`${label} has no such level`}>–</span>;
    const name = `${resource}:${access}`;
    const byWider = !chosen.includes(name) && gives(chosen, name);
    const may = mayGive(giver, name);
    return (
      <input
        type="checkbox"
        aria-label={`${columns[access]} ${label}`}
        title={may ? name : `${name}: you do not hold this`}
        checked={chosen.includes(name) || byWider}
        disabled={byWider || (!may && !chosen.includes(name))}
        onChange={() => flip(name)}
      />
    );
  };
  const rows = [{ name: "*", title: "Everything", access: levels as readonly string[] }, ...catalogue.resources.map((r) => ({ ...r, title: r.title ?? r.name }))];
  const flats = catalogue.permissions.filter((p) => !p.includes(":") && !(forKey && neverForKeys.includes(p)));
  const known = new Set(catalogue.permissions);
  const strange = chosen.filter((p) => !known.has(p));
  return (
    <div className="matrix-box">
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
                <td key={a}>{cell(r.name, r.title, a, r.access.includes(a))}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <div className="flats">
        {flats.map((p) => (
          <Choice
            key={p}
            checked={chosen.includes(p) || gives(chosen, p)}
            disabled={(!chosen.includes(p) && gives(chosen, p)) || (!mayGive(giver, p) && !chosen.includes(p))}
            onChange={() => flip(p)}
            hint={mayGive(giver, p) ? `May ${meaning(p)}.` : "You do not hold this."}
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
