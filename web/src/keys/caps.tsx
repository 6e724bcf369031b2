import { queryOptions, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, type AccessKey } from "../api";
import { Button } from "../ui/button";
import { TextField } from "../ui/field";
import { list, moment, number } from "../ui/format";
import { Docs, Section } from "../ui/page";
import { notify } from "../ui/toast";
import { keep, useChange } from "./data";
import { EditDialog } from "./edit";

const kinds = [
  ["query", "Queries", "Requests that read."],
  ["mutation", "Mutations", "Requests that write or delete."],
  ["credits", "Credits", "What requests cost that are not free."],
] as const;
type Kind = (typeof kinds)[number][0];
type Limits = NonNullable<AccessKey["limits"]>;

const windows = { day: "each day", month: "each month", life: "in all its life" } as const;

/** What the account used, in the window in which caps count, too. */
export const ownUsage = queryOptions({ queryKey: ["account-usage"], queryFn: ({ signal }) => api.accountUsage({ signal }), staleTime: 10_000 });
const useWindow = () => useQuery(ownUsage).data?.window;

/** How much of a key's own limits is used. */
export function Caps({ shown, onEdit }: { shown: AccessKey; onEdit?: () => void }) {
  const window = useWindow();
  const capped = kinds.filter(([kind]) => shown.limits?.[kind] !== undefined);
  return (
    <Section
      title="Caps"
      lead={
        <>
          What this key may use at the most {window ? windows[window.unit] : "in each window"}, whatever your account has left.{" "}
          {window?.end && `The window ends on ${moment(window.end)}. `}
          <Docs page="usage.md" />
        </>
      }
      actions={onEdit && <Button className="small" onClick={onEdit}>Change caps</Button>}
    >
      {capped.length === 0 ? (
        <p className="muted">
          No caps of its own.
          {shown.usage && ` In this window it used ${list(kinds.map(([kind, title]) => `${number(shown.usage![kind])} ${title.toLowerCase()}`))}.`}
        </p>
      ) : (
        <ul className="key-caps">
          {capped.map(([kind, title]) => (
            <Cap key={kind} title={title} used={shown.usage?.[kind] ?? 0} limit={shown.limits![kind]!} />
          ))}
        </ul>
      )}
    </Section>
  );
}

function Cap({ title, used, limit }: { title: string; used: number; limit: number }) {
  const full = used >= limit;
  return (
    <li>
      <span>
        {title}: <strong>{number(used)}</strong> of {number(limit)} used{full && <span className="wrong"> · nothing left: more is refused</span>}
      </span>
      <meter aria-label={`${title} used`} min={0} max={Math.max(limit, 1)} high={Math.max(limit, 1) * 0.85} optimum={0} value={limit === 0 ? 1 : used} />
    </li>
  );
}

function parse(text: string): number | undefined | null {
  const digits = text.replace(/[\s_]/g, "");
  if (digits === "") return undefined; // no cap
  return /^\d{1,13}$/.test(digits) && Number(digits) <= 1e12 ? Number(digits) : null;
}

export function ChangeCaps({ shown, onClose }: { shown: AccessKey; onClose: () => void }) {
  const window = useWindow();
  const [texts, setTexts] = useState<Record<Kind, string>>(() => Object.fromEntries(kinds.map(([kind]) => [kind, shown.limits?.[kind]?.toString() ?? ""])) as Record<Kind, string>);
  const [tried, setTried] = useState(false);
  const faulty = (kind: Kind) => parse(texts[kind]) === null;
  const limits = Object.fromEntries(kinds.map(([kind]) => [kind, parse(texts[kind])] as const).filter(([, n]) => typeof n === "number")) as Limits;
  const none = Object.keys(limits).length === 0;
  const change = useChange(shown, async (ifVersion) => keep(await api.accessKeyUpdate(shown.id, { limits: none ? null : limits }, { ifVersion })));
  return (
    <EditDialog
      title="Change the caps"
      description={`What this key may use at the most ${window ? windows[window.unit] : "in each window"}. Leave a field empty for no cap; 0 lets nothing through. What is used already counts.`}
      change={change}
      save="Save the caps"
      saving="Saving…"
      ready={() => {
        setTried(true);
        return !kinds.some(([kind]) => faulty(kind));
      }}
      renderNow={(k) => {
        const set = kinds.filter(([kind]) => k.limits?.[kind] !== undefined).map(([kind, title]) => `${number(k.limits![kind]!)} ${title.toLowerCase()}`);
        return set.length > 0 ? `It may now use ${list(set)}.` : "It now has no caps.";
      }}
      onClose={onClose}
      onDone={() => {
        notify("The caps are changed");
        onClose();
      }}
    >
      {kinds.map(([kind, title, hint]) => (
        <TextField
          key={kind}
          label={title}
          hint={hint}
          inputMode="numeric"
          autoComplete="off"
          placeholder="No cap"
          value={texts[kind]}
          error={tried && faulty(kind) && "A whole number up to 1,000,000,000,000, or nothing."}
          onChange={(e) => setTexts({ ...texts, [kind]: e.target.value })}
        />
      ))}
    </EditDialog>
  );
}
