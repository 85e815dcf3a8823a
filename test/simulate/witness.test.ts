/** What is seen of the servers' disks: log bytes read from outside, and what a majority does not have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSim, type Machine, type Sim } from "../../runtimes/sim/index.ts";
import type { File } from "../../src/runtime.ts";
import { finds, findsNothing, zxid } from "./checkers/hand.ts";
import { checkServers } from "./checkers/servers.ts";
import { Cluster, FOLDER } from "./cluster.ts";
import { drawPlan, type Plan } from "./plan.ts";
import { Recorder } from "./recorder.ts";
import type { Tap } from "./tap.ts";
import { readEntries, readTxn } from "./txn_log.ts";
import { Witness } from "./witness.ts";

const HEADER = Uint8Array.of(0x5a, 0x4b, 0x4c, 0x47, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0);

/** checksum:long length:int payload 'B'; the txn is an error, as short as txns are. */
function entry(at: number, err = -101): Uint8Array {
  const bytes = new Uint8Array(12 + 36 + 1), view = new DataView(bytes.buffer);
  view.setInt32(8, 36);
  view.setBigInt64(12, 7n);
  view.setInt32(20, 3);
  view.setInt32(24, Math.floor(at / 0x1_0000_0000));
  view.setUint32(28, at >>> 0);
  view.setInt32(40, -1);
  view.setInt32(44, err);
  bytes[48] = 0x42;
  return bytes;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

interface Place {
  readonly sim: Sim;
  readonly recorder: Recorder;
  readonly witness: Witness;
  readonly cluster: Cluster;
}

/** Three servers that do not run; logs are written into their folders through their taps. */
async function place(): Promise<Place> {
  const drawn = drawPlan("1");
  const plan: Plan = { ...drawn, servers: { ...drawn.servers, count: 3, observers: 0 } };
  const sim = createSim({ seed: 1 });
  const recorder = new Recorder(sim);
  const witness = new Witness(recorder);
  const cluster = new Cluster(sim, plan, witness, false);
  witness.watch(cluster);
  for (const { machine } of cluster.servers) await sim.runUntil(machine.runtime.fs.mkdir(FOLDER));
  return { sim, recorder, witness, cluster };
}

class Log {
  readonly #sim: Sim;
  readonly #file: File;
  #at = HEADER.length;

  private constructor(sim: Sim, file: File) {
    this.#sim = sim;
    this.#file = file;
  }

  static async begin({ sim, cluster }: Place, sid: number, name = "log.1"): Promise<Log> {
    const { tap, machine } = cluster.server(sid);
    const { fs } = tap.through(machine.runtime);
    const file = await sim.runUntil(fs.open(`${FOLDER}/${name}`, "create"));
    await sim.runUntil(file.write(HEADER, 0));
    return new Log(sim, file);
  }

  async write(...zxids: readonly number[]): Promise<void> {
    const group = joined(...zxids.map((one) => entry(one)));
    await this.#sim.runUntil(this.#file.write(group, this.#at));
    this.#at += group.length;
  }
  async sync(): Promise<void> {
    await this.#sim.runUntil(this.#file.syncData());
  }
  async keep(count: number): Promise<void> {
    this.#at = HEADER.length + count * entry(1).length;
    await this.#sim.runUntil(this.#file.truncate(this.#at));
  }
}

const one = zxid(1, 1), two = zxid(1, 2);
const found = ({ recorder }: Place) => recorder.violations;

test("entries are read up to the first that is none; txns as storage-format has them", () => {
  const bytes = joined(HEADER, entry(one), entry(two), new Uint8Array(100));
  assert.deepEqual(readEntries(bytes, 0).map(({ zxid: at, at: offset }) => [at, offset]), [
    [one, 16],
    [two, 65],
  ]);
  assert.deepEqual(readEntries(entry(two), 65).map(({ at }) => at), [65]);
  assert.deepEqual(readEntries(joined(HEADER, entry(one).subarray(0, 40)), 0), []);
  assert.deepEqual(readEntries(new Uint8Array(64), 0), []);
  assert.deepEqual(readTxn(readEntries(bytes, 0)[0]?.payload ?? HEADER), {
    sessionId: 7n,
    cxid: 3,
    zxid: one,
    timeMs: 0,
    change: { kind: "error", err: -101 },
    digest: undefined,
  });
});

test("what a client is shown is on the disks of a majority: written is not enough", async () => {
  const it = await place();
  const logs = [await Log.begin(it, 1), await Log.begin(it, 2)] as const;
  for (const log of logs) await log.write(one);
  await logs[0].sync();
  it.recorder.onSeen(one, 1, undefined);
  finds(found(it), "durable", /shows 0x100000001 in an event, 1 of 3 voters/);
  await logs[1].sync();
  it.recorder.onSeen(one, 1, undefined);
  it.recorder.onSeen(zxid(2, 0), 1, undefined);
  assert.equal(found(it).length, 1);
});

test("what was cut, lost with the power, or never came is not held", async () => {
  for (const loss of ["cut", "power"] as const) {
    const it = await place();
    const logs = [await Log.begin(it, 1), await Log.begin(it, 2)] as const;
    for (const log of logs) {
      await log.write(one, two);
      if (loss === "cut") await log.sync();
    }
    const { machine, tap } = it.cluster.server(2);
    if (loss === "cut") await logs[1].keep(1);
    else {
      await logs[0].sync();
      machine.crash("lose");
      tap.reload(true);
    }
    it.recorder.onSeen(two, 1, undefined);
    finds(found(it), "durable", /1 of 3 voters/);
  }
});

test("a sync covers what was written before it began, not what came after", async () => {
  const it = await place();
  const logs = [await Log.begin(it, 1), await Log.begin(it, 2)] as const;
  await logs[0].write(one);
  await logs[0].sync();
  const synced = logs[1].sync();
  await logs[1].write(one);
  await synced;
  it.recorder.onSeen(one, 1, undefined);
  finds(found(it), "durable", /1 of 3 voters/);
});

test("a snapshot stands for what it holds, and for nothing that a later epoch began without", async () => {
  const it = await place();
  const leader = await Log.begin(it, 1);
  await leader.write(one, two, zxid(2, 1));
  await leader.sync();
  const { tap, machine } = it.cluster.server(2);
  await install(it.sim, tap, machine, zxid(2, 1));
  for (const at of [one, two, zxid(2, 1)]) it.recorder.onSeen(at, 1, undefined);
  findsNothing(found(it));
  it.recorder.onSeen(zxid(1, 3), 1, undefined);
  finds(found(it), "durable", /0 of 3 voters/);
});

async function install(sim: Sim, tap: Tap, machine: Machine, at: number): Promise<void> {
  const { fs } = tap.through(machine.runtime);
  const name = `snapshot.${at.toString(16)}`;
  await sim.runUntil(fs.open(`${FOLDER}/tmp`, "create"));
  await sim.runUntil(fs.rename(`${FOLDER}/tmp`, `${FOLDER}/install.${name}`));
  assert.ok(tap.covers(at), "from here on it counts");
  await sim.runUntil(fs.rename(`${FOLDER}/install.${name}`, `${FOLDER}/${name}`));
  assert.equal(tap.base, at);
}

test("one txn a zxid, and one history before it", async () => {
  const it = await place();
  it.witness.onLogged(1, one, entry(one), 0);
  it.witness.onLogged(2, one, entry(one), 0);
  findsNothing(found(it));
  it.witness.onLogged(3, one, entry(one, -1), 0);
  finds(found(it), "agreement", /servers 3 and 1 differ in what 0x100000001 is/);
  const other = await place();
  other.witness.onLogged(1, zxid(2, 1), entry(1), two);
  other.witness.onLogged(2, zxid(2, 1), entry(1), one);
  finds(found(other), "agreement", /servers 2 and 1 differ in what comes before 0x200000001/);
});

test("epochs on a disk never go back", async () => {
  const it = await place();
  it.witness.onEpochs(1, 2, 1);
  it.witness.onEpochs(2, 1, 1);
  findsNothing(found(it));
  it.witness.onEpochs(1, 1, 1);
  finds(found(it), "epochs", /server 1 went back from 2\/1 to 1\/1/);
});

test("two leaders of one epoch", async () => {
  const it = await place();
  for (const server of it.cluster.servers) {
    Object.defineProperty(server, "mode", { value: server.sid === 3 ? "follower" : "leader" });
  }
  it.witness.onEpochs(1, 1, 1);
  it.witness.onEpochs(2, 2, 2);
  it.witness.look();
  findsNothing(found(it));
  it.witness.onEpochs(1, 2, 2);
  it.witness.look();
  finds(found(it).slice(0, 1), "epochs", /servers 1 and 2 both led epoch 2|servers 2 and 1/);
});

test("the history that was agreed on: epoch after epoch, without the tails that came to nothing", async () => {
  const it = await place();
  const [a, b] = [await Log.begin(it, 1), await Log.begin(it, 2)];
  await a.write(one, two, zxid(1, 3));
  await b.write(one, two, zxid(3, 1), zxid(3, 2));
  await a.keep(2);
  await a.write(zxid(3, 1));
  assert.deepEqual(it.witness.decided(), [one, two, zxid(3, 1)]);
});

test("servers that do not agree in the end", async () => {
  const it = await place();
  const logs = [await Log.begin(it, 1), await Log.begin(it, 2), await Log.begin(it, 3)] as const;
  for (const log of logs) await log.write(one);
  await logs[0].write(two);
  const view = (lastZxid: number, sessionCount = 0, digest = 5n, digestMismatches = 0) => ({
    lastZxid,
    sessionCount,
    digests: () => [{ zxid: 128, digest }],
    stats: { counters: { digestMismatches } },
  });
  const check = (...views: readonly ReturnType<typeof view>[]) => {
    it.cluster.servers.forEach((server, index) => {
      server.running = { view: views[index] } as unknown as NonNullable<typeof server.running>;
    });
    return checkServers(it.cluster, it.witness.decided(), new Set());
  };
  const alone = check(view(one), view(one), view(one));
  finds(alone, "agreement", /server 1 alone has 0x100000002/);
  await logs[0].keep(1);
  findsNothing(check(view(one), view(one), view(one)));
  finds(
    check(view(one), view(0), view(one)),
    "agreement",
    /server 2 ends at 0x0, the log at 0x100000001/,
  );
  finds(
    check(view(one), view(one), view(one, 1)),
    "agreement",
    /server 3 has 1 sessions, the log 0/,
  );
  finds(
    check(view(one), view(one, 0, 6n), view(one)).slice(0, 1),
    "digests",
    /servers 1 and 2 have different trees/,
  );
  finds(check(view(one), view(one), view(one, 0, 5n, 1)), "digests", /server 3 counted 1 digests/);
  await logs[1].keep(0);
  finds(check(view(one), view(one), view(one)), "agreement", /server 2 does not have 0x100000001/);
});
