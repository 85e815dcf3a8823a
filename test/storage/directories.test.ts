/** Data directories: what a killed process left in them is on the disk before anything rests on it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim } from "../../runtimes/sim/index.ts";
import { type Runtime, RuntimeError } from "../../src/runtime.ts";
import { ZXID_ZERO } from "../../src/base/zxid.ts";
import { openDirectories, withWords } from "../../src/storage/directories.ts";
import { Epochs } from "../../src/storage/epochs.ts";
import { contextOf, Heard } from "./support.ts";

const OPTIONS = { dataDir: "/srv/a/data", dataLogDir: "/srv/a/data", dataDirAutocreate: true };

async function promised(runtime: Runtime): Promise<Epochs> {
  const { snapshots } = await openDirectories(runtime.fs, OPTIONS);
  return await Epochs.load(contextOf(runtime, new Heard()), snapshots, ZXID_ZERO);
}

test("killed at any time, started, then without power: no epoch that was read goes back", async () => {
  let mostRead = 0;
  for (let us = 0; us < 4000; us += 50) {
    const sim = createSim({ seed: us });
    const machine = sim.machine("a", { syncUs: [200] });
    void promised(machine.runtime).then((epochs) => epochs.storeAccepted(1));
    await sim.run(us / 1000);
    machine.kill();
    const read = await sim.runUntil(promised(machine.start())).then(({ accepted }) => accepted);
    machine.crash("lose");
    const after = await sim.runUntil(promised(machine.start()));
    assert.ok(after.accepted >= read, `killed after ${us} us: ${read} became ${after.accepted}`);
    mostRead = Math.max(mostRead, read);
  }
  assert.equal(mostRead, 1);
});

test("folders above that belong to others are left alone", async () => {
  const sim = createSim({ seed: 1 });
  const { runtime } = sim.machine("a");
  const synced: string[] = [];
  const fs = {
    ...runtime.fs,
    syncDir: async (path: string): Promise<void> => {
      synced.push(path);
      if (path === "/") throw new RuntimeError("ACCESS", "not for us");
      await runtime.fs.syncDir(path);
    },
  };
  await sim.runUntil(openDirectories(fs, OPTIONS));
  assert.deepEqual(synced, ["/srv/a/data/version-2", "/srv/a/data", "/srv/a", "/srv", "/"]);
});

test("a file system that is read-only is told from a want of permission", async () => {
  const failing = (words: string) =>
    withWords("/d", () => Promise.reject(new RuntimeError("ACCESS", words)));
  await assert.rejects(failing('Cannot make directory "/d": EROFS: read-only file system'), {
    message:
      /^Cannot use directory "\/d": its file system is read-only; choose another dataDir, or /,
  });
  await assert.rejects(failing('Cannot make directory "/d": EACCES: permission denied'), {
    message: /^Cannot use directory "\/d": no permission to write there; /,
  });
});
