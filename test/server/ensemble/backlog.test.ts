// Learners that are synced while more is written than memory holds for them: the log has the rest, and they join.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HISTORY_BYTES_MAX, HISTORY_CHUNK_BYTES } from "../../../src/base/limits.ts";
import { type Zxid, zxidOf } from "../../../src/base/zxid.ts";
import { Backlog, type BacklogParts, SyncRefused } from "../../../src/server/ensemble/backlog.ts";
import { History } from "../../../src/server/ensemble/history.ts";
import type { RangeEnd, TakeTxn } from "../../../src/storage/log_range.ts";
import { create, done, setData, statAt } from "../../support/requests.ts";
import { inSimEnsemble, type SimEnsemble } from "./support.ts";

/** Each takes a chunk of the history for itself. */
const DATA = "x".repeat(HISTORY_CHUNK_BYTES / 2 + 1000);
/** More than memory holds. */
const WRITES_LOST = HISTORY_BYTES_MAX / HISTORY_CHUNK_BYTES + 20;
/** So many writes come before the link has taken the tree. */
const SLOW = { bytesPerMs: 200 };
const PADS = 16;
const PAUSE_MS = 50;
/** So many writes take less. */
const SILENT_MS = 30_000;

/** Writes until `during` is over. @returns how many there were */
async function underWrites(
  ensemble: SimEnsemble,
  leader: number,
  during: (written: () => number) => Promise<void>,
): Promise<number> {
  const client = await ensemble.connect(leader, { timeoutMs: 40_000 });
  await done(create(client, "/big"));
  let isOver = false, count = 0;
  const writing = (async () => {
    while (!isOver) {
      await done(setData(client, "/big", DATA));
      count++;
      // Observers, too, are to take what comes.
      await ensemble.sleep(PAUSE_MS);
    }
  })();
  try {
    await during(() => count);
  } finally {
    isOver = true;
    await writing;
  }
  return count;
}

function hasLogged(ensemble: SimEnsemble, sid: number, message: string): () => boolean {
  const from = ensemble.lines.length;
  return () =>
    ensemble.lines.slice(from).some((line) => line.sid === sid && line.message === message);
}

/** One sync was enough, and what it has are the writes, each once. */
async function checkJoined(ensemble: SimEnsemble, sid: number, writes: number): Promise<void> {
  const client = await ensemble.connect(sid);
  await ensemble.sync(client);
  assert.equal((await statAt(client, "/big")).version, writes);
  assert.ok(writes > WRITES_LOST, `${writes} writes`);
  assert.deepEqual(ensemble.errors(), []);
}

const EMPTY = { dataDir: "/empty", dataLogDir: "/empty" };

for (const how of ["snap", "diff"] as const) {
  test(`a follower that is sent a ${how} joins, though memory does not hold what is written meanwhile`, async () => {
    const setup = { voters: 3, ensemble: { commitLogCount: 1, snapshotSizeFactor: 1_000_000 } };
    await inSimEnsemble(setup, async (ensemble) => {
      await ensemble.start();
      const leader = await ensemble.serve(), away = leader % 3 + 1;
      const client = await ensemble.connect(leader, { timeoutMs: 40_000 });
      await done(create(client, "/first"));
      await ensemble.sync(await ensemble.connect(away));
      ensemble.end(away);
      for (let i = 0; i < PADS; i++) await done(create(client, `/pad${i}`, DATA));
      const writes = await underWrites(ensemble, leader, async (written) => {
        const begun = ensemble.syncs().length;
        ensemble.sim.network.slow(`server${leader}`, `server${away}`, SLOW, "from");
        await ensemble.revive(away, how === "snap" ? EMPTY : {});
        await ensemble.until(() => written() > WRITES_LOST);
        ensemble.sim.network.heal();
        await ensemble.until(() => ensemble.server(away).mode === "follower", 20_000);
        assert.deepEqual(ensemble.syncs().slice(begun), [`${away} ${how}`]);
      });
      await checkJoined(ensemble, away, writes);
    });
  });
}

for (const role of ["follower", "observer"] as const) {
  test(`a wiped ${role} that is slow to say that it is synced has what memory did not hold meanwhile`, async () => {
    const observers = role === "observer" ? 1 : 0;
    const setup = {
      voters: 3,
      observers,
      ensemble: { initLimitTicks: 60, forceSnapshotSync: true },
    };
    await inSimEnsemble(setup, async (ensemble) => {
      await ensemble.start();
      const leader = await ensemble.serve(), away = role === "observer" ? 4 : leader % 3 + 1;
      ensemble.end(away);
      const writes = await underWrites(ensemble, leader, async () => {
        const begun = ensemble.syncs().length;
        // With less some links are slower than the writes.
        ensemble.sim.network.windowBytesMin = 64 * 1024;
        await ensemble.revive(away, EMPTY);
        // The epoch is stored before it says so.
        ensemble.machine(away).files.slow({ kind: "rename", byMs: 100 });
        await ensemble.until(hasLogged(ensemble, away, "Took over a snapshot of the leader's"));
        ensemble.sim.network.clog(`server${away}`, `server${leader}`, SILENT_MS, "from");
        await ensemble.until(() => ensemble.server(away).mode === role, SILENT_MS + 20_000);
        const syncs = ensemble.syncs().slice(begun).filter((one) => one.startsWith(String(away)));
        assert.deepEqual(syncs, [`${away} snap`]);
      });
      await checkJoined(ensemble, away, writes);
    });
  });
}

/** A backlog whose next txns are in the log alone, and what a round of reading it does. */
function overLog(
  read: (from: Zxid, through: Zxid, take: TakeTxn, write: (count: number) => void) => RangeEnd,
): Backlog {
  const history = new History(zxidOf(1, 0), 1), payload = new Uint8Array(HISTORY_CHUNK_BYTES);
  const write = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const zxid = (history.lastZxid + 1) as Zxid;
      history.append(zxid, payload, 0, payload.length);
      history.applied(zxid);
    }
  };
  const openRange = (from: Zxid) =>
    Promise.resolve({
      read: (through: Zxid, take: TakeTxn) => Promise.resolve(read(from, through, take, write)),
      close: () => Promise.resolve(),
    });
  const use = { hold: () => () => {} };
  const backlog = new Backlog({
    storage: { recovered: { openRange, directories: { use } } },
    history,
    committed: () => history.lastZxid,
  } as unknown as BacklogParts, zxidOf(1, 0));
  write(WRITES_LOST);
  assert.equal(backlog.cursor, undefined);
  return backlog;
}

test("a learner that takes txns more slowly than they come is given up", async () => {
  let rounds = 0;
  const backlog = overLog((from, through, take, write) => {
    for (let zxid = from; zxid <= through; zxid++) void take(zxid, new Uint8Array(1), 0, 1);
    write(WRITES_LOST + ++rounds);
    return { kind: "through" };
  });
  let last = zxidOf(1, 0);
  await assert.rejects(
    backlog.send((zxid) => {
      assert.equal(zxid, last + 1);
      last = zxid;
    }),
    SyncRefused,
  );
  assert.ok(rounds > 1 && rounds < 10, `${rounds} rounds`);
});

test("what neither memory nor the log has is not passed over", async () => {
  const backlog = overLog(() => ({ kind: "startMissing" }));
  await assert.rejects(backlog.send(() => assert.fail("there is none")), SyncRefused);
});
