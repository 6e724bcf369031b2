import { useEffect, useRef, useState, type ReactNode } from "react";

import { TextField } from "./field";

const pause = 250; // ms after the last letter

/** A text to search for: it is told once the typing pauses. What comes from elsewhere, as by a way back, replaces what is there. */
export function SearchField({ label = "Search", hint, placeholder, value, onChange }: { label?: string; hint?: ReactNode; placeholder?: string; value: string; onChange: (next: string) => void }) {
  const [typed, setTyped] = useState(value);
  const told = useRef(value);
  const tell = useRef(onChange);
  useEffect(() => {
    tell.current = onChange; // other filters may have changed the address meanwhile
  });
  useEffect(() => {
    if (value === told.current) return;
    told.current = value;
    setTyped(value);
  }, [value]);
  useEffect(() => {
    const next = typed.trim();
    if (next === told.current) return;
    const timer = setTimeout(() => {
      told.current = next;
      tell.current(next);
    }, pause);
    return () => clearTimeout(timer);
  }, [typed]);
  return <TextField type="search" className="search" label={label} hint={hint} placeholder={placeholder} maxLength={100} autoComplete="off" spellCheck={false} value={typed} onChange={(e) => setTyped(e.target.value)} />;
}
