/** The simulated disk: what a crash may do, and what it must not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim, type Machine, type Sim } from "../../runtimes/sim/index.ts";
import type { File, Fs, OpenMode } from "../../src/runtime.ts";
import { bytesOf, failsWith, text } from "../support/conformance.ts";

const SEEDS = 200;

function seeds(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

/** A machine with an empty file `/f`, itself and its name durable. */
async function withFile(
  seed: number,
  mode: OpenMode = "create",
): Promise<{ sim: Sim; machine: Machine; file: File }> {
  const sim = createSim({ seed });
  const machine = sim.machine("a");
  const { fs } = machine.runtime;
  const file = await sim.runUntil(fs.open("/f", mode));
  await sim.runUntil(fs.syncDir("/"));
  return { sim, machine, file };
}

function shown(machine: Machine, path: string): string | undefined {
  const bytes = machine.disk.peek(path);
  return bytes === undefined ? undefined : text(bytes);
}

test("synced bytes survive every crash", async () => {
  for (const seed of seeds(50)) {
    const { sim, machine, file } = await withFile(seed);
    await sim.runUntil(file.write(bytesOf("kept"), 0));
    await sim.runUntil(file.syncData());
    await sim.runUntil(file.write(bytesOf("maybe"), 4));
    machine.crash();
    assert.equal(shown(machine, "/f")?.slice(0, 4), "kept", `seed ${seed}`);
  }
});

test("a write to a durable file survives every crash once it has resolved, and its sync can fail", async () => {
  for (const seed of seeds(50)) {
    const { sim, machine, file } = await withFile(seed, "durable");
    await sim.runUntil(file.write(bytesOf("kept"), 0));
    if (seed % 2 === 0) machine.crash();
    else {
      machine.files.failNext("syncData");
      await assert.rejects(sim.runUntil(file.write(bytesOf("lost"), 4)), /syncData "\/f"/);
    }
    assert.equal(shown(machine, "/f")?.slice(0, 4), "kept", `seed ${seed}`);
  }
});

test("a durable write makes nothing durable but itself", async () => {
  const seen = new Set<string>();
  for (const seed of seeds(50)) {
    const { sim, machine, file } = await withFile(seed, "durable");
    const other = await sim.runUntil(machine.runtime.fs.open("/f", "write"));
    await sim.runUntil(other.write(bytesOf("lost"), 600));
    await sim.runUntil(file.write(bytesOf("kept"), 0));
    machine.crash();
    assert.equal(shown(machine, "/f")?.slice(0, 4), "kept", `seed ${seed}`);
    seen.add(shown(machine, "/f")?.slice(600) ?? "");
  }
  assert.ok(seen.has("lost") && seen.size > 1, [...seen].join());
});

test("unsynced writes are kept, lost or torn by sectors, and all three happen", async () => {
  const seen = new Set<string>();
  for (const seed of seeds(SEEDS)) {
    const { sim, machine, file } = await withFile(seed);
    await sim.runUntil(file.write(new Uint8Array(2048).fill(1), 0));
    machine.crash();
    const bytes = machine.disk.peek("/f") ?? new Uint8Array(0);
    assert.equal(bytes.length % 512, 0);
    for (let at = 0; at < bytes.length; at += 512) {
      const sector = new Set(bytes.subarray(at, at + 512));
      assert.equal(sector.size, 1, "a sector is whole or not there");
    }
    const sum = bytes.reduce((total, byte) => total + byte, 0);
    seen.add(sum === 2048 ? "kept" : bytes.length === 0 ? "lost" : sum === 0 ? "zeros" : "torn");
  }
  assert.deepEqual([...seen].sort(), ["kept", "lost", "torn", "zeros"]);
});

test("a crash can be told to keep or to lose everything unsynced", async () => {
  const kept = await withFile(1);
  await kept.sim.runUntil(kept.file.write(bytesOf("abc"), 0));
  kept.machine.crash("keep");
  assert.equal(shown(kept.machine, "/f"), "abc");
  const lost = await withFile(1);
  await lost.sim.runUntil(lost.file.write(bytesOf("abc"), 0));
  lost.machine.crash("lose");
  assert.equal(shown(lost.machine, "/f"), "");
});

test("a write under way at the crash may arrive in parts, and its promise never settles", async () => {
  const sizes = new Set<number>();
  for (const seed of seeds(SEEDS)) {
    const { sim, machine, file } = await withFile(seed);
    let settled = false;
    void file.write(new Uint8Array(1024).fill(1), 0).finally(() => settled = true);
    machine.crash();
    await sim.run();
    assert.equal(settled, false);
    sizes.add(machine.disk.peek("/f")?.filter((byte) => byte === 1).length ?? -1);
  }
  assert.deepEqual([...sizes].sort((a, b) => a - b), [0, 512, 1024]);
});

test("a killed process leaves what it wrote, unsynced but visible to the next life", async () => {
  const { sim, machine, file } = await withFile(3);
  await sim.runUntil(file.write(bytesOf("page cache"), 0));
  machine.kill();
  const { fs } = machine.start();
  assert.equal(text(await sim.runUntil(fs.readFile("/f"))), "page cache");
  machine.crash("lose");
  assert.equal(shown(machine, "/f"), "");
});

test("names not synced with their directory may be lost; a file's own sync does not keep them", async () => {
  const seen = new Set<string>();
  for (const seed of seeds(SEEDS)) {
    const sim = createSim({ seed });
    const machine = sim.machine("a");
    const { fs } = machine.runtime;
    const file = await sim.runUntil(fs.open("/new", "create"));
    await sim.runUntil(file.write(bytesOf("x"), 0));
    await sim.runUntil(file.sync());
    machine.crash();
    seen.add(String(shown(machine, "/new")));
  }
  assert.deepEqual([...seen].sort(), ["undefined", "x"]);
});

