import { useEffect, useId, useRef, useState, type ReactNode } from "react";

import type { Plot } from "./plot";
import "./chart.css";

/** What is drawn: bars that stand on one another over time, or points in their order on a scale of powers of ten. */
export interface Drawing {
  kind: "bars" | "points";
  /** How long a bar is: a day of UTC, or an hour. */
  bucket?: "day" | "hour";
  /** Seconds since 1970, one for each value. */
  times: readonly number[];
  series: readonly { label: string; /** The colour, as "--query". */ token: string; values: readonly number[] }[];
}

/**
 * A chart with its key. What it shows can be read as a table, too, which is what it is for those who do not see it; its place is
 * kept while the drawing is loaded.
 */
export function Chart({ title, summary, drawing, when, value, note }: {
  title: string;
  /** What there is to see, in a sentence. */
  summary: string;
  drawing: Drawing;
  /** A moment of the chart in words. */
  when: (time: number) => string;
  value: (n: number) => string;
  note?: ReactNode;
}) {
  const id = useId();
  const [point, setPoint] = useState<number | null>(null);
  const [failed, setFailed] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot>(undefined);
  const latest = useRef(drawing);
  useEffect(() => {
    latest.current = drawing;
    plot.current?.update(drawing);
  }, [drawing]);
  useEffect(() => {
    let gone = false;
    const load = async () => {
      const { plot: draw } = await import("./plot");
      if (!gone && box.current) plot.current = draw(box.current, latest.current, setPoint);
    };
    load().catch(() => setFailed(true)); // the table below says the same
    return () => {
      gone = true;
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, []);

  const pointed = point !== null && drawing.times[point] !== undefined ? point : undefined;
  return (
    <figure className="chart" aria-labelledby={id}>
      <figcaption id={id} className="sr-only">
        {title}
      </figcaption>
      <ul className="chart-key">
        {drawing.series.map((s) => (
          <li key={s.label}>
            <svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
              <rect width="10" height="10" rx="2" style={{ fill: `var(${s.token})` }} />
            </svg>
            {s.label}
            {pointed !== undefined && <strong aria-hidden="true">{value(s.values[pointed] ?? 0)}</strong>}
          </li>
        ))}
        <li className="chart-when" aria-hidden="true">
          {pointed !== undefined && when(drawing.times[pointed]!)}
        </li>
      </ul>
      <div ref={box} className="chart-box" role="img" aria-label={summary} />
      {failed && <p className="muted">The drawing could not be loaded. The table says the same.</p>}
      {note && <p className="hint">{note}</p>}
      <details className="chart-table">
        <summary>Show as a table</summary>
        <Numbers title={title} drawing={drawing} when={when} value={value} />
      </details>
    </figure>
  );
}

function Numbers({ title, drawing, when, value }: { title: string; drawing: Drawing; when: (time: number) => string; value: (n: number) => string }) {
  const order = drawing.times.map((_, i) => i).reverse(); // newest first, as everywhere
  return (
    <div className="chart-numbers" tabIndex={0} role="region" aria-label={`${title}, as a table`}>
      <table>
        <caption className="sr-only">{title}</caption>
        <thead>
          <tr>
            <th scope="col">When</th>
            {drawing.series.map((s) => (
              <th key={s.label} scope="col" className="end">
                {s.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {order.map((i) => (
            <tr key={i}>
              <th scope="row">{when(drawing.times[i]!)}</th>
              {drawing.series.map((s) => (
                <td key={s.label} className="end">
                  {value(s.values[i]!)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
