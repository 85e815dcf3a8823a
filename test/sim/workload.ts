/**
 * A workload of timers, streams and files under every fault that the simulator knows; its every step goes into the trace,
 * whose hash is one number per seed.
 */
import { createSim } from "../../runtimes/sim/index.ts";
import type { FaultKind, Machine, Sim, Way } from "../../runtimes/sim/index.ts";
import type { Connection, File, MonotonicMs, Runtime } from "../../src/runtime.ts";
import { RuntimeError } from "../../src/runtime.ts";

const ROUNDS = 12;
const PATIENCE_MS = 300;
const FAULTS = 10;
const FAULT_MS = 60;
const WAYS: readonly Way[] = ["both", "from", "to"];
const TOLD = ["both", "first", "second"] as const;

function fold(bytes: Uint8Array): string {
  let sum = 0;
  for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) | 0;
  return `${bytes.length}:${sum}`;
}

function wait(runtime: Runtime, ms: number): Promise<void> {
  return new Promise((resolve) => {
    runtime.clock.wakeAt(runtime.clock.monotonicMs() + ms as MonotonicMs, resolve);
  });
}

/** Echoes what it gets and logs it to a file. */
async function serve(sim: Sim, machine: Machine): Promise<void> {
  const { runtime } = machine;
  await runtime.fs.mkdir("/data");
  const log = await runtime.fs.open("/data/log", "write");
  let at = await log.size();
  const notes = await runtime.fs.open("/data/notes", "create"); // never synced
  await runtime.net.listen({ port: 2181 }, (connection) => {
    connection.onData((chunk) => {
      sim.trace(`server got ${fold(chunk)}`);
      const copy = chunk.slice();
      const offset = at;
      at += copy.length;
      void notes.write(copy, offset);
      void keep(sim, log, copy, offset).then((text) => {
        sim.trace(text);
        if (!connection.write(copy)) connection.pause();
      });
    });
    connection.onDrain(() => connection.resume());
    connection.onEnd(() => connection.end());
    connection.onClose((error) => sim.trace(`server closed ${error?.code}`));
  });
}

async function keep(sim: Sim, log: File, bytes: Uint8Array, offset: number): Promise<string> {
  try {
    await log.write(bytes, offset);
    await log.syncData();
    return `logged ${offset} at ${sim.nowUs}`;
  } catch (error) {
    return `log failed ${error instanceof RuntimeError ? error.code : "?"}`;
  }
}

async function ask(sim: Sim, machine: Machine, name: string): Promise<void> {
  const { runtime } = machine;
  for (let round = 0; round < ROUNDS; round++) {
    let connection: Connection;
    try {
      connection = await runtime.net.connect({ host: "server", port: 2181, timeoutMs: 500 });
    } catch (error) {
      sim.trace(`${name} refused ${error instanceof RuntimeError ? error.code : "?"}`);
      await wait(runtime, 20);
      continue;
    }
    const bytes = new Uint8Array(1 + runtime.random.uint32() % 20_000);
    runtime.random.fill(bytes);
    sim.trace(`${name} wall ${runtime.clock.wallMs()}`);
    await exchange(sim, runtime, connection, bytes, name);
    await wait(runtime, runtime.random.uint32() % 30);
  }
}

/** Sends bytes and waits for their echo, or the end of the connection, or of patience: the peer may be half-open. */
function exchange(
  sim: Sim,
  runtime: Runtime,
  connection: Connection,
  bytes: Uint8Array,
  name: string,
): Promise<void> {
  let got = 0;
  return new Promise<void>((resolve) => {
    const { clock } = runtime;
    const stop = clock.wakeAt(
      clock.monotonicMs() + PATIENCE_MS as MonotonicMs,
      () => connection.close(),
    );
    connection.onData((chunk) => {
      got += chunk.length;
      sim.trace(`${name} echo ${fold(chunk)}`);
      if (got >= bytes.length) connection.end();
    });
    connection.onClose((error) => {
      stop();
      sim.trace(`${name} closed ${error?.code} after ${got}`);
      resolve();
    });
    connection.write(bytes, () => sim.trace(`${name} lent view back`));
  });
}

/** One fault; what it needs to end is there at the next, which heals the network first. */
function injure(sim: Sim, server: Machine, client: Machine): void {
  const { network, random } = sim;
  const way = WAYS[random.below(WAYS.length)] ?? "both";
  const port = 2181;
  network.heal();
  server.files.clear();
  server.resume();
  client.resume();
  switch (random.below(14)) {
    case 0:
      return network.partition(client.name, "server", way);
    case 1:
      return network.isolate("server", way);
    case 2:
      return network.clog(client.name, "server", 1 + random.below(100), way);
    case 3:
      return network.slow(client.name, "server", { factor: 3, extraMs: 1, bytesPerMs: 500 }, way);
    case 4:
      return void network.cut(client.name, "server", {
        told: TOLD[random.below(3)] ?? "both",
        port,
      });
    case 5:
      return network.resetAfter("server", client.name, random.below(20_000), port);
    case 6:
      return network.refuse("server", port);
    case 7:
      return server.pause();
    case 8:
      return client.pause();
    case 9:
      return client.jumpWall(random.below(100_000) - 50_000);
    case 10:
      return client.setClockRate({ local: 1000, true: 990 + random.below(20) });
    case 11:
      return server.files.slow({ byMs: random.below(50), forMs: random.below(80) });
    case 12:
      return server.files.rotNext({ times: 2 });
    default:
      return server.files.failNext("syncData", "IO", { skip: random.below(5) });
  }
}

export interface Outcome {
  readonly hash: string;
  readonly faults: readonly (readonly [FaultKind, number])[];
}

/** Runs the workload with one seed. */
export async function workload(seed: number | bigint): Promise<Outcome> {
  const sim = createSim({ seed });
  const server = sim.machine("server");
  const clients = [sim.machine("one"), sim.machine("two", { wallSkewMs: -7 })];
  await sim.runUntil(serve(sim, server));
  const asked = clients.map((machine) => ask(sim, machine, machine.name));
  for (let times = 0; times < FAULTS; times++) {
    await sim.run(sim.nowMs + FAULT_MS);
    injure(sim, server, clients[times % 2] as Machine);
    if (!sim.random.chance(1, 3)) continue;
    if (sim.random.chance(1, 2)) server.crash();
    else server.kill();
    sim.trace(`left ${fold(server.disk.peek("/data/log") ?? new Uint8Array(0))}`);
    await sim.run(sim.nowMs + sim.random.below(30));
    server.start();
    await sim.runUntil(serve(sim, server));
    const bytes = await sim.runUntil(server.runtime.fs.readFile("/data/log"));
    sim.trace(`read ${fold(bytes)}`);
  }
  sim.network.heal();
  for (const machine of sim.machines.values()) machine.resume();
  await sim.runUntil(Promise.all(asked));
  const digest = server.runtime.hash.digest(
    "SHA-256",
    server.disk.peek("/data/log") ?? new Uint8Array(),
  );
  sim.trace(fold(digest));
  return { hash: sim.traceHash(), faults: sim.faults.all() };
}
