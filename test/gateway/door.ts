/** A server in this process with its HTTP door, on free ports and a folder of its own. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HttpDoor } from "../../src/admin/http_door.ts";
import type { Log } from "../../src/base/log.ts";
import { openDoor } from "../../src/gateway/door.ts";
import type { Runtime } from "../../src/runtime.ts";
import { DEFAULT_OPTIONS, type ServerOptions } from "../../src/server/options.ts";
import { type RunningServer, startServer } from "../../src/server/server.ts";
import { hostHttp } from "../support/http.ts";
import { hostRuntime } from "../support/runtime.ts";

export const TOKEN = "token-of-the-tests-0123456789";

export interface Stage {
  readonly url: string;
  readonly server: RunningServer;
  readonly door: HttpDoor;
  readonly runtime: Runtime;
  /** All that was logged, as text. */
  readonly log: () => string;
  readonly folder: string;
}

export interface StageOptions extends Partial<ServerOptions> {
  /** Lines of the token file. */
  readonly tokens?: readonly string[];
  /** Of `hostHttp`. */
  readonly handshakeMs?: number;
}

export async function withDoor(
  body: (stage: Stage) => Promise<void>,
  { tokens, handshakeMs, ...options }: StageOptions = {},
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "menagerie-http-"));
  const tokenFile = join(folder, "tokens");
  if (tokens !== undefined) writeFileSync(tokenFile, tokens.join("\n"));
  const runtime = await hostRuntime();
  const lines: string[] = [];
  const write = (level: string) => (message: string, facts: object = {}) =>
    void lines.push(`${level} ${message} ${Object.entries(facts).join(" ")}`);
  const log: Log = {
    debug: write("DEBUG"),
    info: write("INFO"),
    warn: write("WARN"),
    error: write("ERROR"),
  };
  const server = await startServer(
    runtime,
    {
      ...DEFAULT_OPTIONS,
      clientPort: 0,
      clientPortAddress: "127.0.0.1",
      dataDir: folder,
      dataLogDir: folder,
      adminPort: 0,
      preAllocBytes: 0,
      ...(tokens === undefined ? {} : { tokenFile }),
      ...options,
    },
    log,
    { version: "test" },
  );
  const door = await openDoor(await hostHttp(handshakeMs), {
    runtime,
    log,
    version: "0.0.0",
    server: {
      view: server.view,
      control: server.control,
      runtime,
      version: "3.9.5-test",
      initialConfiguration: "tickTime=3000\n",
    },
  });
  const url = `http://127.0.0.1:${door.address.port}`;
  try {
    await body({ url, server, door, runtime, log: () => lines.join("\n"), folder });
  } finally {
    await door.close();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function json(
  response: Response | Promise<Response>,
): Promise<Record<string, unknown>> {
  return await (await response).json() as Record<string, unknown>;
}
