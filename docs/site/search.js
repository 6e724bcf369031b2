// What can be found: the parts of each page, with their words.
import { writeFileSync } from "node:fs";

const entities = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" };
const plain = (html) => html.replace(/<[^>]+>/g, " ").replace(/&(amp|lt|gt|quot|#39);/g, (e) => entities[e]).replace(/\s+/g, " ").trim();

/** Writes a script and not JSON, since no page that is opened from a disk can fetch anything. */
export function searchable(results, file) {
  const entries = results
    .filter(({ url }) => url.endsWith("/"))
    .sort((a, b) => (a.url < b.url ? -1 : 1))
    .flatMap(({ url, content }) => {
      const main = /<article[^>]*>([\s\S]*)<\/article>/.exec(content)[1];
      const page = plain(/<h1[^>]*>(.*?)<\/h1>/s.exec(main)[1]);
      const heading = url.startsWith("/api/") ? "[12]" : "[123]"; // h3 are parts of operations there
      const parts = /^.errors.\w/.test(url) ? [main] : main.split(new RegExp(`(?=<h${heading} id=")`)); // what an error means is found as a whole
      return parts.filter((part) => part.includes("<h")).map((part) => {
        const [head, level, id, title] = /<h(\d) id="([^"]+)"[^>]*>(.*?)<\/h\1>/s.exec(part);
        return { at: url.slice(1) + (level === "1" ? "" : "#" + id), page, title: plain(title), text: plain(part.replace(head, "")) };
      });
    });
  writeFileSync(file, `globalThis.searchIndex = [\n${entries.map((e) => JSON.stringify(e)).join(",\n")}\n]\n`);
}
