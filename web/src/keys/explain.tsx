import type { Schema } from "@latchkey-dev/sdk";
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import { api, catalogue, type Catalogue } from "../api";
import { levels, type Access } from "../permissions";
import { Badge } from "../ui/badge";
import { Button } from "../ui/button";
import { Failure } from "../ui/failure";
import { SelectField, TextField } from "../ui/field";
import { number } from "../ui/format";
import { Docs, Section } from "../ui/page";
import { Shown } from "../ui/states";

type Question = Schema<"AccessKeyExplainInput">;
type Explanation = Schema<"AccessKeyExplanation">;

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const about = { request: "A request", resource: "A resource", permission: "A permission", key: "The key itself" } as const;
type About = keyof typeof about;

/** What would a key be allowed? Nothing is used by asking. */
export function TryIt({ id }: { id: string }) {
  const known = useQuery(catalogue);
  return (
    <Section
      title="Try it"
      lead={
        <>
          Ask what would be decided for this key, and why. It needs no secret, spends and counts nothing, and does not look at quotas and credits. <Docs page="permissions/" />
        </>
      }
    >
      <Shown query={known} space={2}>
        {(c) => <Ask id={id} catalogue={c} />}
      </Shown>
    </Section>
  );
}

function Ask({ id, catalogue: c }: { id: string; catalogue: Catalogue }) {
  const [kind, setKind] = useState<About>("request");
  const [method, setMethod] = useState("GET");
  const [path, setPath] = useState("");
  const [resource, setResource] = useState(c.resources[0]?.name ?? "");
  const [access, setAccess] = useState<Access>("read");
  const [permission, setPermission] = useState("");
  const [wrong, setWrong] = useState("");
  const [state, setState] = useState<{ busy: boolean; asked?: string; answer?: Explanation; error?: unknown }>({ busy: false });
  const listed = [...new Set([...methods, ...c.routes.map((r) => r.method)])];

  const submit = async (e: FormEvent) => {
    e.preventDefault();
    const [question, asked, fault] = questionOf();
    setWrong(fault ?? "");
    if (fault || state.busy) return;
    setState({ busy: true });
    try {
      setState({ busy: false, asked, answer: await api.accessKeyExplain(id, question) });
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  function questionOf(): [Question, string, string?] {
    switch (kind) {
      case "request":
        return [{ request: { method, path: path.trim() } }, `${method} ${path.trim()}`, path.trim().startsWith("/") ? undefined : "A path begins with a slash, as /media/7 does."];
      case "resource":
        return [{ resource, access }, `${access} ${resource}`, resource ? undefined : "The catalogue has no resources yet."];
      case "permission":
        return [{ permission: permission.trim() }, permission.trim(), permission.trim() ? undefined : "Name a permission, as media:read."];
      case "key":
        return [{}, "whether the key can be used"];
    }
  }
  return (
    <>
      <form className="try" noValidate onSubmit={(e) => void submit(e)}>
        <SelectField className="try-kind" label="Ask about" value={kind} onChange={(e) => (setKind(e.target.value as About), setWrong(""))}>
          {Object.entries(about).map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </SelectField>
        {kind === "request" && (
          <>
            <SelectField className="try-method" label="Method" value={method} onChange={(e) => setMethod(e.target.value)}>
              {listed.map((m) => (
                <option key={m}>{m}</option>
              ))}
            </SelectField>
            <TextField className="try-wide" label="Path" dir="ltr" placeholder="/media/7" autoComplete="off" spellCheck={false} value={path} error={wrong} onChange={(e) => setPath(e.target.value)} />
          </>
        )}
        {kind === "resource" && (
          <>
            <SelectField className="try-wide" label="Resource" value={resource} error={wrong} onChange={(e) => setResource(e.target.value)}>
              {c.resources.map((r) => (
                <option key={r.name} value={r.name}>
                  {r.title && r.title !== r.name ? `${r.title} (${r.name})` : r.name}
                </option>
              ))}
            </SelectField>
            <SelectField className="try-method" label="Access" value={access} onChange={(e) => setAccess(e.target.value as Access)}>
              {levels.map((a) => (
                <option key={a}>{a}</option>
              ))}
            </SelectField>
          </>
        )}
        {kind === "permission" && (
          <>
            <TextField className="try-wide" label="Permission" dir="ltr" list="permissions-known" placeholder="media:read" autoComplete="off" spellCheck={false} value={permission} error={wrong} onChange={(e) => setPermission(e.target.value)} />
            <datalist id="permissions-known">
              {c.permissions.map((p) => (
                <option key={p}>{p}</option>
              ))}
            </datalist>
          </>
        )}
        <Button kind="primary" type="submit" busy={state.busy}>
          Ask
        </Button>
      </form>
      <div role="status">{state.answer && <Decision asked={state.asked ?? ""} answer={state.answer} />}</div>
      {state.error !== undefined && <Failure error={state.error} />}
    </>
  );
}

const lacking = { key: "the key, whose own permissions do not give it", owner: "its owner, who does not hold it" } as const;

function Decision({ asked, answer: a }: { asked: string; answer: Explanation }) {
  return (
    <div className={`decision ${a.allowed ? "good" : "bad"}`}>
      <p className="decision-head">
        <Badge tone={a.allowed ? "good" : "bad"}>{a.allowed ? "Allowed" : "Refused"}</Badge> <code>{asked}</code>
      </p>
      <p>
        {a.reason} {!a.allowed && <>A caller would get status {a.status}.</>}
      </p>
      <dl className="facts">
        <Row name="Verdict" value={a.code} code />
        <Row name="Required" value={a.required} code />
        <Row name="Given by" value={a.matched} code />
        <Row name="Lacked by" value={a.denied_by && lacking[a.denied_by]} />
        <Row name="Counts as" value={a.class && `a ${a.class}`} />
        <Row name="Costs" value={a.class && (a.credits ? `${number(a.credits)} ${a.credits === 1 ? "credit" : "credits"}` : "nothing")} />
        <Row name="Resource" value={a.resource} code />
        <Row name="Route" value={a.route} code />
      </dl>
    </div>
  );
}

function Row({ name, value, code }: { name: string; value: string | undefined; code?: boolean }) {
  if (!value) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>{code ? <code>{value}</code> : value}</dd>
    </>
  );
}
