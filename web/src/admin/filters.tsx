import { useEffect, useRef, useState, type ReactNode } from "react";
import { useSearchParams } from "react-router";

import { TextField } from "../ui/field";

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

/** A text to search for; it is searched once the typing rests. */
export function SearchFilter({ label, hint, value, onChange }: { label: string; hint?: ReactNode; value: string; onChange: (next: string) => void }) {
  const [typed, setTyped] = useState(value);
  const told = useRef(value);
  const tell = useRef(onChange);
  useEffect(() => {
    tell.current = onChange; // other filters may have changed the address while the typing rested
  });
  useEffect(() => {
    if (value === told.current) return;
    told.current = value; // by a link, or a way back
    setTyped(value);
  }, [value]);
  useEffect(() => {
    const text = typed.trim();
    if (text === told.current) return;
    const soon = setTimeout(() => {
      told.current = text;
      tell.current(text);
    }, 250);
    return () => clearTimeout(soon);
  }, [typed]);
  return <TextField className="search" type="search" label={label} hint={hint} maxLength={100} autoComplete="off" spellCheck={false} value={typed} onChange={(e) => setTyped(e.target.value)} />;
}
