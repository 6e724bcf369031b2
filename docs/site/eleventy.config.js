import { copyFileSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";

import { markdown } from "./markdown.js";
import { codes, places, reference } from "./openapi.js";
import { documents, errors, repository, sections, top, way } from "./pages.js";
import { searchable } from "./search.js";

const output = top + "internal/docs/dist/";
const copied = { "theme/docs.css": "docs.css", "theme/docs.js": "docs.js", "../../web/src/styles/base.css": "base.css", "../../web/src/icon.svg": "icon.svg" };

export default function (eleventy) {
  const copies = new Set(["openapi.yaml"]); // and what the pages show
  const described = errors(codes);
  const named = described.filter(({ code }) => code.includes("_")); // "internal" may be anything
  const known = new Map([...places, ...named.map(({ code, address }) => [code, address])]);
  const api = reference(known, described);
  const order = sections.flatMap((section) => section.pages);
  const tags = api.tags.map((tag) => ({ title: tag.name, address: tag.address }));
  order.find((page) => page.made === "api").parts = [...tags, { title: "Schemas", address: "api/schemas/" }];

  for (const page of [...documents, ...described]) {
    const { address, title, source } = page;
    eleventy.addTemplate(address.replaceAll("/", "-") + "page.md", source, { layout: "page.njk", permalink: address + "index.html", address, title, from: page });
  }
  eleventy.setLibrary("md", markdown(known, copies));
  for (const [name, data] of Object.entries({ sections, repository, api, described })) eleventy.addGlobalData(name, data);

  eleventy.addFilter("way", (to, from) => way(from, to));
  eleventy.addFilter("parts", (html) =>
    [...html.matchAll(/<h2 id="([^"]+)"[^>]*>(.*?)<\/h2>/g)].map(([, id, inner]) => ({ id, title: inner.replace(/<[^>]+>/g, "") })),
  );
  eleventy.addFilter("around", (address) => {
    const at = order.findIndex((page) => page.address === address);
    return at < 0 ? {} : { before: order[at - 1], after: order[at + 1] };
  });

  eleventy.addPassthroughCopy(copied);
  eleventy.on("eleventy.after", ({ results }) => {
    const shown = [...copies].map((file) => ({ file, to: file.replace(/^docs\//, "") }));
    for (const { file, to } of shown) {
      mkdirSync(dirname(output + to), { recursive: true });
      copyFileSync(top + file, output + to);
    }
    searchable(results, output + "search-index.js");
    keep([...results.map(({ outputPath }) => relative(output, resolve(outputPath))), ...Object.values(copied), ...shown.map(({ to }) => to), "search-index.js"]);
  });

  return {
    dir: { input: "pages", includes: "../theme", output: "../../internal/docs/dist" },
    templateFormats: ["njk", "md"],
    markdownTemplateEngine: false, // braces in the sources are braces
  };
}

/** Removes whatever else was built before. */
function keep(made) {
  for (const entry of readdirSync(output, { recursive: true, withFileTypes: true })) {
    const file = resolve(entry.parentPath ?? entry.path, entry.name);
    if (entry.isFile() && !made.includes(relative(output, file))) rmSync(file);
  }
}
