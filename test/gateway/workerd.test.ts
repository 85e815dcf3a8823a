/** menagerie/gateway as a plain fetch handler in workerd, the runtime of an edge platform. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { connect, textOf } from "../../src/client/index.ts";
import { projectRoot } from "../support/root.ts";
import { json, TOKEN, withDoor } from "./door.ts";
import { PROGRAMS, run, testWith } from "./outside.ts";

function config(port: number): string {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker", esModule = embed "worker.js")],
      compatibilityDate = "2026-11-01",
      bindings = [(name = "CONNECT", text = "127.0.0.1:${port}"), (name = "TOKEN", text = "${TOKEN}")],
    )),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`;
}

/** @param folder for what it is given */
async function withWorker(
  folder: string,
  port: number,
  body: (url: string) => Promise<void>,
): Promise<void> {
  const bun = process.env["MENAGERIE_BUN"] ?? ("Bun" in globalThis ? process.execPath : "bun");
  const source = join(projectRoot(), "test/gateway/workerd/worker.ts");
  const built = await run(bun, [
    "build",
    source,
    "--target=node",
    "--format=esm",
    `--outfile=${join(folder, "worker.js")}`,
  ], { cwd: projectRoot() });
  assert.equal(built.code, 0, built.output);
  writeFileSync(join(folder, "config.capnp"), config(port));
  const child = spawn(PROGRAMS.workerd, ["serve", "--control-fd=1", "config.capnp"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise((resolve) => child.on("close", resolve).on("error", resolve));
  let output = "";
  try {
    const own = await new Promise<number>((resolve, reject) => {
      const collect = (chunk: unknown): void => {
        output += String(chunk);
        const found = /"event":"listen","socket":"http","port":(\d+)/.exec(output)?.[1];
        if (found !== undefined) resolve(Number(found));
      };
      child.stdout.on("data", collect);
      child.stderr.on("data", collect);
      child.on("error", reject);
      child.on("exit", () => reject(new Error(`workerd ended:\n${output}`)));
    });
    await body(`http://127.0.0.1:${own}`);
  } catch (error) {
    console.error(output);
    throw error;
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}

testWith("workerd", "an edge function reads, writes and watches", async () => {
  await withDoor(async ({ server, folder }) => {
    const { port } = server.address;
    const zk = await connect(`127.0.0.1:${port}`);
    await withWorker(folder, port, async (url) => {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const ask = (path: string, init: RequestInit = {}) =>
        fetch(`${url}/v1${path}`, { ...init, headers: { ...headers, ...init.headers } });
      assert.equal((await fetch(`${url}/v1/nodes/`)).status, 401);
      const events = await ask("/events/edge");
      assert.equal(events.status, 200);
      const reader = (events.body as ReadableStream<Uint8Array>).getReader();
      let heard = "";
      const until = async (text: string): Promise<void> => {
        while (!heard.includes(text)) {
          const { value, done } = await reader.read();
          assert.equal(done, false, heard);
          heard += new TextDecoder().decode(value);
        }
      };
      await until("event: open");
      const made = await ask("/nodes/edge", { method: "POST", body: "from the edge" });
      assert.equal(made.status, 201);
      await until("event: created");
      assert.equal(textOf((await zk.getData("/edge")).data), "from the edge");
      const read = await ask("/nodes/edge");
      assert.equal(read.headers.get("etag"), '"0"');
      assert.equal((await json(read))["data"], "from the edge");
      const stale = await ask("/nodes/edge", {
        method: "PUT",
        body: "x",
        headers: { "if-match": '"5"' },
      });
      assert.equal((await json(stale))["code"], "BAD_VERSION");
      const many = await Promise.all(Array.from({ length: 20 }, () => ask("/stats/edge")));
      assert.deepEqual([...new Set(many.map(({ status }) => status))], [200]);
      await reader.cancel();
    });
    await zk.close();
  });
});
