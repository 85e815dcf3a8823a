/** The moments in which the journal comes to rest: microtasks lie between its last look for work and whoever waits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantError } from "../../src/base/invariant.ts";
import { lab } from "./journal_lab.ts";
import { Reads } from "./logs.ts";

test("an entry that arrives while the journal comes to rest is written too, in whichever microtask", async () => {
  for (let microtasks = 0; microtasks < 20; microtasks++) {
    const it = await lab();
    const heard = it.journal.onDurable;
    it.journal.onDurable = (entries) => {
      heard(entries);
      if (it.groups.length === 1) void later();
    };
    const later = async (): Promise<void> => {
      for (let n = 0; n < microtasks; n++) await Promise.resolve();
      it.write(10);
      it.journal.flush();
    };
    it.write(10);
    it.journal.flush();
    await it.sim.run(it.sim.nowMs + 1000);
    assert.deepEqual(it.groups, [[1], [2]], `after ${microtasks} microtasks`);
  }
});

test("what was told durable is in the file, whenever the journal is closed beside it", async () => {
  for (const preAllocBytes of [0, 65_536]) {
    for (let microtasks = 0; microtasks < 20; microtasks++) {
      const it = await lab({ preAllocBytes });
      const heard = it.journal.onDurable;
      const failures: unknown[] = [];
      it.journal.onFailure = (error) => failures.push(error);
      it.journal.onDurable = (entries) => {
        heard(entries);
        if (it.groups.length === 1) void later();
      };
      const later = async (): Promise<void> => {
        for (let n = 0; n < microtasks; n++) await Promise.resolve();
        try {
          it.write(10);
          it.journal.flush();
        } catch (error) {
          assert.ok(error instanceof InvariantError); // closed: the entry was never taken
        }
      };
      it.write(10);
      it.journal.flush();
      await it.sim.runUntil(it.journal.close());
      await it.sim.run(it.sim.nowMs + 1000);
      const { zxids, isTorn } = await new Reads().read(await it.file("log.1"));
      assert.deepEqual([zxids, isTorn, failures], [it.groups.flat(), false, []], `${microtasks}`);
    }
  }
});
