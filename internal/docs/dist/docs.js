// What needs a script: search, copying, and places that scroll and can be reached with the keyboard. Everything else works without.
"use strict";
(() => {
  const root = document.body.dataset.root;
  const disk = location.protocol === "file:";
  const create = (name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };

  document.querySelector("a.console").hidden = disk;
  const here = document.querySelector(".menu [aria-current]");
  const menu = here?.closest("nav");
  if (here?.offsetTop > menu?.clientHeight) menu.scrollTop = here.offsetTop - menu.clientHeight / 2;

  const scrollers = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const place of document.querySelectorAll(".scroll, .code pre")) scrollers.observe(place);

  if (navigator.clipboard) {
    for (const code of document.querySelectorAll(".code")) {
      const typed = code.querySelectorAll(".typed");
      const button = create("button", { type: "button", className: "copy", textContent: "Copy", ariaLive: "polite" });
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(typed.length ? [...typed].map((line) => line.textContent).join("\n") : code.querySelector("code").textContent);
        button.textContent = "Copied";
        setTimeout(() => (button.textContent = "Copy"), 2000);
      });
      code.append(button);
    }
  }

  // Search
  const box = document.querySelector(".search");
  const input = box.querySelector("input");
  const found = box.querySelector(".found");
  const list = found.querySelector("ul");
  const words = (text) => text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  box.hidden = false;

  let index;
  const load = () =>
    (index ??= (async () => {
      const address = root + "search-index.js";
      if (disk) await new Promise((done) => document.head.append(create("script", { src: address, onload: done })));
      else globalThis.searchIndex = JSON.parse((await (await fetch(address)).text()).replace(/^[^=]*=/, ""));
      return globalThis.searchIndex.map((part) => ({ ...part, in: Object.fromEntries(["title", "page", "text"].map((of) => [of, " " + words(part[of]).join(" ")])) }));
    })());

  // Every word must begin a word of the part; in titles it counts more, and most if it is the whole word. Guides come before the reference.
  const score = (part, asked) => {
    let sum = part.title === part.page ? 1 : 0;
    for (const word of asked) {
      let best = 0;
      for (const [of, weight] of [["title", 8], ["page", 3], ["text", 1]]) {
        if (part.in[of].includes(" " + word)) best += (part.in[of] + " ").includes(` ${word} `) ? weight * 1.5 : weight;
      }
      if (!best) return 0;
      sum += best;
    }
    return part.at.startsWith("api/") ? sum * 0.7 : sum;
  };
  const excerpt = (page, text, word) => {
    const at = Math.max(0, text.toLowerCase().search(new RegExp(`(?<![\\p{L}\\p{N}])${word}`, "u")));
    const from = at < 40 ? 0 : text.lastIndexOf(" ", at - 25) + 1;
    return create("small", {}, create("span", {}, page), (from ? "… " : "") + text.slice(from, at), create("mark", {}, text.slice(at, at + word.length)), text.slice(at + word.length, from + 160));
  };

  async function look() {
    const asked = words(input.value);
    const parts = await load();
    if (String(asked) !== String(words(input.value))) return; // something else has been typed meanwhile
    const hits = asked.length ? parts.map((part) => [score(part, asked), part]).filter(([points]) => points > 0).sort((a, b) => b[0] - a[0]).slice(0, 12) : [];
    list.replaceChildren(
      ...hits.map(([, { at, page, title, text }]) => {
        const href = root + (disk ? at.replace(/#|$/, "index.html$&") : at);
        return create("li", {}, create("a", { href }, create("strong", {}, title), excerpt(page === title ? "" : page, text, asked[0])));
      }),
    );
    found.firstElementChild.textContent = hits.length ? (hits.length === 1 ? "1 place" : `${hits.length} places`) : "Nothing found";
    found.hidden = !asked.length;
  }
  const close = () => (found.hidden = true);

  input.addEventListener("focus", load, { once: true });
  input.addEventListener("input", look);
  input.addEventListener("focus", () => input.value && look());
  box.addEventListener("focusout", (e) => e.relatedTarget && !box.contains(e.relatedTarget) && close());
  document.addEventListener("click", (e) => !box.contains(e.target) && close());
  found.addEventListener("click", (e) => e.target.closest("a") && close());
  box.addEventListener("keydown", (e) => {
    const links = [...list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    if (e.key === "Escape") {
      close();
      input.focus();
    } else if (e.key === "Enter" && at < 0) links[0]?.click();
    else if (e.key === "ArrowDown" && !found.hidden) links[Math.min(at + 1, links.length - 1)]?.focus();
    else if (e.key === "ArrowUp" && !found.hidden && at >= 0) (links[at - 1] ?? input).focus();
    else return;
    e.preventDefault();
  });
  document.addEventListener("keydown", (e) => {
    if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName)) return;
    e.preventDefault();
    input.focus();
    input.select();
  });
})();
