import { useState, type FormEvent, type ReactNode } from "react";

import { levels } from "../permissions";
import { Button } from "../ui/button";
import { Actions, Dialog } from "../ui/dialog";
import { Choice, Fieldset, SelectField, TextArea, TextField } from "../ui/field";
import type { Item, Resource, Route, Section } from "./catalogue-document";
import { about, type Placed } from "./catalogue-faults";

const nouns: Record<Section, string> = { resources: "resource", routes: "route", flat: "flat permission" };

/** Asks for one entry of the catalogue. It goes into the draft, not to the service. */
export function EntryDialog({ section, item, faults, onDone, onClose }: { section: Section; item: Item | undefined; faults: Placed[]; onDone: (item: Item) => void; onClose: () => void }) {
  const own = item === undefined ? [] : about(faults, item);
  const at = (place: string) => reasons(own.filter((f) => f.below === place || f.below.startsWith(`${place}/`)));
  const rest = own.filter((f) => f.below === "");
  return (
    <Dialog open onClose={onClose} dismissible={false} title={`${item === undefined ? "Add a" : "Edit the"} ${nouns[section]}`} description="It becomes part of the draft. Nothing changes for anybody until you save the catalogue.">
      {rest.length > 0 && <div className="notice bad">{reasons(rest)}</div>}
      {section === "resources" && <ResourceForm item={item as Resource | undefined} at={at} onDone={onDone} onClose={onClose} />}
      {section === "routes" && <RouteForm item={item as Route | undefined} at={at} onDone={onDone} onClose={onClose} />}
      {section === "flat" && <FlatForm item={item as string | undefined} error={reasons(own)} onDone={onDone} onClose={onClose} />}
    </Dialog>
  );
}

function reasons(faults: Placed[]): ReactNode {
  if (faults.length === 0) return undefined;
  return faults.map((f) => {
    const [, line] = /^\/paths\/(\d+)/.exec(f.below) ?? [];
    return (
      <span key={f.below + f.reason} className="reason">
        {line === undefined ? "It " : `Line ${Number(line) + 1} `}
        {f.reason}.
      </span>
    );
  });
}

interface FormProps<T> {
  item: T | undefined;
  at: (place: string) => ReactNode;
  onDone: (item: T) => void;
  onClose: () => void;
}

function Form({ children, adding, onSubmit, onClose }: { children: ReactNode; adding: boolean; onSubmit: () => void; onClose: () => void }) {
  const submit = (e: FormEvent) => {
    e.preventDefault();
    onSubmit();
  };
  return (
    <form className="form" onSubmit={submit}>
      {children}
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary">
          {adding ? "Add to the draft" : "Change in the draft"}
        </Button>
      </Actions>
    </form>
  );
}

const code = { spellCheck: false, autoCapitalize: "none", autoComplete: "off", dir: "ltr" } as const;

function ResourceForm({ item, at, onDone, onClose }: FormProps<Resource>) {
  const [name, setName] = useState(item?.name ?? "");
  const [title, setTitle] = useState(item?.title ?? "");
  const [paths, setPaths] = useState((item?.paths ?? []).join("\n"));
  const [access, setAccess] = useState<Resource["access"]>(item?.access ?? ["read", "write"]);
  const flip = (level: Resource["access"][number]) => setAccess(access.includes(level) ? access.filter((l) => l !== level) : levels.filter((l) => l === level || access.includes(l)));
  const lines = paths.split("\n").map((l) => l.trim()).filter(Boolean);
  const strange = access.filter((l) => !levels.includes(l));
  return (
    <Form adding={item === undefined} onClose={onClose} onSubmit={() => onDone({ name: name.trim(), ...(title.trim() && { title: title.trim() }), ...(lines.length > 0 && { paths: lines }), access })}>
      <TextField label="Name" className="mono-input" required maxLength={63} value={name} onChange={(e) => setName(e.target.value)} hint="Permissions are named after it, as media:read: small letters, digits, - and _." error={at("/name")} {...code} />
      <TextField label="Title (optional)" maxLength={100} value={title} onChange={(e) => setTitle(e.target.value)} hint="What people read." error={at("/title")} />
      <TextArea label="Paths" className="mono-input" rows={Math.min(Math.max(lines.length + 1, 3), 12)} value={paths} onChange={(e) => setPaths(e.target.value)} hint="One a line, each with all below it, as /media or /teams/{team}/members. {team} is any one segment." error={at("/paths")} {...code} />
      <Fieldset legend="Levels">
        {levels.map((level) => (
          <Choice key={level} checked={access.includes(level)} onChange={() => flip(level)} hint={level === "delete" ? "Without it, a DELETE is a write." : undefined}>
            {level}
          </Choice>
        ))}
        {strange.map((level) => (
          <Choice key={level} checked onChange={() => flip(level)} hint="There is no such level.">
            <bdi>{level}</bdi>
          </Choice>
        ))}
        {at("/access") && <p className="wrong">{at("/access")}</p>}
      </Fieldset>
    </Form>
  );
}

function RouteForm({ item, at, onDone, onClose }: FormProps<Route>) {
  const [method, setMethod] = useState(item?.method ?? "POST");
  const [path, setPath] = useState(item?.path ?? "");
  const [access, setAccess] = useState<string>(item?.access ?? "");
  const [credits, setCredits] = useState(item?.credits ? String(item.credits) : "");
  const done = () => onDone({ method: method.trim().toUpperCase(), path: path.trim(), ...(access && { access: access as NonNullable<Route["access"]> }), ...(Number(credits) !== 0 && { credits: Number(credits) }) });
  return (
    <Form adding={item === undefined} onClose={onClose} onSubmit={done}>
      <TextField label="Method" className="mono-input" required maxLength={20} list="methods" value={method} onChange={(e) => setMethod(e.target.value)} error={at("/method")} {...code} />
      <datalist id="methods">
        {["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].map((m) => (
          <option key={m}>{m}</option>
        ))}
      </datalist>
      <TextField label="Path" className="mono-input" required maxLength={1000} value={path} onChange={(e) => setPath(e.target.value)} hint="The whole path, as /media/search. {id} is any one segment." error={at("/path")} {...code} />
      <SelectField label="Access" value={access} onChange={(e) => setAccess(e.target.value)} hint="What a request does, where its method says otherwise." error={at("/access")}>
        <option value="">As the method does</option>
        {levels.map((level) => (
          <option key={level}>{level}</option>
        ))}
        {access && !(levels as readonly string[]).includes(access) && <option>{access}</option>}
      </SelectField>
      <TextField label="Credits (optional)" type="number" inputMode="numeric" min={0} max={1_000_000_000} step={1} value={credits} onChange={(e) => setCredits(e.target.value)} hint="What one request costs." error={at("/credits")} />
    </Form>
  );
}

function FlatForm({ item, error, onDone, onClose }: { item: string | undefined; error: ReactNode; onDone: (item: string) => void; onClose: () => void }) {
  const [name, setName] = useState(item ?? "");
  return (
    <Form adding={item === undefined} onClose={onClose} onSubmit={() => onDone(name.trim())}>
      <TextField label="Name" className="mono-input" required maxLength={63} value={name} onChange={(e) => setName(e.target.value)} hint="Capitals, digits and _, as CREATE_POST." error={error} {...code} />
    </Form>
  );
}
