/** A workload of timers, streams and files whose every step goes into the trace; its hash is one number per seed. */
import { createSim } from "../../runtimes/sim/index.ts";
import type { Machine, Sim } from "../../runtimes/sim/index.ts";
import type { Connection, File, MonotonicMs, Runtime } from "../../src/runtime.ts";
import { RuntimeError } from "../../src/runtime.ts";

const ROUNDS = 12;

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
  await runtime.net.listen({ port: 2181 }, (connection) => {
    connection.onData((chunk) => {
      sim.trace(`server got ${fold(chunk)}`);
      const copy = chunk.slice();
      const offset = at;
      at += copy.length;
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
    let got = 0;
    await new Promise<void>((resolve) => {
      connection.onData((chunk) => {
        got += chunk.length;
        sim.trace(`${name} echo ${fold(chunk)}`);
        if (got >= bytes.length) connection.end();
      });
      connection.onClose((error) => {
        sim.trace(`${name} closed ${error?.code} after ${got}`);
        resolve();
      });
      connection.write(bytes, () => sim.trace(`${name} lent view back`));
    });
    await wait(runtime, runtime.random.uint32() % 30);
  }
}

/** @returns the trace hash of one seed */
export async function workloadHash(seed: number): Promise<string> {
  const sim = createSim({ seed });
  const server = sim.machine("server");
  const clients = [sim.machine("one"), sim.machine("two")];
  server.files.failNext("syncData", "IO", { skip: 5 });
  await sim.runUntil(serve(sim, server));
  const asked = clients.map((machine) => ask(sim, machine, machine.name));
  for (let times = 0; times < 3; times++) {
    await sim.run(sim.nowMs + 40);
    if (sim.random.chance(1, 2)) server.crash();
    else server.kill();
    sim.trace(`left ${fold(server.disk.peek("/data/log") ?? new Uint8Array(0))}`);
    server.start();
    await sim.runUntil(serve(sim, server));
  }
  await sim.runUntil(Promise.all(asked));
  const digest = server.runtime.hash.digest(
    "SHA-256",
    server.disk.peek("/data/log") ?? new Uint8Array(),
  );
  sim.trace(fold(digest));
  return sim.traceHash();
}
