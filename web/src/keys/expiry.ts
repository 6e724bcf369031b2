import type { Schema } from "@latchkey-dev/sdk";

import { endOfDay } from "../ui/format";

export type Policy = Schema<"AccessKeyPolicy">;

/** When a key is to expire: in so many days, as late as the instance allows, at the end of a day, or never. */
export type Term = "30" | "90" | "365" | "most" | "date" | "never";

export interface Expiry {
  term: Term;
  /** For "date": a value of an input of type date. */
  day: string;
}

export const presets: readonly Term[] = ["30", "90", "365"];
const day = 86_400_000;
const slack = 60_000; // the service's clock is another one

/** The longest life that a new key may have, in milliseconds. */
const most = (policy: Policy) => (policy.life_most_seconds === undefined ? Infinity : policy.life_most_seconds * 1000);

export function offers(policy: Policy, term: Term): boolean {
  switch (term) {
    case "never":
      return !policy.expiry_required;
    case "most":
      return most(policy) < 365 * day && !presets.some((p) => Number(p) * day === most(policy));
    case "date":
      return most(policy) >= day;
    default:
      return Number(term) * day <= most(policy);
  }
}

/** What is chosen before anybody chooses. */
export const usual = (policy: Policy): Term => (offers(policy, "90") ? "90" : offers(policy, "most") ? "most" : "30");

/** The last day at whose end a key may expire, where there is one. */
export function lastDay(policy: Policy, now: Date): Date | undefined {
  if (most(policy) === Infinity) return undefined;
  const latest = new Date(now.getTime() + most(policy) - slack);
  return new Date(latest.getFullYear(), latest.getMonth(), latest.getDate() - 1); // whose end is surely before
}

/** The moment that is meant; null: never; undefined: none yet. */
export function momentOf({ term, day: on }: Expiry, policy: Policy, now: Date): Date | null | undefined {
  const inTime = (ms: number) => new Date(now.getTime() + Math.min(ms, most(policy) - slack));
  switch (term) {
    case "never":
      return null;
    case "most":
      return inTime(most(policy));
    case "date": {
      const end = /^\d{4}-\d{2}-\d{2}$/.test(on) ? endOfDay(on) : undefined;
      return end && end > now ? end : undefined;
    }
    default:
      return inTime(Number(term) * day);
  }
}
