import { useEffect, useState } from "react";
import { useSearchParams } from "react-router";

/** What a list is narrowed to: it lives in the address, so that a link or a reload shows the same. */
export function useFilters() {
  const [params, setParams] = useSearchParams();
  const get = (name: string) => params.get(name) ?? "";
  const set = (changes: Record<string, string>) => {
    const next = new URLSearchParams(params);
    for (const [name, value] of Object.entries(changes)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    setParams(next, { replace: true, preventScrollReset: true });
  };
  return { get, set };
}

/** A value once it has rested. */
export function useRested<T>(value: T, ms = 250): T {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const soon = setTimeout(() => setRested(value), ms);
    return () => clearTimeout(soon);
  }, [value, ms]);
  return rested;
}
