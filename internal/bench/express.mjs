// A route that does nothing, bare at /bare and behind the middleware of the TypeScript client elsewhere.
import express from "../../sdk/typescript/node_modules/express/index.js";
import { protect } from "../../sdk/typescript/dist/express.js";
import { Latchkey } from "../../sdk/typescript/dist/index.js";

const { BENCH_URL: baseUrl, BENCH_KEY: key } = process.env;
const [host, port] = process.argv[2].split(":");
const app = express();
app.get("/bare", (_, res) => res.sendStatus(204));
app.use(protect(new Latchkey({ baseUrl, key })));
app.use((_, res) => res.sendStatus(204));
app.listen(Number(port), host);
