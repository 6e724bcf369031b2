import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, instance, type AccessKey } from "../api";
import { dayValue, inDays, moment } from "../ui/format";
import { Shown } from "../ui/states";
import { notify } from "../ui/toast";
import { keep, useChange } from "./data";
import { EditDialog } from "./edit";
import { momentOf, usual, type Expiry, type Policy } from "./expiry";
import { ExpiryField } from "./fields";

/** Changes when a key expires. The service's own rules are told before; it judges. */
export function ChangeExpiry({ shown, onClose }: { shown: AccessKey; onClose: () => void }) {
  const query = useQuery(instance);
  const [now] = useState(() => new Date());
  const ends = shown.expires_at === undefined ? "It never expires now." : `It ${new Date(shown.expires_at) > now ? "expires" : "expired"} on ${moment(shown.expires_at)}.`;
  const description = `${ends} An earlier end counts on every node once it is saved.`;
  const [value, setValue] = useState<Expiry>();
  const [wrong, setWrong] = useState("");
  const policy = query.data && left(query.data.access_keys, shown, now);
  const chosen = value ?? (policy && first(shown, policy, now));
  const at = () => (chosen && policy ? momentOf(chosen, policy, new Date()) : undefined);
  const change = useChange(shown, async (ifVersion) => keep(await api.accessKeyUpdate(shown.id, { expires_at: at()?.toISOString() ?? null }, { ifVersion })));
  return (
    <EditDialog
      title="Change the expiry"
      description={description}
      change={change}
      save="Save the expiry"
      saving="Saving…"
      ready={() => {
        setWrong(at() === undefined ? "Choose a day that is not over yet." : "");
        return at() !== undefined;
      }}
      renderNow={(k) => (k.expires_at ? `It now expires on ${moment(k.expires_at)}.` : "It now never expires.")}
      onClose={onClose}
      onDone={() => {
        notify("The expiry is changed");
        onClose();
      }}
    >
      <Shown query={query} space={5}>
        {() => chosen && policy && <ExpiryField policy={policy} value={chosen} now={now} onChange={setValue} error={wrong} />}
      </Shown>
    </EditDialog>
  );
}

// The longest life counts from when the secret was made: this is what is left of it.
function left(policy: Policy, key: AccessKey, now: Date): Policy {
  if (policy.life_most_seconds === undefined) return policy;
  const lived = (now.getTime() - new Date(key.rotated_at ?? key.createdAt).getTime()) / 1000;
  return { ...policy, life_most_seconds: Math.max(0, Math.floor(policy.life_most_seconds - lived)) };
}

// What is chosen at first: as it is, as far as that can be said.
function first(key: AccessKey, policy: Policy, now: Date): Expiry {
  const future = key.expires_at && new Date(key.expires_at) > now ? key.expires_at : undefined;
  if (future) return { term: "date", day: dayValue(future) };
  return { term: key.expires_at || policy.expiry_required ? usual(policy) : "never", day: inDays(90) };
}
