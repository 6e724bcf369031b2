// Draws with uPlot, and is loaded when the first chart is shown. Colours are the page's own and follow its light and dark.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { duration, shortNumber } from "./format";
import type { Drawing } from "./chart";

export interface Plot {
  update: (next: Drawing) => void;
  destroy: () => void;
}

const height = 220;

// A token's value is an expression; what it comes to now is known once something has that colour.
function colours(box: HTMLElement) {
  const probe = document.createElement("span");
  probe.hidden = true;
  box.append(probe);
  const found = new Map<string, string>();
  return {
    of: (token: string) => {
      let colour = found.get(token);
      if (colour === undefined) {
        probe.style.color = `var(${token})`;
        colour = getComputedStyle(probe).color;
        found.set(token, colour);
      }
      return colour;
    },
    forget: () => found.clear(),
  };
}

// Stacked, each series stands on those before it. uPlot draws the last one last, so the whole heap comes first.
function columns({ times, series, kind }: Drawing): uPlot.AlignedData {
  if (kind === "points") return [times.map((_, i) => i), ...series.map((s) => s.values.map((v) => Math.max(v, 0.1)))];
  const heaps = series.map((_, top) => times.map((_, i) => series.slice(0, top + 1).reduce((sum, s) => sum + s.values[i]!, 0)));
  return [times as number[], ...heaps.reverse()];
}

const day = (zone: string | undefined) => new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: zone });
const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

function timeAxis(d: Drawing): Partial<uPlot.Axis> {
  if (d.kind === "points") return { values: (_, splits) => splits.map(() => ""), ticks: { show: false }, size: 12 };
  const days = day(d.bucket === "day" ? "UTC" : undefined);
  return {
    space: 64,
    size: 32,
    values: (_, splits) => splits.map((s) => {
      const at = new Date(s * 1000);
      return d.bucket === "hour" && at.getHours() !== 0 ? hour.format(at) : days.format(at);
    }),
  };
}

// Whole numbers, or 1, 2 and 5 of each power of ten.
function valueAxis(d: Drawing): Partial<uPlot.Axis> {
  if (d.kind === "bars") {
    const incrs = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((n) => n * 10 ** power)).flat();
    return { space: 36, incrs, values: (_, splits) => splits.map((v) => shortNumber(v)) };
  }
  return {
    splits: (_, __, min, max) => {
      const first = Math.round(Math.log10(min));
      const powers = Array.from({ length: Math.round(Math.log10(max)) - first + 1 }, (_, i) => 10 ** (first + i));
      return (powers.length > 3 ? powers : powers.flatMap((p) => [p, 2 * p, 5 * p])).filter((v) => v >= min * 0.999 && v <= max * 1.001);
    },
    filter: (_, splits) => splits,
    values: (_, splits) => splits.map((v) => duration(v)),
  };
}

function scales(d: Drawing): uPlot.Scales {
  if (d.kind === "points") {
    return {
      x: { time: false, range: (_, min, max) => [min - 1, max + 1] },
      y: { distr: 3, range: (_, min, max) => [10 ** Math.floor(Math.log10(min || 1)), 10 ** Math.max(Math.ceil(Math.log10(max || 1)), Math.floor(Math.log10(min || 1)) + 1)] },
    };
  }
  const half = (d.bucket === "day" ? 86_400 : 3_600) / 2;
  return { x: { time: true, range: (_, min, max) => [min - half, max + half] }, y: { range: (_, __, max) => [0, Math.max(4, max * 1.08)] } };
}

function series(d: Drawing, colour: (token: string) => string): uPlot.Series[] {
  if (d.kind === "points") {
    return d.series.map((s) => ({ label: s.label, scale: "y", paths: () => null, points: { show: true, size: 7, width: 0, fill: () => colour(s.token), stroke: () => colour(s.token) } }));
  }
  const bars = uPlot.paths.bars!({ size: [0.72, 26] });
  return [...d.series].reverse().map((s) => ({ label: s.label, scale: "y", paths: bars, points: { show: false }, width: 0, stroke: () => colour(s.token), fill: () => colour(s.token) }));
}

function draw(box: HTMLElement, d: Drawing, colour: (token: string) => string, onPoint: (index: number | null) => void): uPlot {
  const font = `12px ${getComputedStyle(box).fontFamily}`;
  const axis = { font, stroke: () => colour("--muted"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { stroke: () => colour("--line"), width: 1, size: 4 } };
  return new uPlot(
    {
      width: Math.max(box.clientWidth, 200),
      height,
      tzDate: (s) => (d.bucket === "day" ? uPlot.tzDate(new Date(s * 1000), "UTC") : new Date(s * 1000)),
      padding: [10, 4, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      hooks: { setCursor: [(u) => onPoint(u.cursor.idx ?? null)] },
      scales: scales(d),
      series: [{}, ...series(d, colour)],
      axes: [
        { ...axis, ...timeAxis(d), grid: { show: false } },
        { ...axis, size: 56, ...valueAxis(d) },
      ],
    },
    columns(d),
    box,
  );
}

export function plot(box: HTMLElement, first: Drawing, onPoint: (index: number | null) => void): Plot {
  const colour = colours(box);
  let now = first;
  let u = draw(box, now, colour.of, onPoint);
  const repaint = () => {
    colour.forget();
    u.redraw(true, true);
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", repaint);
  const chosen = new MutationObserver(repaint);
  chosen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  const size = new ResizeObserver(() => box.clientWidth > 0 && box.clientWidth !== u.width && u.setSize({ width: box.clientWidth, height }));
  size.observe(box);
  return {
    update: (next) => {
      const same = next.kind === now.kind && next.bucket === now.bucket && next.series.length === now.series.length;
      now = next;
      if (same) return u.setData(columns(next));
      u.destroy();
      u = draw(box, next, colour.of, onPoint);
    },
    destroy: () => {
      dark.removeEventListener("change", repaint);
      chosen.disconnect();
      size.disconnect();
      u.destroy();
    },
  };
}
