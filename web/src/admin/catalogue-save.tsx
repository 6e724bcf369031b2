import { LatchkeyError } from "@latchkey-dev/sdk";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";

import { api, catalogue as catalogueQuery, queries, type Catalogue } from "../api";
import { Button } from "../ui/button";
import { Actions, Dialog } from "../ui/dialog";
import { Failure } from "../ui/failure";
import { plural } from "../ui/format";
import { notify } from "../ui/toast";
import { Differences } from "./catalogue-differences";
import { differences, faultsOf, lost, merge, normal } from "./catalogue-document";
import type { Draft } from "./use-draft";

/** Says what saving the draft changes, and saves it. */
export function SaveDialog({ draft, onClose, onRefused }: { draft: Draft; onClose: () => void; onRefused: (error: unknown) => void }) {
  const [theirs, setTheirs] = useState<Catalogue>();
  const save = useMutation({
    mutationFn: () => api.permissionCatalogueUpdate(normal(draft.document), { ifVersion: draft.base.version }),
    onSuccess: (saved) => {
      queries.setQueryData(catalogueQuery.queryKey, saved);
      draft.discard();
      notify(`Version ${saved.version} is saved`, "It holds on every instance.");
      onClose();
      void queries.invalidateQueries(); // what keys and roles give may be another thing now
    },
    onError: (error) => {
      const faults = faultsOf(error, draft.document);
      if (!faults) return;
      draft.blame(faults);
      onRefused(error);
      onClose();
    },
  });
  const look = useMutation({ mutationFn: () => api.permissionCatalogueGet(), onSuccess: setTheirs });

  if (theirs) return <BothDialog draft={draft} theirs={theirs} onClose={onClose} onDone={() => (setTheirs(undefined), save.reset())} />;
  const conflict = save.error instanceof LatchkeyError && save.error.code === "version_mismatch";
  const gone = lost(draft.base, draft.document);
  return (
    <Dialog open wide dismissible={!save.isPending} onClose={() => !save.isPending && onClose()} title="Save the catalogue" description={`What changes from version ${draft.base.version}, on every instance and at once.`}>
      <Differences of={differences(draft.base, draft.document)} label="What changes" />
      {gone.length > 0 && (
        <div className="notice warn">
          <p>
            <strong>{plural(gone.length, "permission")} will no longer exist.</strong> Keys and roles that have {gone.length === 1 ? "it" : "them"} keep the name, and it gives nothing until it is back in the catalogue:
          </p>
          <ul tabIndex={0} aria-label="Permissions that will no longer exist">
            {gone.map((p) => (
              <li key={p}>
                <code>{p}</code>
              </li>
            ))}
          </ul>
        </div>
      )}
      {conflict ? (
        <div className="notice warn" role="alert">
          <p>
            <strong>Somebody changed the catalogue meanwhile.</strong> Nothing was saved, and your draft is kept. Look at both before you go on.
          </p>
          <p className="notice-foot">
            Trace <code>{(save.error as LatchkeyError).traceId}</code>
          </p>
        </div>
      ) : (
        save.isError && <Failure error={save.error} />
      )}
      {look.isError && <Failure error={look.error} />}
      <Actions>
        <Button onClick={onClose} disabled={save.isPending}>
          Go on editing
        </Button>
        {conflict ? (
          <Button kind="primary" busy={look.isPending} onClick={() => look.mutate()}>
            Look at both
          </Button>
        ) : (
          <Button kind="primary" busy={save.isPending} onClick={() => save.mutate()}>
            Save the catalogue
          </Button>
        )}
      </Actions>
    </Dialog>
  );
}

/** What they did and what the draft does, side by side, and the ways on. */
function BothDialog({ draft, theirs, onClose, onDone }: { draft: Draft; theirs: Catalogue; onClose: () => void; onDone: () => void }) {
  const { document, both } = merge(draft.base, draft.document, theirs);
  const go = (next: typeof document) => {
    draft.rebase(theirs, next);
    onDone();
  };
  return (
    <Dialog open wide onClose={onClose} dismissible={false} title="Your draft and theirs" description={`The service has version ${theirs.version}; your draft began with version ${draft.base.version}.`}>
      <div className="columns">
        <section className="differences-side" aria-label="What they changed">
          <h3>They changed</h3>
          <Differences of={differences(draft.base, theirs)} label="What they changed" />
        </section>
        <section className="differences-side" aria-label="What you changed">
          <h3>You change</h3>
          <Differences of={differences(draft.base, draft.document)} label="What you change" />
        </section>
      </div>
      {both.length > 0 && (
        <div className="notice warn">
          <p>
            <strong>Both changed {plural(both.length, "entry", "entries")}.</strong> If you put your changes on top of theirs, yours are taken:
          </p>
          <ul>
            {both.map((name) => (
              <li key={name}>
                <code>{name}</code>
              </li>
            ))}
          </ul>
        </div>
      )}
      <p className="hint">Whatever you choose, you see what changes once more before it is saved.</p>
      <Actions>
        <Button onClick={onClose}>Go on editing</Button>
        <Button onClick={() => (draft.discard(), queries.setQueryData(catalogueQuery.queryKey, theirs), onClose())}>Drop mine, take theirs</Button>
        <Button onClick={() => go(draft.document)}>Mine in place of theirs</Button>
        <Button kind="primary" onClick={() => go(document)}>
          My changes on top of theirs
        </Button>
      </Actions>
    </Dialog>
  );
}
