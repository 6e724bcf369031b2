// The reference: openapi.yaml, told so that a page can show it. Nothing is added to what the contract says; the examples are its own.
import { readFileSync } from "node:fs";
import { parse } from "yaml";

import { block, escape, markdown } from "./markdown.js";
import { top, way } from "./pages.js";

export const spec = parse(readFileSync(top + "openapi.yaml", "utf8"));
export const codes = spec.components.schemas.ErrorCode.enum;

const methods = ["get", "head", "post", "put", "patch", "delete", "options"];
const credentials = { session: "session cookie", access_key: "access key, as Bearer", access_key_basic: "access key, as Basic" };
const named = (ref) => ref.slice(ref.lastIndexOf("/") + 1);
const found = (thing) => (thing.$ref ? thing.$ref.slice(2).split("/").reduce((at, key) => at[key], spec) : thing);

/** The whole of an object that is made of others. */
function whole(schema) {
  schema = found(schema);
  const parts = (schema.allOf ?? []).map(whole);
  const required = [...parts.flatMap((part) => part.required), ...(schema.required ?? [])];
  return { ...schema, required, properties: Object.assign({}, ...parts.map((part) => part.properties), schema.properties) };
}

const size = (least, most, of) => {
  const one = (n) => n.toLocaleString("en-GB");
  if (least === undefined && most === undefined) return [];
  if (most === undefined) return [`at least ${one(least)}${of}`];
  return [least === undefined ? `at most ${one(most)}${of}` : least === most ? one(least) + of : `${one(least)} to ${one(most)}${of}`];
};

/** What can be said from the page at an address. */
function teller(from, known, described) {
  const md = markdown(known);
  const env = { from: { address: from } };
  const schemaLink = (name) => `<a href="${way(from, "api/schemas/#" + name)}">${name}</a>`;
  const words = (text) => (text ? md.render(text, env) : "");
  const phrase = (text) => (text ? md.renderInline(text.trim(), env) : "");
  const code = (value) => `<code>${escape(typeof value === "string" ? value : JSON.stringify(value))}</code>`;

  const type = (schema) => {
    const ref = schema.$ref ?? (schema.allOf?.length === 1 && schema.allOf[0].$ref);
    const bare = schema.format === "date-time" ? "date-time" : (schema.type ?? "object");
    const plain = ref ? schemaLink(named(ref)) : bare === "array" ? `array of ${type(schema.items)}` : bare;
    return plain + (schema.nullable ? " or null" : "");
  };
  const limits = (schema) => {
    const s = schema.allOf?.length === 1 ? { ...whole(schema), ...schema } : found(schema);
    return [
      ...size(s.minLength, s.maxLength, " characters"),
      ...size(s.minItems, s.maxItems, " items"),
      ...size(s.minProperties, s.maxProperties, " members"),
      ...size(s.minimum, s.maximum, ""),
      ...(s.pattern ? [`pattern ${code(s.pattern)}`] : []),
      ...(s.enum ? [`one of ${s.enum.map(code).join(", ")}`] : []),
      ...(s.items && !s.items.$ref && limits(s.items) ? [`each ${limits(s.items)}`] : []),
      ...(s.default !== undefined ? [`default ${code(s.default)}`] : []),
      ...(s.example !== undefined ? [`example ${code(s.example)}`] : []),
    ].join("; ");
  };
  const row = (name, schema, required, text) => ({ name, required, type: type(schema), limits: limits(schema), text: phrase(text ?? found(schema).description) });
  const members = (schema, before = "") => {
    const { properties, required } = whole(schema);
    return Object.entries(properties).flatMap(([name, member]) => {
      const inner = member.items ?? member;
      const inside = !inner.$ref && inner.properties ? members(inner, `${before}${name}${member.items ? "[]" : ""}.`) : [];
      return [row(before + name, member, required.includes(name)), ...inside];
    });
  };
  const examples = (media, { example, examples = {} }) =>
    [...(example === undefined ? [] : [{ value: example }]), ...Object.values(examples).map(found)].map(({ summary, value }) => ({
      summary: phrase(summary),
      html: media.includes("json") ? block(JSON.stringify(value, null, 2), "json") : block(new URLSearchParams(value).toString(), "text"),
    }));
  const contents = (content = {}) =>
    Object.entries(content).map(([media, of]) => ({ media, type: type(of.schema), members: members(of.schema), examples: examples(media, of) }));
  const headers = (headers = {}) => Object.entries(headers).map(([name, header]) => row(name, found(header).schema, found(header).required, found(header).description));

  const answer = (id) => ([status, response]) => {
    const { description, headers: sent, content } = found(response);
    const problem = status >= 400;
    const codes = described.filter((error) => error.status === status);
    const own = codes.filter((error) => error.where.includes(id)); // which are not every operation's
    return {
      status, problem, text: phrase(description), headers: headers(sent), contents: problem ? [] : contents(content),
      where: codes.length && way(from, `errors/#status-${status}`), codes: own.map(({ code, address }) => ({ code, href: way(from, address) })),
    };
  };
  const operation = ({ path, method, shared, it }) => {
    const body = it.requestBody && found(it.requestBody);
    const answers = Object.entries(it.responses).map(answer(it.operationId));
    return {
      id: it.operationId, method: method.toUpperCase(), path, summary: it.summary, text: words(it.description),
      credentials: it.security.length ? it.security.flatMap(Object.keys).map((name) => credentials[name]).join("; or ") : "none",
      permission: it["x-permission"], withdraws: it["x-withdraws"], most: it["x-max-body"]?.toLocaleString("en-GB"),
      parameters: [...shared, ...(it.parameters ?? [])].map(found).map((p) => ({ ...row(p.name, p.schema, p.required, p.description), where: p.in })),
      body: body && { required: body.required, contents: contents(body.content) },
      answers: answers.filter((a) => !a.problem), problems: answers.filter((a) => a.problem),
    };
  };
  const schema = ([name, it]) => {
    const made = (it.allOf ?? []).filter((part) => part.$ref).map((part) => schemaLink(named(part.$ref)));
    return { name, made, text: words(it.description), type: type(it), limits: limits(it), members: members(it) };
  };
  return { words, phrase, operation, schema };
}

const operations = Object.entries(spec.paths).flatMap(([path, item]) =>
  methods.filter((method) => item[method]).map((method) => ({ path, method, shared: item.parameters ?? [], it: item[method] })),
);

const at = (name) => `api/${name}/`;
const place = ({ it }) => at(it.tags[0]) + "#" + it.operationId;

/** Where the page of each operation is, by its name. */
export const places = new Map(operations.map((operation) => [operation.it.operationId, place(operation)]));

/** {words, credentials, tags: [{name, address, text, short, operations, also}], schemas}; described are the errors that have a page. */
export function reference(known, described) {
  const tell = (from) => teller(from, known, described);
  const index = tell("api/");
  const short = (operation) => ({ method: operation.method.toUpperCase(), path: operation.path, summary: operation.it.summary, address: place(operation) });
  return {
    version: spec.info.version,
    words: index.words(spec.info.description),
    credentials: Object.entries(spec.components.securitySchemes).map(([name, scheme]) => ({ name: credentials[name], text: index.phrase(scheme.description) })),
    tags: spec.tags.map(({ name, description }) => {
      const here = operations.filter(({ it }) => it.tags[0] === name);
      return {
        name, address: at(name), text: description, short: here.map(short), operations: here.map(tell(at(name)).operation),
        also: operations.filter(({ it }) => it.tags.slice(1).includes(name)).map(short),
      };
    }),
    schemas: Object.entries(spec.components.schemas).map(tell(at("schemas")).schema),
  };
}
