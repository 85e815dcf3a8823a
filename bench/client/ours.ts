/** One client of this project under load: keeps WINDOW calls outstanding for SECONDS, prints calls per second. */
import process from "node:process";
import { type Client, connect } from "../../src/client/index.ts";

const [server, op, window, seconds] = process.argv.slice(2) as [string, string, string, string];

/** WINDOW loops, each awaiting its call before the next. */
async function load(call: () => Promise<unknown>, forMs: number): Promise<number> {
  const startedMs = performance.now();
  let calls = 0, isOver = false;
  const loop = async () => {
    while (!isOver) {
      await call();
      calls++;
    }
  };
  const timer = setTimeout(() => isOver = true, forMs);
  await Promise.all(Array.from({ length: Number(window) }, loop));
  clearTimeout(timer);
  return calls / (performance.now() - startedMs) * 1000;
}

async function main(zk: Client): Promise<void> {
  const data = new Uint8Array(1024).fill(120);
  const path = "/client-bench";
  if (await zk.exists(path) === undefined) await zk.create(path, data);
  const call = op === "read" ? () => zk.getData(path) : () => zk.setData(path, data);
  await load(call, 1000);
  console.log(Math.round(await load(call, Number(seconds) * 1000)));
}

const zk = await connect(server);
await main(zk);
await zk.close();
