// What cannot be in a catalogue, as the service finds it (internal/permission/compile.go), in the same order. Import needs it, to
// leave out what there is no room for; of what people write the service judges.
import type { Document, Fault, Resource, Route } from "./catalogue-document";

type Access = "read" | "write" | "delete";

class Node {
  readonly children = new Map<string, Node>();
  param: Node | undefined;
  resource: Resource | undefined;
  place: string | undefined; // of the resource
  readonly routes = new Map<string, PlacedRoute>(); // by method

  child(segment: string): Node | undefined {
    return segment === param ? this.param : this.children.get(segment);
  }
}

interface PlacedRoute {
  place: string;
  access: Access | undefined;
  credits: number;
}

const param = "{}"; // stands for any one segment
const accesses = new Set<string>(["read", "write", "delete"]);
const ownPermissions = new Set(["ADMINISTRATOR", "MANAGE_ACCOUNTS", "MANAGE_ROLES", "USE_PERSONAL_ACCESS_KEYS", "VERIFY_ACCESS_KEYS", "VIEW_AUDIT_LOG"]);

export function accessOf(method: string): Access | undefined {
  switch (method) {
    case "GET":
    case "HEAD":
      return "read";
    case "POST":
    case "PUT":
    case "PATCH":
      return "write";
    case "DELETE":
      return "delete";
  }
  return undefined;
}

/** Everything that is wrong with a document. */
export function check(d: Document): Fault[] {
  const root = new Node();
  const faults: Fault[] = [];
  const fault = (pointer: string, reason: string) => faults.push({ pointer, reason });

  const names = new Set<string>();
  d.resources.forEach((r, i) => {
    const at = `/resources/${i}`;
    if (!/^[a-z0-9][a-z0-9_-]{0,62}$/.test(r.name)) fault(`${at}/name`, "must be 1 to 63 small letters, digits, - and _, the first of them a letter or digit");
    else if (names.has(r.name)) fault(`${at}/name`, "is there twice");
    else names.add(r.name);
    checkLevels(r.access, `${at}/access`, fault);
    r.paths?.forEach((path, j) => place(root, `${at}/paths/${j}`, path, r, fault));
  });
  d.resources.forEach((r, i) => r.paths?.forEach((path, j) => wantEffectOfPath(root, `/resources/${i}/paths/${j}`, path, fault)));
  d.routes.forEach((r, i) => checkRoute(root, `/routes/${i}`, r, fault));
  d.routes.forEach((r, i) => wantEffectOfRoute(root, `/routes/${i}`, r, fault));
  const flats = new Set<string>();
  d.flat.forEach((name, i) => {
    if (!/^[A-Z][A-Z0-9_]{0,62}$/.test(name)) fault(`/flat/${i}`, "must be 1 to 63 capitals, digits and underscores, the first of them a capital");
    else if (ownPermissions.has(name)) fault(`/flat/${i}`, "is a permission of Latchkey's own");
    else if (flats.has(name)) fault(`/flat/${i}`, "is there twice");
    else flats.add(name);
  });
  return faults;
}

type Tell = (pointer: string, reason: string) => void;

function checkLevels(levels: readonly string[], at: string, fault: Tell) {
  if (levels.length === 0) fault(at, "must have at least one of read, write and delete");
  levels.forEach((level, i) => {
    if (!accesses.has(level)) fault(`${at}/${i}`, "must be read, write or delete");
    else if (levels.indexOf(level) < i) fault(`${at}/${i}`, "is there twice");
  });
}

function place(root: Node, at: string, path: string, r: Resource, fault: Tell) {
  const segments = split(path);
  if (typeof segments === "string") return fault(at, segments);
  const taken = (n: Node) => n.place;
  if (overlaps(root, at, segments, taken, taken, fault)) return;
  const n = reach(root, segments);
  n.resource = r;
  n.place = at;
}

function wantEffectOfPath(root: Node, at: string, path: string, fault: Tell) {
  const segments = split(path);
  if (typeof segments === "string") return;
  const own = reach(root, segments);
  const [next, depth] = containing(root, segments, own);
  if (own.place !== at || !next || next.resource !== own.resource || rival(root, segments, depth, own.resource, false)) return;
  fault(at, `has no effect: it lies below ${next.place}, which is of the same resource`);
}

function checkRoute(root: Node, at: string, r: Route, tell: Tell) {
  let found = false;
  const fault: Tell = (pointer, reason) => {
    found = true;
    tell(pointer, reason);
  };
  let access = accessOf(r.method);
  if (!/^[A-Z]{1,20}$/.test(r.method)) fault(`${at}/method`, "must be 1 to 20 capitals, as GET");
  if (r.access && accesses.has(r.access)) access = r.access;
  else if (r.access) fault(`${at}/access`, "must be read, write or delete");
  else if (!access) fault(`${at}/access`, "must be there: nobody knows what the method does");
  const credits = r.credits ?? 0;
  if (credits < 0 || credits > 1_000_000_000) fault(`${at}/credits`, "must be 0 to 1000000000");
  const segments = split(r.path);
  if (typeof segments === "string") return fault(`${at}/path`, segments);
  const twin = { GET: "HEAD", HEAD: "GET" }[r.method] ?? "";
  const taken = (n: Node) => n.routes.get(r.method)?.place;
  if (found || overlaps(root, `${at}/path`, segments, taken, (n) => taken(n) ?? n.routes.get(twin)?.place, tell)) return;
  reach(root, segments).routes.set(r.method, { place: `${at}/path`, access, credits });
}

