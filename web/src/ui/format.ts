// How numbers, times and lists are written: by the reader's language and in their time zone.

const count = new Intl.NumberFormat();
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const zone = new Intl.DateTimeFormat(undefined, { timeZoneName: "long" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const and = new Intl.ListFormat(undefined, { type: "conjunction" });
const plurals = new Intl.PluralRules("en"); // of our own sentences

export const number = (n: number) => count.format(n);
export const shortNumber = (n: number) => compact.format(n);
export const list = (items: readonly string[]) => and.format(items);

/** "1 key", "2 keys". */
export function plural(n: number, one: string, other = one + "s"): string {
  return `${number(n)} ${plurals.select(n) === "one" ? one : other}`;
}

export const moment = (at: string | Date) => exact.format(new Date(at));
export const date = (at: string | Date) => day.format(new Date(at));

/** The reader's time zone by its name, which differs in summer. */
export const zoneName = (at: Date = new Date()) => zone.formatToParts(at).find((p) => p.type === "timeZoneName")?.value ?? "your time zone";

const units = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["week", 7 * 86_400],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

/** "in 3 days", "2 hours ago". */
export function fromNow(at: string | Date, now = Date.now()): string {
  const seconds = Math.round((new Date(at).getTime() - now) / 1000);
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? units[units.length - 1]!;
  return relative.format(Math.round(seconds / size), unit);
}

/** A duration in the unit that reads best: "0.8 ms", "14 ms", "1.2 s". */
export function duration(ms: number): string {
  if (ms < 10) return `${(Math.round(ms * 10) / 10).toLocaleString()} ms`;
  if (ms < 1000) return `${number(Math.round(ms))} ms`;
  return `${(Math.round(ms / 100) / 10).toLocaleString()} s`;
}

/** The last moment of a day in the reader's time zone, of an input of type date. */
export function endOfDay(value: string): Date {
  const [y, m, d] = value.split("-").map(Number);
  return new Date(y!, m! - 1, d!, 23, 59, 59, 0);
}

/** A moment as the value of an input of type date, in the reader's time zone. */
export function dayValue(at: string | Date): string {
  const d = new Date(at);
  return [String(d.getFullYear()).padStart(4, "0"), String(d.getMonth() + 1).padStart(2, "0"), String(d.getDate()).padStart(2, "0")].join("-");
}

export function inDays(days: number, now = new Date()): string {
  return dayValue(new Date(now.getFullYear(), now.getMonth(), now.getDate() + days));
}
