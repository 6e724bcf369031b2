// Markdown as GitHub reads it, with what a page needs: parts that can be linked to (under GitHub's names), links that lead to pages, code in
// colours, and tables that scroll by themselves.
import GithubSlugger from "github-slugger";
import MarkdownIt from "markdown-it";
import Prism from "prismjs";
import loadLanguages from "prismjs/components/index.js";

import { diagram } from "./diagram.js";
import { resolve, way } from "./pages.js";

loadLanguages.silent = true;
loadLanguages(["bash", "go", "json", "nginx", "typescript", "javascript", "yaml", "toml", "http", "sql", "diff", "ini", "docker", "python", "lua"]);
const languages = { sh: "bash", ts: "typescript", js: "javascript", mjs: "javascript", yml: "yaml", dockerfile: "docker" };

export const escape = (text) => text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);

function colour(code, language) {
  const name = languages[language] ?? language;
  return Prism.languages[name] ? Prism.highlight(code, Prism.languages[name], name) : escape(code);
}

// What was typed at a prompt, the lines that go on with it, and what was answered.
function transcript(code) {
  let typed = false;
  return code.replace(/\n$/, "").split("\n").map((line) => {
    const [, prompt, command] = /^(\$ |> )(.*)$/.exec(line) ?? [];
    typed = prompt === "$ " || (prompt === "> " && typed);
    if (!typed) return `<span class="output">${escape(line)}</span>`;
    return `<span class="prompt" aria-hidden="true">${escape(prompt)}</span><span class="typed">${colour(command, "bash")}</span>`;
  }).join("\n") + "\n";
}

/** A block of code: {html, transcript}. */
export function block(code, language) {
  const html = language === "console" ? transcript(code) : colour(code, language);
  return `<div class="code"><pre><code class="language-${escape(language || "text")}">${html}</code></pre></div>\n`;
}

/** known are the addresses of names that lead to their page wherever they are written as code; copies takes each file that a page shows. */
export function markdown(known, copies = new Set()) {
  const md = new MarkdownIt({ html: true, linkify: false });
  md.renderer.rules.fence = (tokens, i) => (tokens[i].info.trim() === "mermaid" ? diagram : block)(tokens[i].content, tokens[i].info.trim().split(/\s/)[0]);
  md.renderer.rules.table_open = () => '<div class="scroll"><table>\n';
  md.renderer.rules.table_close = () => "</table></div>\n";
  const html = (tokens, i) => tokens[i].content.replace(/<!--[\s\S]*?-->\s*/g, "");
  md.renderer.rules.html_block = md.renderer.rules.html_inline = html;

  md.core.ruler.push("parts", ({ tokens }) => {
    const slugger = new GithubSlugger();
    tokens.forEach((token, i) => {
      if (token.type !== "heading_open") return;
      const inline = tokens[i + 1];
      const id = slugger.slug(inline.children.map((t) => (["text", "code_inline"].includes(t.type) ? t.content : "")).join(""));
      token.attrSet("id", id);
      if (token.tag === "h1" || inline.children.some((t) => t.type === "link_open")) return;
      inline.children.unshift(Object.assign(new token.constructor("link_open", "a", 1), { attrs: [["class", "part"], ["href", "#" + id]], meta: "part" }));
      inline.children.push(new token.constructor("link_close", "a", -1));
    });
  });

  md.core.ruler.push("links", ({ tokens, env }) => {
    const follow = (token, name) => {
      const { href, copy } = resolve(env.from, token.attrGet(name));
      if (copy) copies.add(copy);
      token.attrSet(name, href);
    };
    for (const { children } of tokens) {
      let inside = 0;
      for (const token of children ?? []) {
        if (token.type === "link_open") inside++;
        if (token.type === "link_close") inside--;
        if (token.type === "link_open" && token.meta !== "part" && env.from.file) follow(token, "href");
        if (token.type === "image") {
          follow(token, "src");
          token.meta = { bare: inside > 0 };
        }
        if (token.type === "code_inline" && !inside && known.has(token.content) && known.get(token.content) !== env.from.address) {
          token.meta = { href: way(env.from.address, known.get(token.content)) };
        }
      }
    }
  });
  md.renderer.rules.code_inline = (tokens, i) => {
    const { content, meta } = tokens[i];
    const code = `<code>${escape(content)}</code>`;
    return meta?.href ? `<a href="${meta.href}">${code}</a>` : code;
  };
  md.renderer.rules.image = (tokens, i, options, env, self) => {
    tokens[i].attrSet("alt", tokens[i].content);
    tokens[i].attrSet("loading", "lazy");
    const img = `<img${self.renderAttrs(tokens[i])}>`;
    return tokens[i].meta.bare ? img : `<a class="picture" href="${escape(tokens[i].attrGet("src"))}">${img}</a>`;
  };
  return md;
}
