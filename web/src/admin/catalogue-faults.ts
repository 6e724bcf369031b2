// Faults of a document, tied to the entries that they are about, so that they stay with them while others change.
import { nameOf, type Document, type Fault, type Item, type Section } from "./catalogue-document";

export interface Placed {
  /** In words, as "Resource media, path 2". */
  place: string;
  reason: string;
  section?: Section;
  item?: Item;
  /** The pointer below the entry, as "/paths/1". */
  below: string;
}

const nouns: Record<Section, string> = { resources: "Resource", routes: "Route", flat: "Flat permission" };
const pattern = /\/(resources|routes|flat)\/(\d+)((?:\/\w+)*)/;

/** Ties faults to the entries of the document that was judged. */
export function placed(faults: Fault[], document: Document): Placed[] {
  return faults.map(({ pointer, reason }) => {
    const [whole, section, index, below] = pattern.exec(pointer) ?? [];
    const item = section && (document[section as Section] as Item[])[Number(index)];
    const told = reason.replace(new RegExp(pattern, "g"), (place) => inWords(place, document));
    return whole && item !== undefined ? { place: inWords(pointer, document), reason: told, section: section as Section, item, below: below! } : { place: pointer || "The document", reason: told, below: "" };
  });
}

/** Those whose entry is still as it was judged. */
export function standing(faults: Placed[], document: Document): Placed[] {
  return faults.filter((f) => !f.section || (document[f.section] as Item[]).includes(f.item!));
}

export const about = (faults: Placed[], item: Item) => faults.filter((f) => f.item === item);

/** Where a fault is now. */
export function pointerOf(fault: Placed, document: Document): string {
  return fault.section ? `/${fault.section}/${(document[fault.section] as Item[]).indexOf(fault.item!)}${fault.below}` : "";
}

function inWords(pointer: string, document: Document): string {
  const [, section, index, below] = pattern.exec(pointer) ?? [];
  const item = section && (document[section as Section] as Item[])[Number(index)];
  if (item === undefined || !section) return pointer;
  const [, member, at] = /^\/(\w+)(?:\/(\d+))?/.exec(below!) ?? [];
  const noun = `${nouns[section as Section]} ${nameOf(item as Item) || `number ${Number(index) + 1}`}`;
  if (!member) return noun;
  return `${noun}, ${at === undefined ? member : `${member === "paths" ? "path" : member} ${Number(at) + 1}`}`;
}
