/** When a group is applied: before the next one is written, or on a slow disk while it is; and when it cannot be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { File, Fs } from "../../src/runtime.ts";
import { codec } from "./support.ts";
import { lab } from "./journal_lab.ts";

/** Counts the calls under way and the files open. */
function counting(busy: Map<string, number>) {
  const count = (what: string, by: number): void => void busy.set(what, (busy.get(what) ?? 0) + by);
  const counted = (file: File): File => ({
    read: (into, offset) => file.read(into, offset),
    async write(view, offset) {
      count("writes", 1);
      await file.write(view, offset).finally(() => count("writes", -1));
    },
    syncData: () => file.syncData(),
    sync: () => file.sync(),
    truncate: (size) => file.truncate(size),
    size: () => file.size(),
    async close() {
      await file.close();
      count("files", -1);
    },
  });
  return (fs: Fs): Fs => ({
    ...fs,
    async open(path, mode) {
      const file = await fs.open(path, mode);
      count("files", 1);
      return counted(file);
    },
  });
}

test("a group is applied before the next one is written; where the disk is slow, while it is", async () => {
  for (const [syncUs, underWay] of [[300, 0], [50_000, 1]] as const) {
    const busy = new Map<string, number>();
    const it = await lab({ preAllocBytes: 0 }, codec, counting(busy));
    const found: unknown[] = [];
    it.journal.onDurable = (entries) => {
      found.push([entries.map(({ zxid }) => zxid), busy.get("writes")]);
      // Answers bring more: on a quick disk that is in the next group.
      if (found.length === 1) it.write(10);
    };
    it.machine.files.syncUs = [syncUs];
    it.write(10);
    it.journal.flush();
    it.write(10);
    await it.sim.runUntil(it.journal.drain());
    const groups = underWay > 0 ? [[1], [2], [3]] : [[1], [2, 3]];
    assert.deepEqual(
      found,
      groups.map((zxids, i) => [zxids, i === groups.length - 1 ? 0 : underWay]),
    );
  }
});

test("whoever closes a failed journal finds no write under way, and no file open", async () => {
  for (const rolls of [false, true]) {
    const busy = new Map<string, number>();
    const it = await lab({ preAllocBytes: 0 }, codec, counting(busy));
    it.machine.files.syncUs = [50_000]; // the next group is under way
    let closing: Promise<void> | undefined, found: unknown;
    it.journal.onFailure = () => {
      closing = it.journal.close().then(() => {
        found = [busy.get("writes"), busy.get("files")];
      });
    };
    it.journal.onDurable = () => {
      throw new Error("cannot be applied");
    };
    it.write(10);
    it.journal.flush();
    if (rolls) it.journal.roll();
    it.write(10);
    await it.sim.run(it.sim.nowMs + 1000);
    await closing;
    assert.deepEqual(found, [0, 0], rolls ? "a new log" : "the same log");
  }
});
