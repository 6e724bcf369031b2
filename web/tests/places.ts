/** Everything of a page that a script could read. */
export async function placesOfThePage() {
  const visible = document.cookie;
  const databases = await indexedDB.databases();
  // The caches are no globals: they are found as a debugger of React finds them, by the tree that it keeps on the root.
  const root = document.getElementById("root")!;
  const key = Object.keys(root).find((k) => k.startsWith("__reactContainer$"))!;
  const find = (fiber: any): any => {
    for (let f = fiber; f; f = f.sibling) {
      if (f.memoizedProps?.client?.getMutationCache) return f.memoizedProps.client;
      const found = find(f.child);
      if (found) return found;
    }
  };
  const client = find((root as any)[key]);
  const whole = (value: unknown) => JSON.stringify(value, (_, v) => (v instanceof Map ? [...v] : v instanceof Error ? { ...v, message: v.message } : v));
  return {
    document: document.documentElement.outerHTML,
    fields: [...document.querySelectorAll("input, textarea")].map((e) => (e as HTMLInputElement).value).join(" "),
    localStorage: JSON.stringify({ ...localStorage }),
    sessionStorage: JSON.stringify({ ...sessionStorage }),
    indexedDB: JSON.stringify(databases),
    cookies: visible,
    location: location.href,
    history: JSON.stringify(history.state),
    name: window.name,
    title: document.title,
    performance: JSON.stringify(performance.getEntries()),
    caches: "caches" in window ? JSON.stringify(await caches.keys()) : "",
    queries: whole(client.getQueryCache().getAll().map((q: any) => [q.queryKey, q.state])),
    mutations: whole(client.getMutationCache().getAll().map((m: any) => m.state)),
    mutationsSeen: String(client.getMutationCache().getAll().length),
  };
}
