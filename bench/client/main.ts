/**
 * Throughput of clients side by side, one connection each, against one server: this project's on each runtime, then
 * node-zookeeper-client and kazoo (test/interop/install.sh brings them). The server is ours on Node.
 * Usage: node dist/bench/client/main.js [SECONDS] [WINDOW]
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { cacheFolder, projectRoot } from "../../test/support/root.ts";
import { startServer } from "../../test/support/server.ts";

const [seconds = "3", window = "256"] = process.argv.slice(2);
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

const server = await startServer();
try {
  console.log(`one connection, ${window} calls outstanding, values of 1 KiB, ${seconds} s each`);
  for (const contender of contenders()) {
    const [read, write] = ["read", "write"].map((op) => {
      return measure(contender, `127.0.0.1:${server.port}`, op);
    });
    console.log(`${contender.name.padEnd(28)} reads/s ${read}  writes/s ${write}`);
  }
} finally {
  await server.stop();
}
