import { useState } from "react";

import { api, type AccessKey } from "../api";
import { TextField } from "../ui/field";
import { notify } from "../ui/toast";
import { keep, useChange } from "./data";
import { EditDialog } from "./edit";

export function Rename({ shown, onClose }: { shown: AccessKey; onClose: () => void }) {
  const [name, setName] = useState(shown.name);
  const [wrong, setWrong] = useState("");
  const change = useChange(shown, async (ifVersion) => keep(await api.accessKeyUpdate(shown.id, { name }, { ifVersion })));
  return (
    <EditDialog
      title="Rename the key"
      description="The name is for people. Whatever uses the key goes on as before."
      change={change}
      save="Rename"
      saving="Renaming…"
      ready={() => {
        setWrong(name.trim() ? "" : "Give it a name.");
        return name.trim() !== "";
      }}
      renderNow={(k) => (
        <>
          Its name is now “<bdi>{k.name}</bdi>”.
        </>
      )}
      onClose={onClose}
      onDone={() => {
        notify("Renamed");
        onClose();
      }}
    >
      <TextField label="Name" required autoComplete="off" value={name} error={wrong} onChange={(e) => setName(e.target.value)} />
    </EditDialog>
  );
}
