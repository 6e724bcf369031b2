// Diagrams of the Markdown sources (Mermaid's sequenceDiagram and flowchart, as far as they are used) as lists of their steps, which can
// be read on a phone, aloud and on paper. What is not understood fails the build.
const label = (text) => text.replace(/<br\s*\/?>/g, " ").replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const step = (who, what) => `<span>${who}</span><span class="what">${what}</span>`;
const not = (line) => new Error(`a diagram has a line that is not understood: ${line}`);

function sequence(lines) {
  const names = new Map();
  const who = (id) => `<b>${names.get(id) ?? label(id)}</b>`;
  const items = lines.flatMap((line) => {
    const [, id, name] = /^participant (\w+)(?: as (.+))?$/.exec(line) ?? [];
    if (id) return names.set(id, label(name ?? id)) && [];
    const [, over, note] = /^Note over (\w+): (.+)$/.exec(line) ?? [];
    if (over) return [`<li>${step(who(over), label(note))}</li>`];
    const [, from, arrow, to, text] = /^(\w+)(-{1,2}(?:>>|\)))(\w+): (.+)$/.exec(line) ?? [];
    if (!from) throw not(line);
    const route = from === to ? who(from) : `${who(from)} ${arrow.startsWith("--") ? "⇢" : "→"} ${who(to)}`;
    return [`<li>${step(route, label(text))}</li>`];
  });
  return `<ol class="steps">\n${items.join("\n")}\n</ol>\n`;
}

function flow(lines) {
  const steps = new Map(); // by id: {text, exits: [{when, to}]}
  const node = (source) => {
    const [, id, shape] = /^(\w+)([[{].*)?$/.exec(source) ?? [];
    if (!id) throw not(source);
    if (!steps.has(id)) steps.set(id, { text: label(id), exits: [] });
    if (shape) steps.get(id).text = label(shape.slice(1, -1));
    return steps.get(id);
  };
  for (const line of lines) {
    const [first, ...rest] = line.split(/\s+(--(?: .+? --)?>)\s+/);
    let from = node(first);
    for (let i = 0; i < rest.length; i += 2) {
      const to = node(rest[i + 1]);
      from.exits.push({ when: rest[i].slice(2, -1).replace(/--?$/, "").trim(), to });
      from = to;
    }
  }
  const numbered = [...steps.values()].filter((step) => step.exits.length);
  const end = ({ when, to }) => `${when ? `<i>${label(when)}</i>: ` : ""}${to.exits.length ? `go on at ${numbered.indexOf(to) + 1}` : `<b>${to.text}</b>`}`;
  return `<ol class="steps">\n${numbered.map((it) => `<li>${step(`<b>${it.text}</b>`, it.exits.map(end).join("; "))}</li>`).join("\n")}\n</ol>\n`;
}

export function diagram(source) {
  const [kind, ...lines] = source.split("\n").map((line) => line.trim()).filter(Boolean);
  if (kind === "sequenceDiagram") return sequence(lines);
  if (/^flowchart (LR|TD|TB)$/.test(kind)) return flow(lines);
  throw not(kind);
}
