// Where in a JSON text the value of a JSON pointer begins. The text must be JSON.

/** The index of the value in the text; of the nearest one around it where there is none. */
export function placeOf(text: string, pointer: string): number {
  const segments = pointer.split("/").slice(1).map((s) => s.replaceAll("~1", "/").replaceAll("~0", "~"));
  let at = space(text, 0);
  for (const segment of segments) {
    const next = text[at] === "{" ? memberOf(text, at, segment) : text[at] === "[" ? elementOf(text, at, Number(segment)) : undefined;
    if (next === undefined) return at;
    at = next;
  }
  return at;
}

export const lineOf = (text: string, index: number) => text.slice(0, index).split("\n").length;

function space(text: string, at: number): number {
  while (at < text.length && " \t\r\n".includes(text[at]!)) at++;
  return at;
}

/** The end of the value that begins at `at`. */
function end(text: string, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const c = text[i]!;
    if (c === '"') i = string(text, i) - 1;
    else if (c === "{" || c === "[") depth++;
    else if (c === "}" || c === "]") {
      if (depth === 0) return i;
      depth--;
    } else if (c === "," && depth === 0) return i;
    if (depth === 0 && (c === "}" || c === "]" || c === '"')) return i + 1;
  }
  return text.length;
}

function string(text: string, at: number): number {
  let i = at + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
  return i + 1;
}

function memberOf(text: string, at: number, name: string): number | undefined {
  let i = space(text, at + 1);
  while (i < text.length && text[i] !== "}") {
    const after = string(text, i);
    const value = space(text, space(text, after) + 1); // behind the colon
    if (JSON.parse(text.slice(i, after)) === name) return value;
    i = space(text, end(text, value));
    if (text[i] === ",") i = space(text, i + 1);
  }
  return undefined;
}

function elementOf(text: string, at: number, index: number): number | undefined {
  let i = space(text, at + 1);
  for (let n = 0; i < text.length && text[i] !== "]"; n++) {
    if (n === index) return i;
    i = space(text, end(text, i));
    if (text[i] === ",") i = space(text, i + 1);
  }
  return undefined;
}
