// What a review found: ends and limits of syncs, of pauses, and of what learners forward. Each failed before it was mended.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FORWARDED_BYTES_MAX, HISTORY_BYTES_MAX } from "../../../src/base/limits.ts";
import { silentLog } from "../../../src/base/log.ts";
import type { Zxid } from "../../../src/base/zxid.ts";
import { Writer } from "../../../src/jute/writer.ts";
import { History } from "../../../src/server/ensemble/history.ts";
import { DEFAULT_ENSEMBLE_OPTIONS } from "../../../src/server/ensemble/options.ts";
import { SyncSender, SyncThrottle } from "../../../src/server/ensemble/sync_sender.ts";
import { create, done } from "../../support/requests.ts";
import { inSimEnsemble } from "./support.ts";

test("a sync at a follower is answered in an epoch that nobody has written in", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    await ensemble.start();
    const leader = await ensemble.serve();
    const [one = 0, two = 0] = [1, 2, 3].filter((sid) => sid !== leader);
    const first = await ensemble.connect(one, { timeoutMs: 40_000 });
    await done(create(first, "/a", "x"));
    first.cut();
    ensemble.end(leader, "kill");
    await ensemble.sleep(100);
    const next = await ensemble.serve(1);
    const again = await ensemble.connect(next === one ? two : one, ensemble.resume(first));
    let isAnswered = false;
    void ensemble.sync(again).then(() => isAnswered = true);
    await ensemble.sleep(1000);
    assert.ok(isAnswered);
  });
});

test("a server that stops before its role has begun does stop", async () => {
  const slow = { observerReconnectDelayMs: 60_000 };
  await inSimEnsemble({ voters: 3, observers: 1, ensemble: slow }, async (ensemble) => {
    await ensemble.start();
    await ensemble.until(() =>
      ensemble.lines.some(({ sid, message }) => sid === 4 && message === "Elected")
    );
    let isStopped = false;
    void ensemble.server(4).stop().then(() => isStopped = true);
    await ensemble.sleep(3000);
    assert.ok(isStopped);
  });
});

test("a leader whose one follower stands still within its snapshot, the other dead, leads no more", async () => {
  const forced = { forceSnapshotSync: true };
  await inSimEnsemble({ voters: 3, ensemble: forced }, async (ensemble) => {
    await ensemble.start();
    const leader = await ensemble.serve();
    const [away = 0, other = 0] = [1, 2, 3].filter((sid) => sid !== leader);
    const client = await ensemble.connect(leader, { timeoutMs: 40_000 });
    ensemble.end(away);
    for (let i = 0; i < 30; i++) await done(create(client, `/n${i}`, "x".repeat(500_000)));
    ensemble.sim.network.slow(`server${leader}`, `server${away}`, { bytesPerMs: 200 }, "from");
    await ensemble.revive(away);
    await ensemble.until(() =>
      ensemble.lines.some(({ sid, message }) => sid === away && message.startsWith("Taking over"))
    );
    await ensemble.sleep(500);
    ensemble.machine(away).pause();
    ensemble.end(other);
    // initLimit and syncLimit of the test's options, and a few ticks.
    await ensemble.sleep(20_000);
    assert.notEqual(ensemble.server(leader).mode, "leader");
  });
});

test("what followers forward is bounded by bytes, however many clients there are", async () => {
  await inSimEnsemble({ voters: 3 }, async (ensemble) => {
    await ensemble.start();
    const leader = await ensemble.serve();
    const followers = [1, 2, 3].filter((sid) => sid !== leader);
    const value = "x".repeat(900_000), clients = [];
    for (let i = 0; i < 80; i++) {
      clients.push(await ensemble.connect(followers[i % 2] as number, { timeoutMs: 40_000 }));
    }
    for (const sid of followers) ensemble.machine(sid).files.syncUs = [8_000_000];
    clients.forEach((client, i) => void create(client, `/n${i}`, value).catch(() => {}));
    await ensemble.sleep(1500);
    const waiting = ensemble.server(leader).running?.view.outstandingRequests ?? 0;
    const most = 2 * (Math.ceil(FORWARDED_BYTES_MAX / value.length) + 1);
    assert.ok(waiting > 10 && waiting <= most, `${waiting} of 80, at most ${most}`);
  });
});

/** A learner's link that is gone at the first flush. */
function goingLink(): { readonly isGone: boolean } {
  const link = {
    sid: 2,
    isObserver: false,
    isGone: false,
    backlog: undefined as { close(): void } | undefined,
    tooSlow: () => {},
    output: {
      w: new Writer(1024),
      isClogged: false,
      flush(): void {
        this.w.pos = 0;
        link.isGone = true;
        link.backlog?.close();
      },
      drained: () => Promise.resolve(),
    },
  };
  return link;
}

/** What a sender works with: a log of any length, no snapshot worth sending. */
function partsOver(
  history: History,
  payload: Uint8Array,
  link: { readonly isGone: boolean },
): object {
  const range = {
    bytes: 0,
    before: 1,
    close: () => Promise.resolve(),
    async read(through: number, take: (...txn: unknown[]) => unknown): Promise<unknown> {
      for (let zxid = 2; zxid <= through && !link.isGone; zxid++) {
        await take(zxid, payload, 0, 1000);
      }
      return { kind: "stopped" };
    },
  };
  const recovered = {
    openRange: () => Promise.resolve(range),
    newestSnapshotBytes: () => Promise.resolve(1e9),
  };
  return {
    context: {},
    storage: { recovered },
    history,
    options: { ...DEFAULT_ENSEMBLE_OPTIONS, membership: { quorum: { voters: new Set() } } },
    stats: { counters: {} },
    log: silentLog,
    configText: "",
    isServing: () => true,
    committed: () => history.lastZxid,
    onProgress: () => {},
  };
}

test("a learner that goes away while the log is walked for it holds nothing in the history", async () => {
  const history = new History(0 as Zxid, 500), payload = new Uint8Array(1000);
  history.beginTurns();
  const append = (from: number, to: number): void => {
    for (let zxid = from; zxid <= to; zxid++) {
      history.append(zxid as Zxid, payload, 0, payload.length);
      history.takeTurn();
      history.applied(zxid as Zxid);
    }
  };
  append(1, 3000);
  type Sender = ConstructorParameters<typeof SyncSender>;
  const throttle = new SyncThrottle(
    { ...DEFAULT_ENSEMBLE_OPTIONS } as ConstructorParameters<typeof SyncThrottle>[0],
  );
  const link = goingLink();
  const sender = new SyncSender(
    partsOver(history, payload, link) as unknown as Sender[0],
    throttle,
    link as unknown as Sender[2],
  );
  assert.equal(await sender.run(1 as Zxid, 1), false);
  append(3001, 60_000);
  assert.ok(
    history.bytes < HISTORY_BYTES_MAX / 2 && history.count < 40_000,
    `${history.count} held`,
  );
});
