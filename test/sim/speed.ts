/**
 * How many simulated events a second this engine runs: `bun test/sim/speed.ts [seeds]`. Three machines ping each other every
 * 100 ms, exchange a kibibyte after each other and log it, for 10 virtual seconds: the shape of a small ensemble, without one.
 */
import process from "node:process";
import { createSim, type Machine } from "../../runtimes/sim/index.ts";
import type { Connection, MonotonicMs } from "../../src/runtime.ts";

const VIRTUAL_MS = 10_000;
const NAMES = ["a", "b", "c"];
const WRITE = new Uint8Array(1024).fill(7);

async function serve(machine: Machine): Promise<void> {
  const { fs, net, clock } = machine.runtime;
  const log = await fs.open("/log", "create");
  let at = 0;
  await net.listen({ port: 2888 }, (connection) => {
    let got = 0;
    connection.onData((chunk) => {
      const copy = chunk.slice();
      const offset = at;
      at += copy.length;
      const replies = Math.floor((got + copy.length) / 1024) - Math.floor(got / 1024);
      got += copy.length;
      void (async () => {
        await log.write(copy, offset);
        await log.syncData();
        if (replies > 0) connection.write(new Uint8Array(8 * replies));
      })();
    });
    connection.onClose(() => {});
  });
  const tick = (peers: readonly Connection[]): void => {
    for (const peer of peers) peer.write(new Uint8Array(20));
    clock.wakeAt(clock.monotonicMs() + 100 as MonotonicMs, () => tick(peers));
  };
  const peers: Connection[] = [];
  for (const name of NAMES) {
    if (name === machine.name) continue;
    const peer = await net.connect({ host: name, port: 2888, timeoutMs: 1000 }).catch(() =>
      undefined
    );
    if (peer === undefined) continue;
    let answered = 0;
    peer.onData((chunk) => {
      answered += chunk.length;
      for (; answered >= 8; answered -= 8) {
        clock.wakeAt(clock.monotonicMs() + 3 as MonotonicMs, () => peer.write(WRITE));
      }
    });
    peer.write(WRITE);
    peers.push(peer);
  }
  tick(peers);
}

async function one(seed: number): Promise<number> {
  const sim = createSim({ seed });
  const machines = NAMES.map((name) => sim.machine(name));
  for (const machine of machines) void serve(machine);
  await sim.run(VIRTUAL_MS);
  return sim.events;
}

const seeds = Number(process.argv[2] ?? 10);
await one(1_000_000);
const cpu = process.cpuUsage();
let events = 0;
for (let seed = 1; seed <= seeds; seed++) events += await one(seed);
const used = process.cpuUsage(cpu);
const seconds = (used.user + used.system) / 1e6;
console.log(
  `${seeds} seeds, ${events} events, ${seconds.toFixed(2)} s of CPU: ` +
    `${Math.round(events / seconds)} events/s, ${
      Math.round(60 * seeds / seconds)
    } seeds a CPU-minute`,
);
