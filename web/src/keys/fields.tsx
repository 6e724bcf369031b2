// What a key is made of, as fields of a form.
import { useQuery } from "@tanstack/react-query";
import type { Schema } from "@latchkey-dev/sdk";

import { catalogue } from "../api";
import { inWords } from "../permissions";
import { useMe } from "../session";
import { Choice, Fieldset, TextField } from "../ui/field";
import { dayValue, duration, moment, number, plural, zoneName } from "../ui/format";
import { Matrix } from "../ui/matrix";
import { Docs } from "../ui/page";
import { Shown } from "../ui/states";
import { lastDay, momentOf, offers, presets, type Expiry, type Policy, type Term } from "./expiry";

/** The same as the account, or only these, with what that means in words. */
export function PermissionsField({ value, chosen, onChange }: { value: "same" | "only"; chosen: string[]; onChange: (value: "same" | "only", chosen: string[]) => void }) {
  const account = useMe();
  const known = useQuery(catalogue);
  const words = (held: string[] | null) => known.data && `The key may ${inWords(held, known.data)}.`;
  return (
    <Fieldset legend="What the key may do">
      <Choice type="radio" name="permissions" checked={value === "same"} onChange={() => onChange("same", chosen)} hint="Whatever you may do, now and later. It never may more than you.">
        The same as my account
      </Choice>
      <Choice type="radio" name="permissions" checked={value === "only"} onChange={() => onChange("only", chosen)} hint="What you tick, as long as you may do it yourself.">
        Only these
      </Choice>
      {value === "only" && (
        <Shown query={known} space={5}>
          {(c) => <Matrix catalogue={c} giver={account} chosen={chosen} onChange={(next) => onChange("only", next)} forKey />}
        </Shown>
      )}
      <p className="in-words" aria-live="polite">
        {words(value === "same" ? null : chosen)}
      </p>
      <p>
        <Docs page="permissions/">How permissions work</Docs>
      </p>
    </Fieldset>
  );
}

const termWords: Record<Exclude<Term, "most">, string> = { 30: "In 30 days", 90: "In 90 days", 365: "In 365 days", date: "At the end of a day", never: "Never" };

export function ExpiryField({ policy, value, now, onChange, error }: { policy: Policy; value: Expiry; now: Date; onChange: (next: Expiry) => void; error?: string | undefined }) {
  const last = lastDay(policy, now);
  const terms: Term[] = [...presets, ...(offers(policy, "most") ? (["most"] as const) : []), "date", "never"];
  const at = momentOf(value, policy, now);
  const longest = policy.life_most_seconds === undefined ? "" : life(policy.life_most_seconds);
  const why = (term: Term) => (offers(policy, term) ? undefined : term === "never" ? "This instance asks every key to expire." : `This instance allows ${longest} at the most.`);
  return (
    <Fieldset legend="When it expires">
      <div className="terms">
        {terms.map((term) => (
          <Choice key={term} type="radio" name="expiry" checked={value.term === term} disabled={!offers(policy, term)} hint={why(term)} onChange={() => onChange({ ...value, term })}>
            {term === "most" ? `In ${longest}, the most that this instance allows` : termWords[term]}
          </Choice>
        ))}
      </div>
      {value.term === "date" && (
        <TextField
          type="date"
          className="day"
          label="Last day"
          required
          min={dayValue(now)}
          max={last ? dayValue(last) : "9999-12-31"}
          value={value.day}
          error={error}
          onChange={(e) => onChange({ ...value, day: e.target.value })}
        />
      )}
      {value.term === "never" && (
        <div className="notice warn">
          <p>
            <strong>A key that never expires works until somebody revokes it.</strong> If it leaks and nobody notices, whoever has it can use it for years. A date bounds that.
          </p>
        </div>
      )}
      <p className="hint" aria-live="polite">
        {at ? `It stops working on ${moment(at)}, ${zoneName(at)}.` : value.term === "date" ? `It works until that day ends, at 23:59:59 ${zoneName()}.` : ""}
      </p>
    </Fieldset>
  );
}

// "90 days", or in a smaller unit what is no whole day.
function life(seconds: number): string {
  if (seconds >= 86_400) return plural(Math.floor(seconds / 86_400), "day");
  if (seconds >= 3_600) return plural(Math.floor(seconds / 3_600), "hour");
  return seconds >= 60 ? plural(Math.floor(seconds / 60), "minute") : duration(seconds * 1000);
}

export type Cap = keyof Schema<"AccessKeyLimits">;
export type Caps = Record<Cap, string>;

export const noCaps: Caps = { query: "", mutation: "", credits: "" };
const capLabels: Record<Cap, string> = { query: "Queries", mutation: "Mutations", credits: "Credits" };
const capHints: Record<Cap, string> = { query: "Requests that read.", mutation: "Requests that write or delete.", credits: "What requests cost." };
export const caps = Object.keys(noCaps) as Cap[];

const greatest = 1_000_000_000_000;

/** A limit as it was typed; undefined: none; NaN: that is no number to limit anything with. */
export function capOf(typed: string): number | undefined {
  const digits = typed.trim().replace(/[\s.,_'’](?=\d{3}(?!\d))/g, ""); // between thousands, however one writes them
  if (digits === "") return undefined;
  return /^\d{1,13}$/.test(digits) && Number(digits) <= greatest ? Number(digits) : NaN;
}

/** What the service takes; undefined: no limit at all. */
export function limitsOf(typed: Caps): Schema<"AccessKeyLimits"> | undefined {
  const set = caps.flatMap((c) => (capOf(typed[c]) === undefined ? [] : [[c, capOf(typed[c])!] as const]));
  return set.length > 0 ? Object.fromEntries(set) : undefined;
}

export const capsWrong = (typed: Caps) => caps.some((c) => Number.isNaN(capOf(typed[c])));

/** How a window is named: "a month". */
export const perWindow: Record<Schema<"UsageWindowUnit">, string> = { day: "a day", month: "a month", life: "in all" };

export function CapsField({ value, window, onChange }: { value: Caps; window: string; onChange: (next: Caps) => void }) {
  return (
    <div className="caps">
      <p className="hint">
        What the key may use {window}, of what your account may. An empty field is no limit of its own. <Docs page="usage/">How limits work</Docs>
      </p>
      <div className="row">
        {caps.map((c) => (
          <TextField
            key={c}
            label={`${capLabels[c]} ${window}`}
            hint={capHints[c]}
            inputMode="numeric"
            autoComplete="off"
            value={value[c]}
            error={Number.isNaN(capOf(value[c])) && `A whole number up to ${number(greatest)}.`}
            onChange={(e) => onChange({ ...value, [c]: e.target.value })}
          />
        ))}
      </div>
    </div>
  );
}

/** "10,000 queries and 50 credits a month", for those that are set. */
export function inCaps(limits: Schema<"AccessKeyLimits">): string[] {
  return caps.flatMap((c) => (limits[c] === undefined ? [] : [c === "query" ? plural(limits[c], "query", "queries") : c === "mutation" ? plural(limits[c], "mutation") : plural(limits[c], "credit", "credits")]));
}
