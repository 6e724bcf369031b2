import { Badge } from "../ui/badge";
import { list, number, plural } from "../ui/format";
import type { Difference } from "./catalogue-document";

const kinds = { added: ["good", "Added"], removed: ["bad", "Removed"], changed: ["accent", "Changed"] } as const;
const nouns = { resources: ["resource", "resources"], routes: ["route", "routes"], flat: ["flat permission", "flat permissions"] } as const;

/** What changes, counted in a sentence and then one by one. */
export function Differences({ of: found, label }: { of: Difference[]; label: string }) {
  if (found.length === 0) return <p>Nothing but the order.</p>;
  return (
    <div className="differences">
      <p>{counted(found)}</p>
      {/* It scrolls, so it must be reachable with keys. */}
      <ul tabIndex={0} aria-label={label}>
        {found.slice(0, 500).map((d) => (
          <li key={`${d.section} ${d.kind} ${d.name}`}>
            <Badge tone={kinds[d.kind][0]}>{kinds[d.kind][1]}</Badge>
            <div>
              {nouns[d.section][0]} <code>{d.name}</code>
              {d.facts.map((f) => (
                <span key={f} className="sub">
                  {f}
                </span>
              ))}
            </div>
          </li>
        ))}
        {found.length > 500 && <li>and {number(found.length - 500)} more</li>}
      </ul>
    </div>
  );
}

/** "2 resources added, 1 route removed". */
export function counted(found: Difference[]): string {
  const counts = (["resources", "routes", "flat"] as const).flatMap((section) =>
    (["added", "removed", "changed"] as const).flatMap((kind) => {
      const n = found.filter((d) => d.section === section && d.kind === kind).length;
      return n > 0 ? `${plural(n, nouns[section][0], nouns[section][1])} ${kind}` : [];
    }),
  );
  return `${list(counts)}.`;
}
