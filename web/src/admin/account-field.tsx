import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useId, useRef, useState, type ReactNode } from "react";

import { api } from "../api";
import { TextField } from "../ui/field";
import { useRested } from "./filters";
import { accountOf } from "./queries";

/** Chooses an account by its handle, with those offered that fit what was typed. The value is its id; empty: none. */
export function AccountField({ label, hint, value, onChange, required }: { label: string; hint?: ReactNode; value: string; onChange: (id: string) => void; required?: boolean }) {
  const options = useId();
  const [typed, setTyped] = useState<string>();
  const chosen = useQuery({ ...accountOf(value), enabled: value !== "" });
  const text = (typed ?? "").trim();
  const rested = useRested(text);
  const found = useQuery({
    queryKey: ["admin", "accounts", "offered", rested],
    queryFn: ({ signal }) => api.accountList({ search: rested, limit: 100 }, { signal }),
    enabled: rested !== "",
    placeholderData: keepPreviousData,
  });
  const offered = text === "" ? [] : (found.data?.accounts ?? []);
  const fits = offered.find((a) => a.handle === text.toLowerCase());
  const told = useRef(value);
  useEffect(() => {
    if (value === told.current) return;
    told.current = value; // by a link, or a way back
    setTyped(undefined);
  }, [value]);
  useEffect(() => {
    if (!fits || fits.id === told.current) return;
    told.current = fits.id;
    onChange(fits.id);
  }, [fits, onChange]);

  const known = value !== "" ? chosen.data : undefined;
  const settled = rested === text && !found.isFetching;
  let error: ReactNode;
  if (found.isError && text !== "") error = "The accounts cannot be searched now. Try again in a moment.";
  else if (text !== "" && settled && !fits) error = "No account has this handle.";
  else if (chosen.isError && value !== "") error = "There is no account with the id in the address.";
  return (
    <>
      <TextField
        label={label}
        hint={hint && known && (typed === undefined || fits) ? <bdi>{known.name}</bdi> : hint}
        error={error}
        list={options}
        required={required}
        maxLength={30}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        value={typed ?? known?.handle ?? ""}
        onChange={(e) => {
          setTyped(e.target.value);
          if (told.current !== "") onChange("");
          told.current = "";
        }}
      />
      <datalist id={options}>
        {offered.map((a) => (
          <option key={a.id} value={a.handle}>
            {a.name}
          </option>
        ))}
      </datalist>
    </>
  );
}
