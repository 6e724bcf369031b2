import { Latchkey } from "@latchkey-dev/sdk";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { binary } from "./build";

export const password = "correct horse battery staple";

/** Who calls the API in a test, with a session of their own. */
export interface Person {
  handle: string;
  id: string;
  /** Of the instance. */
  url: string;
  api: Latchkey;
  /** The session's cookie, as "name=value". */
  cookie: string;
}

/** One run of the program with a database of its own. */
export class Instance {
  private constructor(
    private readonly process: ChildProcess,
    private readonly dir: string,
    private readonly said: { out: string; err: string },
    readonly url: string,
  ) {}

  /** Starts the program on a free port and waits until it is ready. */
  static async start(env: Record<string, string> = {}): Promise<Instance> {
    const dir = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "lkc"));
    chmodSync(dir, 0o755); // the database's user must get in
    const child = spawn(binary, ["serve"], {
      env: { PATH: process.env.PATH, HOME: dir, LATCHKEY_LISTEN: "localhost:0", LATCHKEY_METRICS_LISTEN: "", LATCHKEY_PASSWORD_MEMORY: "19", LATCHKEY_PASSWORD_PASSES: "1", LATCHKEY_LOG_LEVEL: "debug", LATCHKEY_DATA_DIR: join(dir, "data"), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = { out: "", err: "" };
    child.stderr.on("data", (chunk) => (said.err += chunk));
    const url = await new Promise<string>((resolve, reject) => {
      child.stdout.on("data", (chunk) => {
        said.out += chunk;
        const url = /is ready at (http:\S+) /.exec(said.out)?.[1];
        if (url && /set-up code: \S+\n/.test(said.out)) resolve(url);
      });
      child.once("exit", (code) => reject(new Error(`the program ended with ${code}: ${said.err}`)));
    });
    return new Instance(child, dir, said, url);
  }

  get setupCode(): string {
    return /set-up code: (\S+)\n/.exec(this.said.out)![1]!;
  }

  /** Everything that the program has printed, its log at debug level included. */
  get printed(): string {
    return this.said.out + this.said.err;
  }

  /** Runs SQL in the database of the instance: for what takes months, or ten thousand of a thing. */
  sql(statements: string) {
    const folder = join(this.dir, "data", "postgres");
    execFileSync("psql", ["-q", "-v", "ON_ERROR_STOP=1", "-h", join(folder, "run"), "-U", "latchkey", "-d", "latchkey"], {
      input: statements,
      env: { PATH: process.env.PATH, PGPASSWORD: readFileSync(join(folder, "password"), "utf8").trim() },
      stdio: ["pipe", "ignore", "inherit"],
    });
  }

  async stop() {
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.process.kill("SIGTERM");
    await ended;
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Makes ada the first administrator. */
  async setUp(): Promise<Person> {
    return this.enter("ada", (api) => api.setupComplete({ code: this.setupCode, identifier: "ada", token: password }));
  }

  async signIn(handle: string): Promise<Person> {
    return this.enter(handle, (api) => api.authPasswordSignin({ identifier: handle, token: password }));
  }

  private async enter(handle: string, call: (api: Latchkey) => Promise<{ id: string }>): Promise<Person> {
    const person: Person = { handle, id: "", url: this.url, cookie: "", api: this.client(() => person) };
    person.id = (await call(person.api)).id;
    return person;
  }

  // Node's fetch keeps no cookies.
  private client(person: () => Person): Latchkey {
    return new Latchkey({
      baseUrl: this.url,
      retries: false,
      fetch: async (request) => {
        if (person().cookie) request.headers.set("Cookie", person().cookie);
        const response = await fetch(request);
        const set = response.headers.getSetCookie()[0];
        if (set) person().cookie = set.split(";", 1)[0]!;
        return response;
      },
    });
  }
}
