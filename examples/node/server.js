import { Latchkey } from "@latchkey-dev/sdk";
import { protect } from "@latchkey-dev/sdk/express";
import express from "express";

const { LATCHKEY_URL: baseUrl = "http://localhost:8080", LATCHKEY_KEY: key, PORT = "3000" } = process.env;
if (!key) {
  console.error("Set LATCHKEY_KEY to an access key whose owner holds VERIFY_ACCESS_KEYS.");
  process.exit(2);
}

const app = express();
app.enable("case sensitive routing"); // Latchkey compares paths letter by letter
app.disable("x-powered-by");

// The one line. Everything below it needs a key that may make the request.
app.use(protect(new Latchkey({ baseUrl, key }), { onError: (error) => console.error(String(error)) }));

const media = new Map([["1", { id: "1", title: "A lighthouse" }]]);

app.get("/media", (req, res) => void res.json({ for: res.locals.latchkey.account.handle, media: [...media.values()] }));
app.get("/media/:id", (req, res) => void (media.has(req.params.id) ? res.json(media.get(req.params.id)) : res.sendStatus(404)));
app.delete("/media/:id", (req, res) => void res.sendStatus(media.delete(req.params.id) ? 204 : 404));

const server = app.listen(Number(PORT), "localhost", () => console.log(`The API is ready at http://localhost:${server.address().port}`));
process.once("SIGTERM", () => server.close());
