/** The epoch files: what they say rises, is on the disk before memory says so, and fits the log (peer-protocol §9). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CorruptionError, ProtocolError } from "../../src/base/errors.ts";
import { utf8Decode, utf8Encode } from "../../src/base/host.ts";
import { EPOCH_MAX, type Zxid, ZXID_NONE, zxidOf } from "../../src/base/zxid.ts";
import { Epochs } from "../../src/storage/epochs.ts";
import { createSim, type Machine, type Sim } from "../../runtimes/sim/index.ts";
import { putFile } from "./logs.ts";
import { FOLDER } from "./snapshots.ts";
import { contextOf, Heard } from "./support.ts";

interface Place {
  readonly sim: Sim;
  readonly machine: Machine;
  readonly heard: Heard;
  load(lastZxid: Zxid): Promise<Epochs>;
  text(name: string): Promise<string>;
}

async function place(files: Readonly<Record<string, string>> = {}, seed = 1): Promise<Place> {
  const sim = createSim({ seed });
  const machine = sim.machine("a");
  const heard = new Heard();
  const { fs } = machine.runtime;
  await sim.runUntil(fs.mkdir(FOLDER));
  for (const folder of ["/", "/data"]) await sim.runUntil(fs.syncDir(folder));
  for (const [name, text] of Object.entries(files)) {
    await sim.runUntil(putFile(machine.runtime, `${FOLDER}/${name}`, utf8Encode(text)));
  }
  return {
    sim,
    machine,
    heard,
    load: (lastZxid) =>
      sim.runUntil(Epochs.load(contextOf(machine.runtime, heard), FOLDER, lastZxid)),
    text: async (name) =>
      utf8Decode(await sim.runUntil(machine.runtime.fs.readFile(`${FOLDER}/${name}`))),
  };
}

const values = ({ accepted, current }: Epochs): number[] => [accepted, current];

test("missing files are made from the last zxid, as Apache writes them", async () => {
  for (const [lastZxid, epoch] of [[zxidOf(7, 3), 7], [zxidOf(0, 0), 0], [ZXID_NONE, 0]] as const) {
    const it = await place();
    assert.deepEqual(values(await it.load(lastZxid)), [epoch, epoch]);
    assert.equal(await it.text("acceptedEpoch"), String(epoch));
    assert.equal(await it.text("currentEpoch"), String(epoch));
    assert.deepEqual(it.heard.lines, []);
  }
});

test("files are read up to the first line end; Apache's -1 is no epoch", async () => {
  const it = await place({ acceptedEpoch: "9\nrest", currentEpoch: " 8 \r\n" });
  assert.deepEqual(values(await it.load(zxidOf(5, 1))), [9, 8]);
  const empty = await place({ acceptedEpoch: "-1", currentEpoch: "-1" });
  assert.deepEqual(values(await empty.load(ZXID_NONE)), [0, 0]);
});

test("a log of a promised epoch raises currentEpoch, on the disk and with a word", async () => {
  const it = await place({ acceptedEpoch: "6", currentEpoch: "4" });
  assert.deepEqual(values(await it.load(zxidOf(5, 2))), [6, 5]);
  assert.equal(await it.text("currentEpoch"), "5");
  assert.match(
    it.heard.lines.join("\n"),
    /warn .*currentEpoch is raised from=4 to=5 lastZxid=0x500000002/,
  );
  it.machine.crash("lose");
  it.machine.start();
  assert.deepEqual(values(await it.load(zxidOf(5, 2))), [6, 5]);
});

test("files that do not fit refuse the start and stay as they are", async () => {
  const cases: readonly (readonly [Record<string, string>, Zxid, RegExp])[] = [
    [
      { acceptedEpoch: "4", currentEpoch: "4" },
      zxidOf(5, 1),
      /last zxid is 0x500000001.*acceptedEpoch \(4\)/,
    ],
    [
      { acceptedEpoch: "3", currentEpoch: "4" },
      zxidOf(3, 1),
      /acceptedEpoch \(3\) is below currentEpoch \(4\)/,
    ],
    [{ currentEpoch: "4" }, zxidOf(3, 1), /acceptedEpoch \(3\) is below currentEpoch \(4\)/],
    [{ acceptedEpoch: "x" }, zxidOf(0, 1), /"acceptedEpoch" holds "x"/],
    [{ currentEpoch: "" }, zxidOf(0, 1), /"currentEpoch" holds ""/],
    [{ currentEpoch: "0x1" }, zxidOf(0, 1), /"currentEpoch" holds "0x1"/],
    [{ acceptedEpoch: "-2" }, zxidOf(0, 1), /"acceptedEpoch" holds "-2"/],
    [
      { acceptedEpoch: String(EPOCH_MAX) },
      zxidOf(0, 1),
      /holds 2097151, the largest epoch is 2097150/,
    ],
    [{ acceptedEpoch: "99999999999999999999" }, zxidOf(0, 1), /holds "99999999999999999999"/],
  ];
  for (const [files, lastZxid, words] of cases) {
    const it = await place(files);
    const refusal = await it.load(lastZxid).catch((error: unknown) => error);
    assert.ok(refusal instanceof CorruptionError, String(refusal));
    assert.match(refusal.message, words);
    for (const [name, text] of Object.entries(files)) assert.equal(await it.text(name), text);
  }
});

test("what was stored is there after a loss of power", async () => {
  const it = await place();
  const epochs = await it.load(zxidOf(1, 1));
  await it.sim.runUntil(epochs.storeAccepted(3));
  await it.sim.runUntil(epochs.storeCurrent(3));
  await it.sim.runUntil(epochs.storeAccepted(12));
  assert.deepEqual(values(epochs), [12, 3]);
  it.machine.crash("lose");
  it.machine.start();
  assert.deepEqual(values(await it.load(zxidOf(1, 1))), [12, 3]);
});

test("what is stored already takes no disk, and two at a time follow each other", async () => {
  const it = await place();
  const epochs = await it.load(zxidOf(1, 1));
  const before = it.machine.files.total;
  await it.sim.runUntil(Promise.all([epochs.storeAccepted(1), epochs.storeCurrent(1)]));
  assert.equal(it.machine.files.total, before);
  const low = epochs.storeAccepted(2),
    high = epochs.storeAccepted(5),
    late = epochs.storeAccepted(4);
  const refusal = late.catch((error: unknown) => error);
  await it.sim.runUntil(Promise.all([low, high]));
  assert.ok(await it.sim.runUntil(refusal) instanceof ProtocolError);
  assert.equal(epochs.accepted, 5);
  assert.equal(await it.text("acceptedEpoch"), "5");
});

test("a store that nobody waits for any more still counts for whoever asks when all is settled", async () => {
  const it = await place();
  const epochs = await it.load(ZXID_NONE);
  void epochs.storeAccepted(5);
  assert.equal(epochs.accepted, 0);
  await it.sim.runUntil(epochs.settled());
  assert.deepEqual([epochs.accepted, await it.text("acceptedEpoch")], [5, "5"]);
});

test("an epoch never falls, is accepted before it is taken over, and has a bound", async () => {
  const it = await place({ acceptedEpoch: "6", currentEpoch: "4" });
  const epochs = await it.load(zxidOf(4, 1));
  for (
    const wrong of [
      () => epochs.storeAccepted(5),
      () => epochs.storeAccepted(EPOCH_MAX),
      () => epochs.storeCurrent(3),
      () => epochs.storeCurrent(7),
    ]
  ) {
    assert.throws(wrong, /An epoch is accepted first|An accepted epoch only rises/);
  }
});

test("an operation fails, each in turn: memory is as before, and the next store succeeds", async () => {
  for (let failAt = 1, failed = true; failed; failAt++) {
    const it = await place();
    const epochs = await it.load(zxidOf(1, 1));
    it.machine.files.failOperation(failAt);
    const outcome = await it.sim.runUntil(
      epochs.storeAccepted(2).then(() => "stored", () => "failed"),
    );
    failed = outcome === "failed";
    assert.equal(epochs.accepted, failed ? 1 : 2);
    it.machine.files.clear();
    await it.sim.runUntil(epochs.storeAccepted(4));
    assert.equal(await it.text("acceptedEpoch"), "4");
  }
});

test("power lost at every operation: the old epoch or the new one, never another", async () => {
  for (let crashAt = 1, crashed = true; crashed; crashAt++) {
    for (const fate of ["keep", "lose", "tear", "any"] as const) {
      const it = await place({ acceptedEpoch: "199", currentEpoch: "199" }, crashAt);
      const epochs = await it.load(zxidOf(199, 1));
      let stored = false;
      const from = it.machine.files.total;
      const begin = it.machine.files.begin.bind(it.machine.files);
      crashed = false;
      it.machine.files.begin = (kind) => {
        if (it.machine.alive && it.machine.files.total + 1 === from + crashAt) {
          crashed = true;
          it.sim.after(0, "power", () => it.machine.crash(fate));
        }
        return begin(kind);
      };
      void epochs.storeAccepted(2000).then(() => stored = true, () => {});
      await it.sim.runUntil(() => stored || !it.machine.alive);
      if (it.machine.alive) it.machine.crash("lose");
      it.machine.files.begin = begin;
      it.machine.start();
      const again = await it.load(zxidOf(199, 1));
      assert.ok(again.accepted === 2000 || (again.accepted === 199 && !stored));
      assert.equal(again.current, 199);
      await it.sim.runUntil(again.storeAccepted(2001));
    }
  }
});
