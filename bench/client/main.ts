/**
 * Throughput of clients side by side, one connection each, against one server: this project's on each runtime, then
 * node-zookeeper-client and kazoo (test/interop/install.sh brings them). The server is ours on Node; or one that answers from
 * constants, which shows what the clients can do where neither a server nor its disk holds them up.
 * Usage: node dist/bench/client/main.js [SECONDS] [WINDOW] [ours|constants] [ROUNDS]
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { freePort } from "../../test/support/ports.ts";
import { cacheFolder, projectRoot } from "../../test/support/root.ts";
import { startServer } from "../../test/support/server.ts";
import { median } from "../figures.ts";
import { startConstantServer } from "../support/load_process.ts";

const [seconds = "3", window = "256", kind = "ours", rounds = "1"] = process.argv.slice(2);
const root = projectRoot(), cache = cacheFolder();
const runtimes = join(root, ".ci/runtimes/node_modules/.bin");

interface Contender {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

function contenders(): Contender[] {
  const source = join(root, "bench/client/ours.ts");
  const list: Contender[] = [
    {
      name: "menagerie/client, Node",
      command: [process.execPath, join(root, "dist/bench/client/ours.js")],
    },
    {
      name: "menagerie/client, Deno",
      command: [join(runtimes, "deno"), "run", "-A", "--no-check", source],
    },
    { name: "menagerie/client, Bun", command: [join(runtimes, "bun"), "run", source] },
  ];
  const nodeClient = join(cache, "node_client");
  if (existsSync(nodeClient)) {
    const script = join(nodeClient, "bench.cjs"); // beside the package, so that `require` finds it
    copyFileSync(join(root, "bench/client/node_client.cjs"), script);
    list.push({ name: "node-zookeeper-client, Node", command: [process.execPath, script] });
  }
  const python = join(cache, "kazoo/venv/bin/python");
  if (existsSync(python)) {
    list.push({
      name: "kazoo, CPython",
      command: [python, join(root, "bench/client/kazoo_client.py")],
    });
  }
  return list;
}

function measure(
  { name, command: [program, ...args] }: Contender,
  server: string,
  op: string,
): number {
  const run = spawnSync(program, [...args, server, op, window, seconds], { encoding: "utf8" });
  const rate = Number(run.stdout.trim());
  if (run.status !== 0 || !(rate > 0)) {
    throw new Error(`${name} failed: ${run.stdout}${run.stderr}`);
  }
  return rate;
}

const OPS = ["read", "write"] as const;
type Op = (typeof OPS)[number];
/** Of 1 KiB with its stat, and of a stat. */
const REPLY_BODY_BYTES: Readonly<Record<Op, number>> = { read: 1096, write: 68 };

interface Servers {
  portOf(op: Op): number;
  stop(): Promise<unknown>;
}

async function startServers(): Promise<Servers> {
  if (kind !== "constants") {
    const server = await startServer();
    return { portOf: () => server.port, stop: () => server.stop() };
  }
  const ports = { read: await freePort(), write: await freePort() };
  const stops = await Promise.all(
    OPS.map((op) => startConstantServer(ports[op], REPLY_BODY_BYTES[op])),
  );
  return { portOf: (op) => ports[op], stop: () => Promise.all(stops.map((stop) => stop())) };
}

const servers = await startServers();
try {
  console.log(
    `one connection, ${window} calls outstanding, values of 1 KiB, ${seconds} s each, server: ${kind}`,
  );
  for (const contender of contenders()) {
    const medians = OPS.map((op) => {
      const rates = Array.from({ length: Number(rounds) }, () => {
        return measure(contender, `127.0.0.1:${servers.portOf(op)}`, op);
      });
      return median(rates);
    });
    const load = (loadavg()[0] as number).toFixed(1);
    const [read, write] = medians.map((rate) => String(rate).padStart(8));
    console.log(`${contender.name.padEnd(28)} reads/s ${read}  writes/s ${write}  load ${load}`);
  }
} finally {
  await servers.stop();
}
