// Proposes a catalogue for the API that an OpenAPI document describes, by the rules of `latchkey catalogue import`
// (cmd/latchkey/catalogue_import.go): the same document gives the same catalogue.
import { accessOf, byCodePoint, check } from "./catalogue-check";
import { emptyDocument, type Document } from "./catalogue-document";

/** A catalogue that somebody has yet to look through. */
export interface Proposal {
  document: Document;
  /** Of every path, as the document's first server has it. */
  base: string;
  /** Operations and paths that are of no resource: only keys for all resources open them. */
  left: string[];
  operations: number;
}

/** A sentence about why a text is no document to propose a catalogue for. */
export class NoOpenAPI extends Error {}

/** Reads a document, JSON or YAML, and proposes a catalogue for it. What reads YAML is loaded when it is needed first. */
export async function proposeFrom(text: string): Promise<Proposal> {
  return propose(await parse(text));
}

async function parse(text: string): Promise<unknown> {
  try {
    return JSON.parse(text);
  } catch {
    // then it may be YAML
  }
  const { parse } = await import("yaml");
  try {
    return parse(text, { merge: true, logLevel: "error" });
  } catch (e) {
    const at = (e as { linePos?: [{ line: number }] }).linePos?.[0].line;
    throw new NoOpenAPI(`This is neither JSON nor YAML that can be read${at ? `: see line ${at}` : ""}.`, { cause: e });
  }
}

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === "object" && v !== null && !Array.isArray(v);

export function propose(doc: unknown): Proposal {
  if (!isObject(doc)) throw new NoOpenAPI("This is no OpenAPI document.");
  if (typeof doc.swagger === "string") throw new NoOpenAPI("This is a Swagger 2 document; OpenAPI 3 is needed. Tools as swagger2openapi convert it.");
  if (typeof doc.openapi !== "string" || !doc.openapi || !isObject(doc.paths) || Object.keys(doc.paths).length === 0) throw new NoOpenAPI("This is no OpenAPI 3 document with paths.");
  const base = basePath(doc);
  const operations = Object.entries(doc.paths)
    .filter(([at]) => !at.startsWith("x-"))
    .flatMap(([at, item]) => methodsOf(doc, item).map((method) => ({ method, path: (base + at).replace(/\/$/, "") || "/" })))
    .toSorted((a, b) => byCodePoint(a.path, b.path) || byCodePoint(a.method, b.method));
  const p: Proposal = { document: structuredClone(emptyDocument), base, left: [], operations: operations.length };
  for (const { method, path } of operations) add(p, method, path);
  const rank = (level: string) => ["read", "write", "delete"].indexOf(level);
  for (const r of p.document.resources) r.access.sort((a, b) => rank(a) - rank(b));
  p.document.resources.sort((a, b) => byCodePoint(a.name, b.name));
  settle(p);
  return p;
}

const methods = ["connect", "delete", "get", "head", "options", "patch", "post", "put", "query", "trace"];

function methodsOf(doc: Record<string, unknown>, item: unknown): string[] {
  const it = resolve(doc, item);
  if (!isObject(it)) return [];
  const additional = isObject(it.additionalOperations) ? Object.keys(it.additionalOperations) : [];
  return [...new Set([...methods.filter((m) => isObject(it[m])).map((m) => m.toUpperCase()), ...additional])];
}

// A path may be described elsewhere in the document.
function resolve(doc: Record<string, unknown>, item: unknown, depth = 0): unknown {
  if (!isObject(item) || typeof item.$ref !== "string") return item;
  if (!item.$ref.startsWith("#/") || depth > 20) throw new NoOpenAPI("This document refers to other files. Bundle it into one first, as redocly bundle does.");
  const found = item.$ref.slice(2).split("/").map((s) => decodeURIComponent(s).replaceAll("~1", "/").replaceAll("~0", "~")).reduce<unknown>((v, s) => (isObject(v) ? v[s] : undefined), doc);
  return resolve(doc, found, depth + 1);
}

