// Makes the requests of contract tests through the TypeScript client: each line of standard input is one, as JSON, and each line of
// standard output what came of it. Arguments: the built client, and the server's address.
import { createInterface } from "node:readline";

const [client, baseUrl] = process.argv.slice(2);
const { Latchkey, LatchkeyError } = await import(client);

/** What the client made of a request, and the session that began. */
async function make({ operation, path = [], query, version, body, as }) {
  let session;
  const latchkey = new Latchkey({
    baseUrl,
    retries: false,
    ...(as.key && { key: as.key }),
    fetch: async (request) => { // Node keeps no cookies
      if (as.session) request.headers.set("Cookie", as.session);
      const response = await fetch(request);
      for (const cookie of response.headers.getSetCookie()) {
        const pair = cookie.split(";", 1)[0];
        if (pair.split("=")[1]) session = pair;
      }
      return response;
    },
  });
  const method = latchkey[operation[0].toLowerCase() + operation.slice(1)];
  if (!method) return { missing: true };
  const options = version === undefined ? [] : [{ ifVersion: version }];
  try {
    const result = await method.call(latchkey, ...path, ...(body === undefined ? [] : [body]), ...(query ? [query] : []), ...options);
    return { result, session };
  } catch (error) {
    if (!(error instanceof LatchkeyError) || error.status === 0) return { broken: String(error) };
    const { status, code, detail, suggested, traceId, metadata } = error;
    return { status, result: { error: code, status, detail, suggested, trace_id: traceId, metadata } };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await make(JSON.parse(line))) + "\n");
}