function wantEffectOfRoute(root: Node, at: string, r: Route, fault: Tell) {
  const segments = split(r.path);
  if (typeof segments === "string") return;
  const n = reach(root, segments);
  const own = n.routes.get(r.method);
  if (!own || own.place !== `${at}/path`) return;
  for (const method of r.method === "GET" && !n.routes.has("HEAD") ? ["GET", "HEAD"] : [r.method]) {
    const without = wider(root, method, segments, own);
    if (own.access !== (without ? without.access : accessOf(method)) || own.credits !== (without?.credits ?? 0)) return;
  }
  fault(at, "has no effect: access and cost are what they were without it");
}

function overlaps(root: Node, at: string, segments: string[], taken: (n: Node) => string | undefined, rivals: (n: Node) => string | undefined, fault: Tell): boolean {
  const other = taken(reach(root, segments));
  if (other) {
    fault(at, `overlaps ${other}: both fit the same requests`);
    return true;
  }
  const across = crossing(root, segments, false, false, (n) => rivals(n) !== undefined);
  if (across) fault(at, `overlaps ${rivals(across)}: both fit some requests, and none is the narrower one`);
  return across !== undefined;
}

/** The segments of a path of the catalogue, with param for each {name}, or what is wrong with it. */
function split(path: string): string[] | string {
  // eslint-disable-next-line no-control-regex -- those are what it is about
  if (!/^\/(?!\/)/.test(path) || /[%*?#;\\\u0000-\u001f\u007f]|\/\/|\/\.{1,2}(\/|$)/.test(path) || (path.length > 1 && path.endsWith("/")) || !path.isWellFormed())
    return "must begin with /, end without one, and have no . or .. segment, no //, \\, ;, ?, #, %, * and no control character";
  if (path === "/") return [];
  const segments = path.slice(1).split("/");
  if (segments.some((s) => /[{}]/.test(s) && !/^\{[^{}]+\}$/.test(s))) return "must have {name} for whole segments only";
  return segments.map((s) => (s.startsWith("{") ? param : s));
}

/** The node of a path, made where it is missing. */
function reach(root: Node, segments: string[]): Node {
  return segments.reduce((n, s) => {
    let next = n.child(s);
    if (!next) {
      next = new Node();
      if (s === param) n.param = next;
      else n.children.set(s, next);
    }
    return next;
  }, root);
}

const both = (n: Node, segment: string) => [n.children.get(segment), n.param].filter((next) => next !== undefined);

/** The longest path but one that all requests lie below which fit segments, and how long it is. */
function containing(n: Node, segments: string[], but: Node): [Node | undefined, number] {
  let best = n.resource && n !== but ? n : undefined;
  let depth = 0;
  if (segments.length === 0) return [best, depth];
  for (const next of both(n, segments[0]!)) {
    const [m, d] = containing(next, segments.slice(1), but);
    if (m && d + 1 > depth) [best, depth] = [m, d + 1];
  }
  return [best, depth];
}

/** Whether a path that is at least so long, and of another resource, fits some of the requests that fit segments but not all. */
function rival(n: Node, segments: string[], long: number, of: Resource | undefined, narrower: boolean): boolean {
  if (narrower && long <= 0 && n.resource && n.resource !== of) return true;
  if (segments.length === 0) return false;
  const [first, ...rest] = segments as [string, ...string[]];
  if (both(n, first).some((next) => rival(next, rest, long - 1, of, narrower))) return true;
  return first === param && [...n.children.values()].some((next) => rival(next, rest, long - 1, of, true));
}

/** A node that is taken and as long as segments, and that is narrower than they are in some and wider in others. */
function crossing(n: Node, segments: string[], narrower: boolean, wide: boolean, taken: (n: Node) => boolean): Node | undefined {
  if (segments.length === 0) return narrower && wide && taken(n) ? n : undefined;
  const [first, ...rest] = segments as [string, ...string[]];
  const same = n.child(first);
  const found = same && crossing(same, rest, narrower, wide, taken);
  if (found) return found;
  if (first !== param) return n.param && crossing(n.param, rest, narrower, true, taken);
  for (const name of [...n.children.keys()].toSorted(byCodePoint)) {
    const across = crossing(n.children.get(name)!, rest, true, wide, taken);
    if (across) return across;
  }
  return undefined;
}

/** The narrowest route but one of all that fit whatever segments fit. */
function wider(n: Node, method: string, segments: string[], but: PlacedRoute): PlacedRoute | undefined {
  if (segments.length === 0) {
    const get = n.routes.get("GET");
    const here = n.routes.get(method) ?? (method === "HEAD" ? get : undefined);
    if (here !== but) return here;
    return method === "HEAD" && get !== but ? get : undefined;
  }
  for (const next of both(n, segments[0]!)) {
    const r = wider(next, method, segments.slice(1), but);
    if (r) return r;
  }
  return undefined;
}

/** As the service sorts texts: by their bytes in UTF-8, which is by code points. */
export function byCodePoint(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const d = left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!;
    if (d !== 0) return d;
  }
  return left.length - right.length;
}
