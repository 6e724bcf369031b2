import type { Schema } from "@latchkey-dev/sdk";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { api, queries } from "../api";
import { Button } from "../ui/button";
import { Actions } from "../ui/dialog";
import { Failure } from "../ui/failure";
import { Choice, Fieldset, SelectField, TextField } from "../ui/field";
import { duration } from "../ui/format";
import { notify } from "../ui/toast";
import { timed } from "./timed";

type AccountUsage = Schema<"AccountUsage">;
type Unit = Schema<"UsageWindowUnit">;

/** A limit as it is typed. */
interface Typed {
  limited: boolean;
  text: string;
}

const typed = (limit: number | undefined): Typed => ({ limited: limit !== undefined, text: limit === undefined ? "" : String(limit) });

/** A whole number from 0 to 10^12, null where it is unlimited, undefined where it is none of these. */
function valueOf({ limited, text }: Typed): number | null | undefined {
  if (!limited) return null;
  const n = Number(text);
  return /^\d{1,13}$/.test(text.trim()) && n <= 1e12 ? n : undefined;
}

/** Changes what the keys of an account may use together. */
export function Limits({ usage, onClose }: { usage: AccountUsage; onClose: () => void }) {
  const [query, setQuery] = useState(typed(usage.query.limit));
  const [mutation, setMutation] = useState(typed(usage.mutation.limit));
  const [unit, setUnit] = useState<Unit>(usage.window.unit);
  const [tried, setTried] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector<HTMLElement>("input")?.focus(), []);
  const [q, m] = [valueOf(query), valueOf(mutation)];
  const save = useMutation({
    mutationFn: () =>
      timed(() =>
        api.accountLimitsUpdate(usage.account, {
          query: q ?? null,
          mutation: m ?? null,
          ...(unit !== usage.window.unit && { window: unit }),
        }),
      ),
    onSuccess: async ({ ms }) => {
      await queries.invalidateQueries({ queryKey: ["admin", "usage", usage.account] });
      notify("The limits are changed", `They held on every instance after ${duration(ms)}.`);
      onClose();
    },
  });
  return (
    <form
      ref={form}
      className="form inner"
      aria-label="Limits"
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        setTried(true);
        if (q !== undefined && m !== undefined && !save.isPending) save.mutate();
      }}
    >
      <div className="columns">
        <Limit label="Reads" value={query} onChange={setQuery} wrong={tried && q === undefined} />
        <Limit label="Writes and deletions" value={mutation} onChange={setMutation} wrong={tried && m === undefined} />
      </div>
      <SelectField
        label="Counted by"
        hint={unit === usage.window.unit ? "Days and months begin at midnight UTC." : "Another time starts a new count: what was used so far does not count any more."}
        value={unit}
        onChange={(e) => setUnit(e.target.value as Unit)}
      >
        <option value="day">Day</option>
        <option value="month">Month</option>
        <option value="life">All time, never anew</option>
      </SelectField>
      <p className="muted">They count from the next request on. A limit below what is used already refuses every further request until a new count begins.</p>
      {save.isError && <Failure error={save.error} />}
      <Actions>
        <Button disabled={save.isPending} onClick={onClose}>
          Cancel
        </Button>
        <Button kind="primary" type="submit" busy={save.isPending}>
          {save.isPending ? "Saving…" : "Save limits"}
        </Button>
      </Actions>
    </form>
  );
}

function Limit({ label, value, onChange, wrong }: { label: string; value: Typed; onChange: (next: Typed) => void; wrong: boolean }) {
  return (
    <Fieldset legend={label}>
      <Choice type="radio" name={label} checked={!value.limited} onChange={() => onChange({ ...value, limited: false })}>
        Without a limit
      </Choice>
      <Choice type="radio" name={label} checked={value.limited} onChange={() => onChange({ ...value, limited: true })}>
        At most
      </Choice>
      {value.limited && (
        <TextField
          label={<span className="sr-only">{label} at most</span>}
          error={wrong && "A whole number, from 0 to 1,000,000,000,000."}
          inputMode="numeric"
          autoComplete="off"
          maxLength={13}
          value={value.text}
          onChange={(e) => onChange({ limited: true, text: e.target.value })}
        />
      )}
    </Fieldset>
  );
}
