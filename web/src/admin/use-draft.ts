import { useMemo, useState } from "react";

import type { Catalogue } from "../api";
import { placed, standing, type Placed } from "./catalogue-faults";
import { same, share, type Document, type Fault, type Item, type Section } from "./catalogue-document";

export interface Draft {
  /** What was read from the service and is being changed. */
  base: Catalogue;
  document: Document;
  changed: boolean;
  /** Rises where the document changes otherwise than by typing. */
  revision: number;
  faults: Placed[];
  /** Says what becomes of the document. */
  change: (next: Document) => void;
  /** The same from elsewhere than the text, which then shows it anew. */
  replace: (next: Document) => void;
  /** Puts an entry in the place of another one, or at the end; without an entry, takes it out. */
  put: (section: Section, index: number | undefined, item: Item | undefined) => void;
  /** Goes on from another version of the service. */
  rebase: (base: Catalogue, document: Document) => void;
  discard: () => void;
  /** Faults that the service has found in the document as it is. */
  blame: (faults: Fault[]) => void;
}

/** A draft of the catalogue: nothing until something is changed, then a document on top of the version that it began with. */
export function useDraft(catalogue: Catalogue): Draft {
  const [begun, setBegun] = useState<{ base: Catalogue; document: Document }>();
  const [faults, setFaults] = useState<Placed[]>([]);
  const [revision, setRevision] = useState(0);
  const base = begun?.base ?? catalogue;
  const original = useMemo<Document>(() => ({ resources: base.resources, routes: base.routes, flat: base.flat }), [base]);
  const document = begun?.document ?? original;

  const change = (next: Document) => setBegun(same(next, original) ? undefined : { base, document: share(document, next) });
  const replace = (next: Document) => {
    change(next);
    setRevision((n) => n + 1);
  };
  return {
    base,
    document,
    changed: begun !== undefined,
    revision,
    faults: standing(faults, document),
    change,
    replace,
    put: (section, index, item) => {
      const list: Item[] = [...document[section]];
      if (index === undefined) list.push(item!);
      else list.splice(index, 1, ...(item === undefined ? [] : [item]));
      replace({ ...document, [section]: list });
    },
    rebase: (base, next) => {
      setBegun({ base, document: next });
      setFaults([]);
      setRevision((n) => n + 1);
    },
    discard: () => {
      setBegun(undefined);
      setFaults([]);
      setRevision((n) => n + 1);
    },
    blame: (found) => setFaults(placed(found, document)),
  };
}
