import { useEffect, useRef, useState } from "react";

import { TextField } from "../ui/field";

const pause = 250; // after the last letter

/** Tells what is looked for once typing has paused. What comes from elsewhere, as by a way back, replaces what is there. */
export function SearchField({ value, onChange }: { value: string; onChange: (next: string) => void }) {
  const [text, setText] = useState(value);
  const told = useRef(value);
  const tell = useRef(onChange);
  useEffect(() => {
    tell.current = onChange;
  });
  useEffect(() => {
    if (value === told.current) return;
    told.current = value;
    setText(value);
  }, [value]);
  useEffect(() => {
    const next = text.trim();
    if (next === told.current) return;
    const timer = setTimeout(() => {
      told.current = next;
      tell.current(next);
    }, pause);
    return () => clearTimeout(timer);
  }, [text]);
  return <TextField type="search" className="search" label="Search" placeholder="Name, hint or id" maxLength={100} autoComplete="off" value={text} onChange={(e) => setText(e.target.value)} />;
}
