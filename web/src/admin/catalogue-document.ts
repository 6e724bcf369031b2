// The permission catalogue as a document that one edits: what is in it, how two of them differ, and what a text must be to be one.
import { LatchkeyError, type Schema } from "@latchkey-dev/sdk";

import { levels } from "../permissions";
import { check } from "./catalogue-check";

export type Resource = Schema<"CatalogueResource">;
export type Route = Schema<"CatalogueRoute">;

export interface Document {
  resources: Resource[];
  routes: Route[];
  flat: string[];
}

export type Section = keyof Document;
export type Item = Resource | Route | string;

/** What is wrong with one place of a document, as the service tells it: a JSON pointer and a sentence. */
export interface Fault {
  pointer: string;
  reason: string;
}

export const emptyDocument: Document = { resources: [], routes: [], flat: [] };

export const isEmpty = (d: Document) => d.resources.length + d.routes.length + d.flat.length === 0;

/** A document with its members in the contract's order, without those that say nothing. */
export function normal(d: Document): Document {
  return {
    resources: d.resources.map((r) => ({ name: r.name, ...(r.title && { title: r.title }), ...(r.paths?.length && { paths: r.paths }), access: r.access })),
    routes: d.routes.map((r) => ({ method: r.method, path: r.path, ...(r.access && { access: r.access }), ...(r.credits && { credits: r.credits }) })),
    flat: [...d.flat],
  };
}

export const textOf = (d: Document) => JSON.stringify(normal(d), null, 2) + "\n";
export const same = (a: Document, b: Document) => JSON.stringify(normal(a)) === JSON.stringify(normal(b));

export const routeName = (r: Pick<Route, "method" | "path">) => `${r.method} ${r.path}`;

export function nameOf(item: Item): string {
  if (typeof item === "string") return item;
  return "method" in item ? routeName(item) : item.name;
}

/** Entries of `next` that are as in `before` become the same objects, so that what is known of them stays known. */
export function share(before: Document, next: Document): Document {
  const known = new Map<string, Resource | Route>();
  for (const item of [...before.resources, ...before.routes]) known.set(JSON.stringify(item), item);
  const shared = <T extends Resource | Route>(item: T) => (known.get(JSON.stringify(item)) as T | undefined) ?? item;
  return { resources: next.resources.map(shared), routes: next.routes.map(shared), flat: next.flat };
}

export interface Difference {
  section: Section;
  kind: "added" | "removed" | "changed";
  name: string;
  /** Of a changed one: what it was and what it will be, in words. */
  facts: string[];
}

/** What one has to do to `was` to have `is`, apart from the order. */
export function differences(was: Document, is: Document): Difference[] {
  return (["resources", "routes", "flat"] as const).flatMap((section) => {
    const before = new Map((was[section] as Item[]).map((i) => [nameOf(i), i]));
    const after = new Map((is[section] as Item[]).map((i) => [nameOf(i), i]));
    const found: Difference[] = [];
    for (const [name, item] of after) {
      const old = before.get(name);
      if (old === undefined) found.push({ section, kind: "added", name, facts: [] });
      else if (factsOf(old).join("\n") !== factsOf(item).join("\n")) found.push({ section, kind: "changed", name, facts: changed(factsOf(old), factsOf(item)) });
    }
    for (const name of before.keys()) if (!after.has(name)) found.push({ section, kind: "removed", name, facts: [] });
    return found;
  });
}

// What is said of an entry, one fact a line.
function factsOf(item: Item): string[] {
  if (typeof item === "string") return [];
  if ("method" in item) return [`access: ${item.access ?? "as the method does"}`, `credits: ${item.credits ?? 0}`];
  return [`title: ${item.title || "none"}`, `levels: ${levels.filter((l) => item.access.includes(l)).join(", ")}`, ...(item.paths ?? []).map((p) => `path ${p}`)];
}

function changed(old: string[], now: string[]): string[] {
  return [...old.filter((f) => !now.includes(f)).map((f) => `− ${f}`), ...now.filter((f) => !old.includes(f)).map((f) => `+ ${f}`)];
}

/** The permissions that a document makes, beside those that are always there. */
export function permissionsOf(d: Document): Set<string> {
  const names = new Set(d.flat);
  for (const r of d.resources) for (const level of ["*", ...r.access]) names.add(`${r.name}:${level}`);
  return names;
}

/** Permissions that there will be no longer. */
export function lost(was: Document, is: Document): string[] {
  const left = permissionsOf(is);
  return [...permissionsOf(was)].filter((p) => !left.has(p)).toSorted();
}

