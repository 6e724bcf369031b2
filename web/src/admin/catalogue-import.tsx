import { useMutation } from "@tanstack/react-query";
import { useState } from "react";

import { Button } from "../ui/button";
import { Actions, Dialog } from "../ui/dialog";
import { Failure } from "../ui/failure";
import { Choice, Fieldset, TextArea, TextField } from "../ui/field";
import { number, plural } from "../ui/format";
import { isEmpty, nameOf, routeName, type Document, type Item } from "./catalogue-document";
import { NoOpenAPI, proposeFrom, type Proposal } from "./openapi";

const largest = 20 * 1024 * 1024;

/** Proposes a catalogue for an OpenAPI document, shows what it guessed, and takes it into the draft. The document stays in the browser. */
export function ImportDialog({ document, onTake, onClose }: { document: Document; onTake: (document: Document) => void; onClose: () => void }) {
  const [file, setFile] = useState<File>();
  const [text, setText] = useState("");
  const [add, setAdd] = useState(false);
  const read = useMutation({
    mutationFn: async () => {
      if (file && file.size > largest) throw new NoOpenAPI("This file is larger than 20 MiB. Use latchkey catalogue import instead.");
      return proposeFrom(file ? await file.text() : text);
    },
  });
  const take = (p: Proposal) => {
    onTake(add ? { resources: joined(document.resources, p.document.resources), routes: joined(document.routes, p.document.routes), flat: document.flat } : { ...p.document, flat: document.flat });
    onClose();
  };
  return (
    <Dialog open wide dismissible={false} onClose={onClose} title="Import from OpenAPI" description="Proposes a catalogue for an OpenAPI 3 document, as latchkey catalogue import does. The document is read in this browser and sent nowhere.">
      {read.data ? (
        <>
          <Proposed proposal={read.data} />
          {!isEmpty(document) && (
            <Fieldset legend="What becomes of the resources and routes that there are">
              <Choice type="radio" name="how" checked={!add} onChange={() => setAdd(false)} hint="Flat permissions stay as they are.">
                These take their place
              </Choice>
              <Choice type="radio" name="how" checked={add} onChange={() => setAdd(true)} hint="What is there stays as it is, and only names and routes that are new are added.">
                These are added to them
              </Choice>
            </Fieldset>
          )}
          <Actions>
            <Button onClick={() => read.reset()}>Choose another document</Button>
            <Button kind="primary" onClick={() => take(read.data)}>
              Take it into the draft
            </Button>
          </Actions>
        </>
      ) : (
        <form
          className="form"
          onSubmit={(e) => {
            e.preventDefault();
            if (!read.isPending) read.mutate();
          }}
        >
          <TextField label="File" type="file" accept=".json,.yaml,.yml,application/json,application/yaml" onChange={(e) => (setFile(e.target.files?.[0]), read.reset())} hint="JSON or YAML." />
          <TextArea label="Or the text itself" className="mono-input" rows={8} spellCheck={false} autoComplete="off" dir="ltr" disabled={file !== undefined} value={text} onChange={(e) => (setText(e.target.value), read.reset())} />
          {read.error instanceof NoOpenAPI ? (
            <p className="wrong" role="alert">
              {read.error.message}
            </p>
          ) : (
            read.isError && <Failure error={read.error} />
          )}
          <Actions>
            <Button onClick={onClose}>Cancel</Button>
            <Button type="submit" kind="primary" busy={read.isPending} disabled={!file && text.trim() === ""}>
              Read the document
            </Button>
          </Actions>
        </form>
      )}
    </Dialog>
  );
}

function joined<T extends Item>(there: T[], more: T[]): T[] {
  const names = new Set(there.map(nameOf));
  return [...there, ...more.filter((i) => !names.has(nameOf(i)))];
}

function Proposed({ proposal: { document, base, left, operations } }: { proposal: Proposal }) {
  return (
    <div className="proposed">
      <p role="status">
        <strong>
          {plural(document.resources.length, "resource")} and {plural(document.routes.length, "route")}
        </strong>{" "}
        for {plural(operations, "operation")}.
      </p>
      {base && (
        <p>
          Every path begins with <code>{base}</code>, as the document's server has it. Write the paths as your gateway sees them.
        </p>
      )}
      {document.routes.length > 0 && (
        <div className="notice warn">
          <p>
            <strong>Guesses: by their names, these POSTs only read.</strong> Remove each one that changes something: it would be open to every key that reads.
          </p>
          <Lines label="Guessed routes" lines={document.routes.map(routeName)} />
        </div>
      )}
      {left.length > 0 && (
        <div className="notice">
          <p>
            <strong>Of no resource:</strong> only keys for all resources (*) open these.
          </p>
          <Lines label="Of no resource" lines={left} />
        </div>
      )}
    </div>
  );
}

function Lines({ lines, label }: { lines: string[]; label: string }) {
  return (
    <ul tabIndex={0} aria-label={label}>
      {lines.slice(0, 200).map((line) => (
        <li key={line}>
          <code>{line}</code>
        </li>
      ))}
      {lines.length > 200 && <li>and {number(lines.length - 200)} more</li>}
    </ul>
  );
}
