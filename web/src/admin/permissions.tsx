import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useSearchParams } from "react-router";

import { catalogue as catalogueQuery, type Catalogue } from "../api";
import { Button } from "../ui/button";
import { Actions, Alert } from "../ui/dialog";
import { TextField } from "../ui/field";
import { plural } from "../ui/format";
import { useAtStake } from "../ui/leave";
import { Page } from "../ui/page";
import { Empty, Shown } from "../ui/states";
import { When } from "../ui/time";
import { differences, isEmpty, type Item, type Section } from "./catalogue-document";
import { EntryDialog } from "./catalogue-entry";
import { FaultList } from "./catalogue-fault-list";
import { ImportDialog } from "./catalogue-import";
import { CatalogueLists } from "./catalogue-lists";
import { SaveDialog } from "./catalogue-save";
import { CatalogueText } from "./catalogue-text";
import { useDraft } from "./use-draft";
import "./permissions.css";

/** The permission catalogue: what the API that keys open is made of. */
export default function Permissions() {
  const query = useQuery(catalogueQuery);
  return (
    <Page title="Permissions" lead="The catalogue describes the API that keys open: what access can be given to, and what its requests take." docs="permissions/#the-catalogue">
      <Shown query={query}>{(data) => <CatalogueEditor catalogue={data} />}</Shown>
    </Page>
  );
}

type Open = { kind: "entry"; section: Section; index: number | undefined } | { kind: "import" | "save" | "discard" } | undefined;

function CatalogueEditor({ catalogue }: { catalogue: Catalogue }) {
  const draft = useDraft(catalogue);
  const [params, setParams] = useSearchParams();
  const [open, setOpen] = useState<Open>();
  const [broken, setBroken] = useState(false); // the text
  const [refusal, setRefusal] = useState<unknown>();
  const unsaved = draft.changed || broken;
  const blocker = useAtStake(unsaved, "screen");

  const asText = broken || params.get("view") === "json";
  const search = params.get("q") ?? "";
  const set = (name: string, value: string) =>
    setParams((p) => {
      if (value) p.set(name, value);
      else p.delete(name);
      return p;
    }, { replace: true });
  const close = () => setOpen(undefined);
  const edit = (section: Section, index: number | undefined) => setOpen({ kind: "entry", section, index });
  const entry = open?.kind === "entry" ? open : undefined;
  const item = entry?.index === undefined ? undefined : (draft.document[entry.section] as Item[])[entry.index];

  const dialogs = (
    <>
      {entry && <EntryDialog section={entry.section} item={item} faults={draft.faults} onClose={close} onDone={(next) => (draft.put(entry.section, entry.index, next), close())} />}
      {open?.kind === "import" && <ImportDialog document={draft.document} onClose={close} onTake={draft.replace} />}
      {open?.kind === "save" && <SaveDialog draft={draft} onClose={close} onRefused={setRefusal} />}
      <Question
        open={open?.kind === "discard"}
        title="Discard the draft?"
        words="What you changed is lost. The catalogue stays as the service has it."
        yes="Discard the draft"
        onNo={close}
        onYes={() => {
          setBroken(false);
          draft.discard();
          close();
        }}
      />
      <Question open={blocker.state === "blocked"} title="Leave without saving?" words="The draft of the catalogue is lost when you leave this screen." yes="Leave" onNo={() => blocker.reset?.()} onYes={() => blocker.proceed?.()} />
    </>
  );

  if (isEmpty(draft.document) && !unsaved && !asText) {
    return (
      <>
        <Empty
          title="Nothing is described yet"
          action={
            <span className="empty-ways">
              <Button kind="primary" onClick={() => setOpen({ kind: "import" })}>
                Import from OpenAPI
              </Button>
              <Button onClick={() => edit("resources", undefined)}>Add a resource</Button>
            </span>
          }
        >
          <p>Without a catalogue, keys can be limited to reading, writing and deleting in all of your API. Describe its resources, and keys can be limited to some of them.</p>
          <p>Begin with the OpenAPI document of your API, or add resources by hand. You see what changes before it is saved.</p>
        </Empty>
        {dialogs}
      </>
    );
  }
  return (
    <>
      <div className="catalogue-head">
        <p className="muted">
          Version {draft.base.version}, changed <When at={draft.base.updatedAt} />. <Link to="/admin/audit?type=catalogue_updated">Who changed it</Link>
        </p>
        <div className="page-actions">
          <div role="group" aria-label="View" className="views">
            <Button className="small" aria-pressed={!asText} disabled={broken} onClick={() => set("view", "")}>
              Lists
            </Button>
            <Button className="small" aria-pressed={asText} onClick={() => set("view", "json")}>
              JSON
            </Button>
          </div>
          <Button className="small" disabled={broken} onClick={() => setOpen({ kind: "import" })}>
            Import from OpenAPI
          </Button>
        </div>
      </div>
      {asText ? (
        <CatalogueText key={draft.revision} document={draft.document} faults={draft.faults} refusal={refusal} onChange={draft.change} onBroken={setBroken} />
      ) : (
        <>
          {draft.faults.length > 0 && <FaultList faults={draft.faults} refusal={refusal} onGo={(f) => f.section && edit(f.section, (draft.document[f.section] as Item[]).indexOf(f.item!))} />}
          <TextField label="Find" type="search" className="catalogue-find" value={search} onChange={(e) => set("q", e.target.value)} placeholder="A name, a title or a path" />
          <CatalogueLists key={search} draft={draft} search={search} onEdit={edit} />
        </>
      )}
      {unsaved && (
        <section className="draft-bar" aria-label="Draft">
          <p role="status">{broken ? "The text is no catalogue as it stands." : said(differences(draft.base, draft.document).length)}</p>
          <div className="actions">
            <Button onClick={() => setOpen({ kind: "discard" })}>Discard</Button>
            <Button kind="primary" disabled={broken} onClick={() => setOpen({ kind: "save" })}>
              Review and save
            </Button>
          </div>
        </section>
      )}
      {dialogs}
    </>
  );
}

const said = (changes: number) => (changes === 0 ? "Not saved: another order." : `Not saved: ${plural(changes, "change")}.`);

function Question({ open, title, words, yes, onNo, onYes }: { open: boolean; title: string; words: string; yes: string; onNo: () => void; onYes: () => void }) {
  return (
    <Alert open={open} onClose={onNo} title={title} description={words}>
      <Actions>
        <Button onClick={onNo}>Go on editing</Button>
        <Button kind="danger" onClick={onYes}>
          {yes}
        </Button>
      </Actions>
    </Alert>
  );
}