/** What was done to `base` in `mine`, done to `theirs`; and which entries both have changed, where mine is taken. */
export function merge(base: Document, mine: Document, theirs: Document): { document: Document; both: string[] } {
  const both: string[] = [];
  const section = <T extends Item>(b: T[], m: T[], t: T[]): T[] => {
    const text = (list: T[]) => new Map(list.map((i) => [nameOf(i), JSON.stringify(i)]));
    const [was, my, their] = [text(b), text(m), text(t)];
    const touched = (now: Map<string, string>) => new Set([...was.keys(), ...now.keys()].filter((name) => now.get(name) !== was.get(name)));
    const [byMe, byThem] = [touched(my), touched(their)];
    for (const name of byMe) if (byThem.has(name) && my.get(name) !== their.get(name)) both.push(name);
    const own = new Map(m.map((i) => [nameOf(i), i]));
    const kept = t.flatMap((i) => (byMe.has(nameOf(i)) ? (own.get(nameOf(i)) ?? []) : i));
    return [...kept, ...m.filter((i) => byMe.has(nameOf(i)) && !their.has(nameOf(i)))];
  };
  const document = {
    resources: section(base.resources, mine.resources, theirs.resources),
    routes: section(base.routes, mine.routes, theirs.routes),
    flat: section(base.flat, mine.flat, theirs.flat),
  };
  return { document, both };
}

/** Reads a document out of a value of any shape, or says what is wrong with the shape. The service judges the rest. */
export function readDocument(value: unknown): { document: Document } | { fault: Fault } {
  try {
    const d = members(value, "", ["resources", "routes", "flat"]);
    return {
      document: {
        resources: listOf(d.resources ?? [], "/resources", resource),
        routes: listOf(d.routes ?? [], "/routes", route),
        flat: listOf(d.flat ?? [], "/flat", text),
      },
    };
  } catch (e) {
    if (e instanceof Misshapen) return { fault: e.fault };
    throw e;
  }
}

class Misshapen extends Error {
  constructor(readonly fault: Fault) {
    super(fault.reason);
  }
}

const wrong = (pointer: string, reason: string): never => {
  throw new Misshapen({ pointer, reason });
};

function members(value: unknown, at: string, allowed: string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return wrong(at, "must be an object");
  for (const member of Object.keys(value)) if (!allowed.includes(member)) wrong(`${at}/${member}`, `is no member that there can be: only ${allowed.join(", ")}`);
  return value as Record<string, unknown>;
}

function listOf<T>(value: unknown, at: string, read: (item: unknown, at: string) => T): T[] {
  return Array.isArray(value) ? value.map((item, i) => read(item, `${at}/${i}`)) : wrong(at, "must be a list");
}

const text = (value: unknown, at: string): string => (typeof value === "string" ? value : wrong(at, "must be a text"));
// A level that there is not is for the service to tell.
const level = (value: unknown, at: string) => text(value, at) as Resource["access"][number];

function resource(value: unknown, at: string): Resource {
  const r = members(value, at, ["name", "title", "paths", "access"]);
  return {
    name: text(r.name, `${at}/name`),
    ...(r.title !== undefined && { title: text(r.title, `${at}/title`) }),
    ...(r.paths !== undefined && { paths: listOf(r.paths, `${at}/paths`, text) }),
    access: listOf(r.access, `${at}/access`, level),
  };
}

function route(value: unknown, at: string): Route {
  const r = members(value, at, ["method", "path", "access", "credits"]);
  return {
    method: text(r.method, `${at}/method`),
    path: text(r.path, `${at}/path`),
    ...(r.access !== undefined && { access: level(r.access, `${at}/access`) }),
    ...(r.credits !== undefined && { credits: typeof r.credits === "number" ? r.credits : wrong(`${at}/credits`, "must be a number") }),
  };
}

/** The faults that a refusal names, if it is one of a document. */
export function faultsOf(error: unknown, document: Document): Fault[] | undefined {
  if (!(error instanceof LatchkeyError) || error.status !== 400) return undefined;
  const { problems, pointer } = error.metadata;
  if (Array.isArray(problems)) return problems as Fault[];
  if (typeof pointer !== "string") return undefined;
  // The contract's own check stops at the first place and does not say why. The rule that it stands for does.
  const found = check(document);
  return found.some((f) => f.pointer === pointer) ? found : [{ pointer, reason: error.detail }, ...found];
}
