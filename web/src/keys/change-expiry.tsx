import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, instance, type AccessKey } from "../api";
import { Choice, Fieldset, TextField } from "../ui/field";
import { date, dayValue, endOfDay, inDays, moment, zoneName } from "../ui/format";
import { Docs } from "../ui/page";
import { notify } from "../ui/toast";
import { keep, useChange } from "./data";
import { EditDialog } from "./edit";

type Choices = "same" | "30" | "90" | "365" | "date" | "never";
const presets = ["30", "90", "365"] as const;

const after = (days: number) => new Date(Date.now() + days * 86_400_000);

/** Changes when a key expires. The service's own rules are told before; it judges. */
export function ChangeExpiry({ shown, onClose }: { shown: AccessKey; onClose: () => void }) {
  const { data } = useQuery(instance);
  const rules = data?.access_keys;
  const most = rules?.life_most_seconds;
  const latest = most === undefined ? undefined : new Date(new Date(shown.rotated_at ?? shown.createdAt).getTime() + most * 1000);
  const [future] = useState(() => (shown.expires_at && new Date(shown.expires_at) > new Date() ? shown.expires_at : undefined));
  const [choice, setChoice] = useState<Choices>(future ? "same" : shown.expires_at ? "90" : "never");
  const [day, setDay] = useState(future ? dayValue(future) : inDays(90));
  const [wrong, setWrong] = useState("");

  const end = (): Date | null => {
    if (choice === "never") return null;
    if (choice === "same") return new Date(future!);
    return choice === "date" ? endOfDay(day) : after(Number(choice));
  };
  const change = useChange(shown, async (ifVersion) => keep(await api.accessKeyUpdate(shown.id, { expires_at: end()?.toISOString() ?? null }, { ifVersion })));
  const at = choice === "date" && !day ? undefined : end();
  const ready = () => {
    const fault = choice === "date" && !day ? "Choose a day." : at && at <= new Date() ? "This day is over: choose one to come." : "";
    setWrong(fault);
    return fault === "";
  };
  return (
    <EditDialog
      title="Change the expiry"
      description="From that moment on the key opens nothing. An earlier end counts on every node once it is saved."
      change={change}
      save="Save the expiry"
      saving="Saving…"
      ready={ready}
      renderNow={(k) => (k.expires_at ? `It now expires on ${moment(k.expires_at)}.` : "It now never expires.")}
      onClose={onClose}
      onDone={() => {
        notify("The expiry is changed");
        onClose();
      }}
    >
      <Fieldset legend="The key expires">
        {future && (
          <Choice type="radio" name="expiry" checked={choice === "same"} onChange={() => setChoice("same")}>
            as it is <span className="muted">({moment(future)})</span>
          </Choice>
        )}
        {presets.map((days) => (
          <Choice key={days} type="radio" name="expiry" checked={choice === days} disabled={latest !== undefined && after(Number(days)) > latest} onChange={() => setChoice(days)}>
            in {days} days <span className="muted">({date(after(Number(days)))})</span>
          </Choice>
        ))}
        <Choice type="radio" name="expiry" checked={choice === "date"} onChange={() => setChoice("date")}>
          at the end of a day
        </Choice>
        {choice === "date" && (
          <TextField className="key-indent" label="Day" type="date" value={day} min={inDays(0)} max={latest && dayValue(latest)} error={wrong} onChange={(e) => setDay(e.target.value)} />
        )}
        <Choice type="radio" name="expiry" checked={choice === "never"} disabled={rules?.expiry_required} onChange={() => setChoice("never")} hint={rules?.expiry_required && "This instance asks every key to expire."}>
          never
        </Choice>
      </Fieldset>
      {latest && <p className="hint">This instance lets a secret live until {moment(latest)} at the latest. A new secret begins anew.</p>}
      {at === null ? (
        <p className="notice warn">
          <span>
            <strong>A key that never expires works until somebody revokes it,</strong> also when everybody has forgotten where it is. <Docs page="incidents.md" />
          </span>
        </p>
      ) : (
        at && (
          <p role="status">
            It will expire on <strong>{moment(at)}</strong> <span className="muted">({zoneName()})</span>.
          </p>
        )
      )}
    </EditDialog>
  );
}