test("a removal not synced may come back", async () => {
  const seen = new Set<string>();
  for (const seed of seeds(SEEDS)) {
    const { sim, machine } = await withFile(seed);
    await sim.runUntil(machine.runtime.fs.remove("/f"));
    machine.crash();
    seen.add(String(shown(machine, "/f")));
  }
  assert.deepEqual([...seen].sort(), ["", "undefined"]);
});

async function replace(fs: Fs, content: string, synced: boolean): Promise<void> {
  const file = await fs.open("/d/epoch.tmp", "create");
  await file.write(bytesOf(content), 0);
  if (synced) await file.syncData();
  await file.close();
  await fs.rename("/d/epoch.tmp", "/d/epoch");
  await fs.syncDir("/d");
}

/** Crashes a replacement of "1" by "2" at a drawn moment. @returns what is there, and whether it had ended */
async function crashReplace(seed: number, synced: boolean): Promise<[string | undefined, boolean]> {
  const sim = createSim({ seed });
  const machine = sim.machine("a");
  machine.disk.poke("/d/epoch", bytesOf("1"));
  let ended = false;
  void replace(machine.runtime.fs, "2", synced).then(() => ended = true);
  await sim.run(sim.random.below(3000) / 1000);
  machine.crash();
  return [shown(machine, "/d/epoch"), ended];
}

test("atomic replace: at every crash the old content or the new, and the new once it has ended", async () => {
  const seen = new Set<string>();
  for (const seed of seeds(2 * SEEDS)) {
    const [content, ended] = await crashReplace(seed, true);
    assert.ok(content === "1" || content === "2", `seed ${seed}: ${content}`);
    if (ended) assert.equal(content, "2", `seed ${seed}`);
    seen.add(`${content} ${ended}`);
  }
  assert.deepEqual([...seen].sort(), ["1 false", "2 false", "2 true"]);
});

test("a replacement without sync of its content loses both sometimes: the model bites", async () => {
  const contents = new Set<string | undefined>();
  for (const seed of seeds(2 * SEEDS)) contents.add((await crashReplace(seed, false))[0]);
  assert.ok(contents.has(""), "the new name with no content never showed");
});

test("the lock is free after a crash and after a kill, and not before", async () => {
  const { sim, machine } = await withFile(1);
  await sim.runUntil(machine.runtime.fs.lock("/"));
  await failsWith("BUSY", /holds it/, sim.runUntil(machine.runtime.fs.lock("/")));
  machine.crash();
  const again = await sim.runUntil(machine.start().fs.lock("/"));
  machine.kill();
  await sim.runUntil(machine.start().fs.lock("/"));
  await again.release();
  await failsWith("BUSY", /holds it/, sim.runUntil(machine.runtime.fs.lock("/")));
});

test("damage put on the disk is read back", async () => {
  const { sim, machine } = await withFile(1);
  machine.disk.poke("/deep/er/file", bytesOf("bad"));
  assert.equal(text(await sim.runUntil(machine.runtime.fs.readFile("/deep/er/file"))), "bad");
  machine.crash("lose");
  assert.equal(shown(machine, "/deep/er/file"), "bad");
});

test("zeros written ahead cost no memory, and are zeros until they are written over", async () => {
  const { sim, machine, file } = await withFile(1);
  const ahead = 64 * 1024 * 1024;
  await sim.runUntil(file.write(bytesOf("head"), 0));
  await sim.runUntil(file.write(new Uint8Array(ahead), 4));
  assert.ok(machine.disk.heldBytes <= 32_768, `${machine.disk.heldBytes} bytes before the sync`);
  await sim.runUntil(file.syncData());
  const padded = new Uint8Array(1024 * 1024);
  padded[0] = 1;
  await sim.runUntil(file.write(padded, 20_000_000));
  await sim.runUntil(file.syncData());
  await sim.runUntil(file.write(bytesOf("entry"), 10_000_000));
  await sim.runUntil(file.syncData());
  assert.ok(machine.disk.heldBytes <= 32_768, `${machine.disk.heldBytes} bytes`);
  const into = new Uint8Array(20_000).fill(7);
  await sim.runUntil(file.read(into, 9_990_000));
  assert.deepEqual([...into.subarray(9_999, 10_006)], [0, ...bytesOf("entry"), 0]);
  assert.equal(into.reduce((sum, byte) => sum + byte, 0), 562);
  await sim.runUntil(file.write(new Uint8Array(ahead), 0));
  assert.equal(await sim.runUntil(file.size()), ahead + 4);
  machine.crash("lose");
  assert.equal(
    await sim.runUntil(machine.start().fs.stat("/f")).then((stat) => stat?.size),
    ahead + 4,
  );
  assert.equal(machine.disk.peek("/f")?.subarray(0, 4).join(), bytesOf("head").join());
});

test("zeros written over bytes are kept, lost or torn like other bytes", async () => {
  const seen = new Set<string>();
  for (const seed of seeds(SEEDS)) {
    const { sim, machine, file } = await withFile(seed);
    await sim.runUntil(file.write(new Uint8Array(4096).fill(1), 0));
    await sim.runUntil(file.syncData());
    await sim.runUntil(file.write(new Uint8Array(2048), 1024));
    machine.crash();
    const bytes = machine.disk.peek("/f") ?? new Uint8Array(0);
    const left = bytes.reduce((sum, byte) => sum + byte, 0);
    assert.equal(left % 512, 0);
    seen.add(left === 4096 ? "lost" : left === 2048 ? "kept" : "torn");
  }
  assert.deepEqual([...seen].sort(), ["kept", "lost", "torn"]);
});
