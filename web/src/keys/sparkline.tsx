import { date, number, plural, shortNumber } from "../ui/format";

const height = 22;
const step = 2;

/** Requests by day as bars, in words for those who do not see them. It takes its place before its numbers are there. */
export function Sparkline({ counts, from }: { counts: number[]; from: string }) {
  const most = Math.max(...counts);
  const sum = counts.reduce((a, b) => a + b, 0);
  const peak = date(new Date(new Date(from).getTime() + counts.indexOf(most) * 86_400_000 + 43_200_000)); // noon: the same day nearly everywhere
  const words = `${plural(sum, "request")} in 30 days, ${number(most)} of them on ${peak}`;
  const bars = counts.map((n, i) => (n > 0 ? `M${i * step} ${height}v${-Math.max(1.5, (n / most) * (height - 1))}h1.4V${height}z` : "")).join("");
  return (
    <span className="spark" title={words}>
      <svg role="img" aria-label={words} width={counts.length * step} height={height} viewBox={`0 0 ${counts.length * step} ${height}`}>
        <path className="spark-ground" d={`M0 ${height - 0.5}h${counts.length * step}`} />
        <path className="spark-bars" d={bars} />
      </svg>
      <span className="spark-sum" aria-hidden="true">
        {shortNumber(sum)}
      </span>
    </span>
  );
}

/** Of the same size, for a key without numbers. */
export function NoSparkline({ words }: { words: string }) {
  return (
    <span className="spark muted" title={words}>
      <svg aria-hidden="true" width={30 * step} height={height} viewBox={`0 0 ${30 * step} ${height}`}>
        <path className="spark-ground" d={`M0 ${height - 0.5}h${30 * step}`} />
      </svg>
      <span className="spark-sum" />
      <span className="sr-only">{words}</span>
    </span>
  );
}