/** The path of the first server, without one if that has variables. */
function basePath(doc: Record<string, unknown>): string {
  const server: unknown = Array.isArray(doc.servers) ? doc.servers[0] : undefined;
  const url = isObject(server) && typeof server.url === "string" ? server.url : "";
  const [, scheme, rest] = /^(?:([a-z][a-z0-9+.-]*):)?([^?#]*)/i.exec(url) ?? [];
  const [, host, path] = /^(?:\/\/([^/]*))?(.*)$/s.exec(rest ?? "") ?? [];
  if (host !== undefined && (/[{}\s\\^|`]/.test(host) || /:(?!\d*$)[^\]]*$/.test(host))) return ""; // no address
  if (scheme && host === undefined && !path?.startsWith("/")) return "";
  let decoded: string;
  try {
    decoded = decodeURIComponent(path ?? "");
  } catch {
    return "";
  }
  if (decoded.includes("{")) return "";
  const segments: string[] = [];
  for (const s of decoded.split("/")) {
    if (s === "..") segments.pop();
    else if (s !== "" && s !== ".") segments.push(s);
  }
  return segments.map((s) => `/${s}`).join("");
}

/** Makes room for an operation. OPTIONS and TRACE are for no resource. */
function add(p: Proposal, method: string, path: string) {
  const [name, at] = resourceOf(path, p.base.split("/").length - 1);
  let level = accessOf(method);
  if (!level || !name) {
    p.left.push(`${method} ${path}`);
    return;
  }
  const { resources, routes } = p.document;
  if (method === "POST" && readsOnly(path)) {
    level = "read";
    routes.push({ method, path, access: level });
  }
  let r = resources.find((r) => r.name === name);
  if (!r) resources.push((r = { name, paths: [], access: [] }));
  if (!r.paths!.some((other) => shape(other) === shape(at))) r.paths!.push(at);
  if (!r.access.includes(level)) r.access.push(level);
}

const versions = /^(api|rest|v[0-9]+([._][0-9]+)*)$/;
const readers = /(^|[-_.:])(search|query|lookup|validate|preview|find|filter|count|check|verify|introspect|estimate|simulate|dry[-_]?run)$/i;

/** A path in which parameters have no names. */
const shape = (path: string) => path.replaceAll(/\{[^/]*\}/g, "{}");

/** Names a resource after the first segment behind the base that is written out and no version, and gives the path to there. */
function resourceOf(path: string, base: number): [name: string, at: string] {
  const segments = path.split("/");
  for (let i = base + 1; i < segments.length; i++) {
    const s = segments[i]!;
    if (s === "" || s.startsWith("{") || (versions.test(s) && i + 1 < segments.length)) continue;
    const noun = s.split(":", 1)[0]!; // media:search is of media
    const name = noun.toLowerCase().replaceAll(/[^a-z0-9_-]+/g, "-").replaceAll(/^[-_]+|[-_]+$/g, "");
    return [name.slice(0, 63), segments.slice(0, i + 1).join("/")];
  }
  return ["", ""];
}

/** Guesses from the last segment that is written out. */
function readsOnly(path: string): boolean {
  const last = path.split("/").findLast((s) => !s.startsWith("{") || s.includes("}:"));
  return last !== undefined && readers.test(last);
}

/** Leaves out what cannot be in a catalogue, so that the rest is one. */
function settle(p: Proposal) {
  const { resources, routes } = p.document;
  for (let fault = check(p.document)[0]; fault; fault = check(p.document)[0]) {
    const [, section, index, path] = /^\/(resources|routes)\/([0-9]+)(?:\/paths\/([0-9]+))?/.exec(fault.pointer)!;
    const i = Number(index);
    if (section === "routes") {
      p.left.push(`${routes[i]!.method} ${routes[i]!.path}`);
      routes.splice(i, 1);
      continue;
    }
    const paths = resources[i]!.paths!;
    if (path !== undefined && paths.length > 1) {
      p.left.push(...paths.splice(Number(path), 1));
    } else {
      p.left.push(...paths);
      resources.splice(i, 1);
    }
  }
}
