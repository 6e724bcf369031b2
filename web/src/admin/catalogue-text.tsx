import { useRef, useState } from "react";

import { TextArea } from "../ui/field";
import { readDocument, textOf, type Document } from "./catalogue-document";
import { pointerOf, type Placed } from "./catalogue-faults";
import { FaultList } from "./catalogue-fault-list";
import { lineOf, placeOf } from "./json-place";

interface Props {
  document: Document;
  faults: Placed[];
  /** What the service said of the faults. */
  refusal: unknown;
  onChange: (document: Document) => void;
  /** Whether the text cannot be taken as it is. */
  onBroken: (broken: boolean) => void;
}

/** The draft as one JSON text. What is no document stays in the field and does not become the draft. */
export function CatalogueText({ document, faults, refusal, onChange, onBroken }: Props) {
  const [text, setText] = useState(() => textOf(document));
  const [fault, setFault] = useState<string>();
  const field = useRef<HTMLDivElement>(null);

  const take = (next: string) => {
    setText(next);
    const read = readText(next);
    setFault("fault" in read ? read.fault : undefined);
    onBroken("fault" in read);
    if ("document" in read) onChange(read.document);
  };
  const go = (index: number) => {
    const area = field.current?.querySelector("textarea");
    if (!area) return;
    area.focus();
    const end = text.indexOf("\n", index);
    area.setSelectionRange(index, end < 0 ? text.length : end);
    area.scrollTop = Math.max(0, (area.scrollHeight / text.split("\n").length) * (lineOf(text, index) - 4));
  };
  const where = (f: Placed) => placeOf(text, pointerOf(f, document));
  return (
    <div ref={field} className="catalogue-text">
      {faults.length > 0 && fault === undefined && <FaultList faults={faults} refusal={refusal} place={(f) => `Line ${lineOf(text, where(f))}`} onGo={(f) => go(where(f))} />}
      <TextArea label="The catalogue as JSON" className="mono-input" rows={26} spellCheck={false} autoCapitalize="none" autoComplete="off" dir="ltr" value={text} onChange={(e) => take(e.target.value)} hint="The document that PUT /api/permissions takes. It is the same draft as the lists." error={fault} />
    </div>
  );
}

function readText(text: string): { document: Document } | { fault: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (e) {
    return { fault: `This is no JSON as it stands, and the draft is what it was before: ${(e as Error).message}.` };
  }
  const read = readDocument(value);
  if ("document" in read) return read;
  const { pointer, reason } = read.fault;
  return { fault: `The draft is what it was before. Line ${lineOf(text, placeOf(text, pointer))}: ${pointer || "the document"} ${reason}.` };
}
