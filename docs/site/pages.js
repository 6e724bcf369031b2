// The pages of the documentation, where each is, and how one links to another: relatively, so that they also work when they are opened from
// a disk. An address is a folder with a slash at its end, "" being the first page.
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, posix } from "node:path";
import { fileURLToPath } from "node:url";

import nav from "./nav.js";

export const top = fileURLToPath(new URL("../..", import.meta.url));
export const repository = "https://github.com/latchkey-dev/latchkey";
const blob = `${repository}/blob/main/`;

const read = (file) => {
  const source = readFileSync(top + file, "utf8").replaceAll("\r\n", "\n");
  const title = /^# (.+)\n/.exec(source)?.[1];
  if (!title) throw new Error(`${file} does not begin with its title`);
  return { file, source, title };
};

const addressOf = (file) => (file === "docs/index.md" ? "" : basename(file, ".md").toLowerCase() + "/");

/** The sections of the navigation: {title, pages: [{address, label, file?, made?, parts?}]}. */
export const sections = nav.map((section) => ({
  title: section.title,
  pages: section.pages.map((page) => {
    if (page.made) return { ...page, address: page.made + "/" };
    const { title, source } = read(page.file);
    const parts = (page.parts ?? []).map((title) => ({ title, address: addressOf(page.file) + "#" + title.toLowerCase() }));
    return { ...page, address: page.address ?? addressOf(page.file), label: page.label ?? title, title, source, parts };
  }),
}));

/** One page for each code, once the errors are described: {code, status, summary, where}, where being the operations that it names. */
export const errors = (codes) =>
  (existsSync(top + "docs/errors") ? codes : []).map((code) => {
    const page = read(`docs/errors/${code}.md`);
    const [, status, summary] = /^# .+\n\n\*\*(\d{3})\*\* · (.+)\n/.exec(page.source) ?? [];
    if (page.title !== code || !status) throw new Error(`${page.file} does not begin with its code, status and title`);
    const items = /^## Where\n([\s\S]*)$/m.exec(page.source)?.[1].match(/^- `.+$/gm) ?? []; // and not those about every operation of a kind
    const where = items.filter((item) => !/: with status/.test(item)).flatMap((item) => item.split(": ")[0].match(/\w{2,}/g));
    return { ...page, address: `errors/${code}/`, code, status, summary, where };
  });

const files = sections.flatMap((s) => s.pages).filter((p) => p.file);
const byFile = new Map(files.map((p) => [p.file, p.address]));
for (const name of readdirSync(top + "docs")) {
  if (name.endsWith(".md") && !byFile.has("docs/" + name)) throw new Error(`docs/${name} is in no section of docs/site/nav.js`);
}
export const documents = files;

/** The way from one address to another, "#part" included. */
export function way(from, to) {
  const [address, part] = to.split("#");
  const up = from === null ? "/docs/" : "../".repeat(from.split("/").length - 1) || "./";
  return up + (from === null || /\.\w+$/.test(address) ? address : address + "index.html") + (part ? "#" + part : "");
}

/** Where a link of a source leads: {href}, and {copy}, a file that is shown with the pages. */
export function resolve(page, href) {
  if (href.startsWith(blob)) href = posix.relative(dirname(page.file), href.slice(blob.length));
  if (/^([a-z]+:|#)/.test(href)) return { href };
  const [path, part] = href.split("#");
  const file = posix.join(dirname(page.file), decodeURI(path));
  const fragment = part ? "#" + part : "";
  if (byFile.has(file)) return { href: way(page.address, byFile.get(file) + fragment) };
  if (/^docs\/errors\/\w+\.md$/.test(file)) return { href: way(page.address, `errors/${basename(file, ".md")}/` + fragment) };
  if (/^docs\/errors(\/|\/index\.md|\/README\.md)?$/.test(file)) return { href: way(page.address, "errors/" + fragment) };
  if (file === "openapi.yaml") return { href: way(page.address, "openapi.yaml") };
  if (!existsSync(top + file)) throw new Error(`${page.file} links to ${href}, which is not there`);
  if (statSync(top + file).isDirectory()) return { href: `${repository}/tree/main/${file}` };
  if (file.startsWith("docs/")) return { href: way(page.address, file.slice("docs/".length)), copy: file };
  return { href: blob + file + fragment };
}
