import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, type AccessKey } from "../api";
import { Button } from "../ui/button";
import { list, moment, number } from "../ui/format";
import { Docs, Section } from "../ui/page";
import { notify } from "../ui/toast";
import { keep, useChange } from "./data";
import { EditDialog } from "./edit";
import { capsWrong, CapsField, inCaps, limitsOf, noCaps, perWindow, type Cap, type Caps as Typed } from "./fields";
import { usage } from "./queries";

const kinds: readonly (readonly [Cap, string])[] = [
  ["query", "Queries"],
  ["mutation", "Mutations"],
  ["credits", "Credits"],
];

const windows = { day: "each day", month: "each month", life: "in all its life" } as const;

const useWindow = () => useQuery(usage).data?.window;

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
          <Docs page="usage/" />
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
      <meter aria-label={`${title} used`} min={0} max={Math.max(limit, 1)} low={limit * 0.75} high={Math.max(limit, 1) * 0.999} optimum={0} value={limit === 0 ? 1 : used} />
    </li>
  );
}

const typed = (limits: AccessKey["limits"]): Typed => ({ ...noCaps, ...Object.fromEntries(Object.entries(limits ?? {}).map(([cap, n]) => [cap, String(n)])) });

export function ChangeCaps({ shown, onClose }: { shown: AccessKey; onClose: () => void }) {
  const window = useWindow();
  const [value, setValue] = useState(() => typed(shown.limits));
  const change = useChange(shown, async (ifVersion) => keep(await api.accessKeyUpdate(shown.id, { limits: limitsOf(value) ?? null }, { ifVersion })));
  return (
    <EditDialog
      title="Change the caps"
      description="0 lets nothing through. What is used already counts."
      change={change}
      save="Save the caps"
      saving="Saving…"
      ready={() => !capsWrong(value)}
      renderNow={(k) => (k.limits && inCaps(k.limits).length > 0 ? `It may now use ${list(inCaps(k.limits))}.` : "It now has no caps.")}
      onClose={onClose}
      onDone={() => {
        notify("The caps are changed");
        onClose();
      }}
    >
      <CapsField value={value} window={window ? perWindow[window.unit] : "in each window"} onChange={setValue} />
    </EditDialog>
  );
}
