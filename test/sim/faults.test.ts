/** Injected faults of the simulated machine: the Nth operation, a failed sync, a full disk; kills and signals. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim } from "../../runtimes/sim/index.ts";
import type { Fs } from "../../src/runtime.ts";
import { RuntimeError } from "../../src/runtime.ts";
import { bytesOf, deferred, failsWith, Recorder, text } from "../support/conformance.ts";

async function work(fs: Fs): Promise<void> {
  await fs.mkdir("/d");
  const file = await fs.open("/d/a", "create");
  await file.write(bytesOf("abc"), 0);
  await file.syncData();
  await file.close();
  await fs.rename("/d/a", "/d/b");
  await fs.syncDir("/d");
}

test("failing operation 1, 2, … each once, until a run passes untouched", async () => {
  const failures: string[] = [];
  for (let n = 1;; n++) {
    const sim = createSim({ seed: n });
    const machine = sim.machine("a");
    machine.files.failOperation(n, "IO");
    try {
      await sim.runUntil(work(machine.runtime.fs));
      assert.equal(machine.files.failed, 0);
      assert.equal(machine.files.total, n - 1);
      break;
    } catch (error) {
      assert.ok(error instanceof RuntimeError && error.code === "IO");
      failures.push(error.message);
    }
  }
  assert.deepEqual(failures, [
    'Cannot create directory "/d": injected IO',
    'Cannot open "/d/a" (create): injected IO',
    'Cannot write "/d/a": injected IO',
    'Cannot syncData "/d/a": injected IO',
    'Cannot close "/d/a": injected IO',
    'Cannot rename "/d/a" to "/d/b": injected IO',
    'Cannot sync directory "/d": injected IO',
  ]);
});

test("operations are counted by kind, and a kind can be failed after some good ones", async () => {
  const sim = createSim({ seed: 1 });
  const machine = sim.machine("a");
  machine.files.failNext("write", "NO_SPACE", { skip: 1, times: 2 });
  const file = await sim.runUntil(machine.runtime.fs.open("/f", "create"));
  await sim.runUntil(file.write(bytesOf("1"), 0));
  await failsWith("NO_SPACE", /write "\/f"/, sim.runUntil(file.write(bytesOf("2"), 1)));
  await failsWith("NO_SPACE", /write "\/f"/, sim.runUntil(file.write(bytesOf("3"), 1)));
  await sim.runUntil(file.write(bytesOf("4"), 1));
  assert.deepEqual([machine.files.count("write"), machine.files.count("sync")], [4, 0]);
  assert.deepEqual([machine.files.total, machine.files.failed], [5, 2]);
});

test("after a failed sync a later one that succeeds does not bring the bytes to the disk", async () => {
  let missing = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const sim = createSim({ seed });
    const machine = sim.machine("a");
    const file = await sim.runUntil(machine.runtime.fs.open("/f", "create"));
    await sim.runUntil(machine.runtime.fs.syncDir("/"));
    machine.files.failNext("syncData");
    await sim.runUntil(file.write(bytesOf("abc"), 0));
    await failsWith("IO", /syncData "\/f"/, sim.runUntil(file.syncData()));
    await sim.runUntil(file.syncData());
    assert.equal(text(machine.disk.peek("/f") ?? new Uint8Array(0)), "abc", "still readable");
    machine.crash("lose");
    if (machine.disk.peek("/f")?.length === 0) missing++;
  }
  assert.ok(missing > 5 && missing < 35, `${missing} of 40`);
});

test("a disk is slow by its table, or for a while by a fault", async () => {
  const sim = createSim({ seed: 1 });
  const machine = sim.machine("a", { syncUs: [5000] });
  const file = await sim.runUntil(machine.runtime.fs.open("/f", "create"));
  const took = async (work: () => Promise<unknown>): Promise<number> => {
    const since = sim.nowUs;
    await sim.runUntil(work());
    return sim.nowUs - since;
  };
  const write = (): Promise<void> => file.write(bytesOf("x"), 0);
  const syncData = (): Promise<void> => file.syncData();
  assert.equal(await took(syncData), 5000);
  machine.files.syncUs = [100, 100];
  machine.files.slow({ byMs: 250, forMs: 300 });
  assert.deepEqual([await took(syncData), await took(() => file.sync())], [250_100, 250_100]);
  assert.equal(await took(syncData), 100, "it is over");
  machine.files.slow({ kind: "write", byMs: 40 });
  assert.ok(await took(write) >= 40_000);
  assert.equal(await took(syncData), 100);
  machine.files.clear();
  assert.ok(await took(write) < 1000);
});

test("bit rot: a read has one bit turned, the disk has not; a flip stays", async () => {
  const sim = createSim({ seed: 1 });
  const { disk, files, runtime: { fs } } = sim.machine("a");
  const whole = new Uint8Array(1000);
  disk.poke("/d/f", whole);
  disk.poke("/d/other", whole);
  const turned = (bytes: Uint8Array): number =>
    bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll("0", "").length, 0);
  const readWhole = async (path: string): Promise<number> =>
    turned(await sim.runUntil(fs.readFile(path)));
  files.rotNext({ path: "/d/f", skip: 1 });
  assert.deepEqual([await readWhole("/d/other"), await readWhole("/d/f")], [0, 0]);
  assert.deepEqual([await readWhole("/d/f"), await readWhole("/d/f")], [1, 0]);
  const file = await sim.runUntil(fs.open("/d/f", "read"));
  files.rotNext({ times: 2 });
  const found: number[] = [];
  for (let i = 0; i < 3; i++) {
    const into = new Uint8Array(2000);
    await sim.runUntil(file.read(into, 900));
    found.push(turned(into.subarray(0, 100)), turned(into.subarray(100)));
  }
  assert.deepEqual(found, [1, 0, 1, 0, 0, 0]);
  disk.flip("/d/f", 999, 7);
  assert.equal((await sim.runUntil(fs.readFile("/d/f")))[999], 0x80);
  sim.machines.get("a")?.crash("lose");
  assert.equal(disk.peek("/d/f")?.[999], 0x80);
  assert.throws(() => disk.flip("/d/f", 1000, 0), /no bit 0 of byte 1000/);
  assert.equal(sim.faults.of("bit rot"), 4);
});

test("a full disk takes what fits and says NO_SPACE; room made is room again", async () => {
  const sim = createSim({ seed: 1 });
  const machine = sim.machine("a");
  const { fs } = machine.runtime;
  machine.disk.capacityBytes = 1000;
  const file = await sim.runUntil(fs.open("/f", "create"));
  await sim.runUntil(file.write(new Uint8Array(900), 0));
  await failsWith("NO_SPACE", /write "\/f"/, sim.runUntil(file.write(new Uint8Array(200), 900)));
  assert.equal(await sim.runUntil(file.size()), 1000);
  await sim.runUntil(file.write(new Uint8Array(1000).fill(1), 0));
  await failsWith("NO_SPACE", /truncate "\/f"/, sim.runUntil(file.truncate(1001)));
  await sim.runUntil(file.truncate(100));
  await sim.runUntil(file.write(new Uint8Array(900), 100));
});

test("a killed machine's peers see a reset, its own code nothing more", async () => {
  const sim = createSim({ seed: 5 });
  const server = sim.machine("server");
  const client = sim.machine("client");
  const accepted = deferred<Recorder>();
  const { net } = server.runtime;
  await sim.runUntil(
    net.listen({ port: 1 }, (connection) => accepted.resolve(new Recorder(connection))),
  );
  const near = new Recorder(
    await sim.runUntil(client.runtime.net.connect({ host: "server", port: 1 })),
  );
  const far = await sim.runUntil(accepted.promise);
  let rung = false;
  server.runtime.clock.soon(() => rung = true);
  near.connection.write(bytesOf("lost"));
  server.kill();
  await sim.run();
  assert.deepEqual([near.closes, near.error?.code], [1, "RESET"]);
  assert.deepEqual([far.bytes, far.closes, rung], [0, 0, false]);
  await failsWith(
    "REFUSED",
    /connect to server:1/,
    sim.runUntil(client.runtime.net.connect({ host: "server", port: 1 })),
  );
});

test("a connect without answer is TIMED_OUT at its time", async () => {
  const sim = createSim({ seed: 1 });
  const { net } = sim.machine("a").runtime;
  const work = net.connect({ host: "10.9.9.9", port: 1, timeoutMs: 250 });
  await failsWith("TIMED_OUT", /connect to 10\.9\.9\.9:1: no answer in 250 ms/, sim.runUntil(work));
  assert.equal(sim.nowMs, 250);
});

test("exit ends the life with its code and output; a signal is handled or kills", async () => {
  const sim = createSim({ seed: 1 });
  const machine = sim.machine("a", { args: ["server"], env: { HOME: "/home" } });
  const { clock, process } = machine.runtime;
  assert.deepEqual([process.args, process.env("HOME")], [["server"], "/home"]);
  process.onSignal("SIGTERM", () => {
    process.stdout("bye\n");
    process.exit(3);
  });
  let later = false;
  clock.soon(() => machine.signal("SIGTERM"));
  clock.wakeAt(
    clock.monotonicMs() + 1000 as ReturnType<typeof clock.monotonicMs>,
    () => later = true,
  );
  await sim.run();
  assert.deepEqual([machine.alive, machine.exitCode, machine.stdout], [false, 3, ["bye\n"]]);
  assert.equal(later, false);
  machine.start();
  machine.signal("SIGTERM");
  assert.deepEqual([machine.alive, machine.exitCode], [false, undefined]);
});

test("a goal that can never be reached is an error, not a hang", async () => {
  const sim = createSim({ seed: 9 });
  await assert.rejects(sim.runUntil(new Promise(() => {})), /seed 9: nothing is left to happen/);
  sim.machine("a").runtime.clock.wakeAt(5000 as never, () => {});
  await assert.rejects(sim.runUntil(() => false, 1000), /not in 1000 ms/);
});

test("a chunk kept beyond its onData is overwritten", async () => {
  const sim = createSim({ seed: 2 });
  const { net } = sim.machine("a").runtime;
  const kept: Uint8Array[] = [];
  const listener = await sim.runUntil(net.listen({ port: 0 }, (connection) => {
    connection.onData((chunk) => kept.push(chunk));
  }));
  const connection = await sim.runUntil(
    net.connect({ host: "localhost", port: listener.address.port }),
  );
  connection.write(bytesOf("abc"));
  await sim.run();
  assert.ok(kept.length > 0 && kept.every((chunk) => text(chunk) !== "abc"));
});
