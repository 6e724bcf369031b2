// One key as the screens about it share it: what is known of it, and how it is changed.
import { LatchkeyError } from "@latchkey-dev/sdk";
import { queryOptions } from "@tanstack/react-query";
import { useState } from "react";

import { api, put, queries, type AccessKey } from "../api";

/** A key, and asked for often while its revocation is not sure to hold everywhere. */
export const oneKey = (id: string) =>
  queryOptions({
    queryKey: ["access-key", id],
    queryFn: ({ signal }) => api.accessKeyGet(id, { signal }),
    refetchInterval: (query) => (query.state.data?.status === "revoking" ? 1000 : false),
  });

/** Puts a key where the screens look for it. A key that has just been given a secret is to come without it. */
export async function keep(key: AccessKey) {
  await put(oneKey(key.id), key);
  void queries.invalidateQueries({ queryKey: ["access-keys"] });
  void queries.invalidateQueries({ queryKey: ["access-key", key.id, "history"] });
}

/** Asks anew for a key, and tells the screens. */
export async function fresh(id: string): Promise<AccessKey> {
  const key = await api.accessKeyGet(id);
  await keep(key);
  return key;
}

export const is = (error: unknown, ...codes: string[]) => error instanceof LatchkeyError && error.code !== undefined && codes.includes(error.code);

/** What is known of a change that is made to the key as it was when somebody began to edit it. */
export interface Change {
  busy: boolean;
  error: unknown;
  /** The key as it is now, where it changed while somebody was editing. */
  meanwhile: AccessKey | undefined;
  /** Makes the change; true once it is made. */
  make: () => Promise<boolean>;
}

/**
 * Changes a key unless it changed since the editing began. Then nothing is done and the fresh values are told; making the
 * change again overwrites them. A change that was not confirmed may have been made: repeating it is right.
 */
export function useChange(key: AccessKey, call: (ifVersion: number) => Promise<unknown>): Change {
  const [base, setBase] = useState(key.version);
  const [state, setState] = useState<Omit<Change, "make">>({ busy: false, error: undefined, meanwhile: undefined });
  const make = async () => {
    setState({ busy: true, error: undefined, meanwhile: undefined });
    try {
      await call(base);
      setState({ busy: false, error: undefined, meanwhile: undefined });
      return true;
    } catch (error) {
      const changed = is(error, "version_mismatch");
      const now = changed || is(error, "revocation_unconfirmed") ? await fresh(key.id).catch(() => undefined) : undefined;
      if (now) setBase(now.version);
      setState({ busy: false, error, meanwhile: changed ? now : undefined });
      return false;
    }
  };
  return { ...state, make };
}
