/** What a call gave, and how long it took. A call that withdraws something answers once that holds on every instance. */
export async function timed<T>(call: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const begun = performance.now();
  const value = await call();
  return { value, ms: performance.now() - begun };
}
