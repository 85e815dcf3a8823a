// test-timeout: 420s
/**
 * Random cuts for a while: 20 seconds in the gate, MENAGERIE_SOAK_SECONDS=300 by `npm run soak`. MENAGERIE_SOAK_SEED replays the
 * choices (the interleaving is the machine's). Demands: a recursive watch delivers every change exactly once in the order of
 * zxids while connected and invents none; after each reconnect what is kept up to date equals the server's; a counter
 * incremented through losses has as many increments as were promised.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { Prng } from "../../src/base/random.ts";
import { type Client, connect, textOf, update, type WatchEvent } from "../../src/client/index.ts";
import { onHost, type Stage } from "../support/in_process.ts";
import { Proxy } from "./proxy.ts";

const seconds = Number(process.env["MENAGERIE_SOAK_SECONDS"] ?? 20);
const seed = Number(process.env["MENAGERIE_SOAK_SEED"] ?? Date.now() % 1_000_000);
const NODES = 12;

interface Change {
  readonly type: string;
  readonly path: string;
  readonly zxid: number;
}

/** Changes nodes below /s in turn, and writes down each. */
class Writer {
  readonly history: Change[] = [];
  readonly #truth: Client;
  readonly #prng: Prng;
  #isWanted = false;
  #running: Promise<void> = Promise.resolve();

  constructor(truth: Client, prng: Prng) {
    this.#truth = truth;
    this.#prng = prng;
  }

  start(): void {
    this.#isWanted = true;
    this.#running = (async () => {
      while (this.#isWanted) await this.#change(`/s/n${this.#prng.below(NODES)}`);
    })();
  }
  async pause(): Promise<void> {
    this.#isWanted = false;
    await this.#running;
  }

  async #change(path: string): Promise<void> {
    const zk = this.#truth;
    const note = (type: string) => this.history.push({ type, path, zxid: zk.lastZxid });
    if (await zk.exists(path) === undefined) {
      await zk.create(path, String(this.history.length));
      note("created");
    } else if (this.#prng.chance(1, 4)) {
      await zk.delete(path);
      note("deleted");
    } else {
      await zk.setData(path, String(this.history.length));
      note("dataChanged");
    }
  }
}

/** Every event is a change that was made; between gaps none is left out, doubled or out of order. */
function checkEvents(events: readonly WatchEvent[], history: readonly Change[]): number {
  const indexOf = new Map(history.map(({ zxid }, index) => [zxid, index]));
  let last: number | undefined;
  let highest = -1, gaps = 0;
  for (const event of events) {
    if (event.type === "gap") {
      assert.equal(event.reason, "reconnected");
      last = undefined;
      gaps++;
      continue;
    }
    const index = indexOf.get(event.zxid);
    assert.ok(index !== undefined, `invented: ${event.type} ${event.path} ${event.zxid}`);
    assert.deepEqual({ ...event }, { ...history[index] });
    if (last !== undefined) assert.equal(index, last + 1, `after ${last} came ${index}`);
    assert.ok(index > highest, `${index} came after ${highest}`);
    last = highest = index;
  }
  return gaps;
}

/** Asks until it holds; the runner's time limit ends one that never does. */
async function until(stage: Stage, holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!await holds()) await stage.sleep(5);
}

async function soak(stage: Stage, ends: (() => Promise<void>)[]): Promise<string> {
  const { runtime } = stage, prng = new Prng(seed);
  const proxy = await Proxy.start(runtime, { host: "127.0.0.1", port: stage.port });
  ends.push(() => proxy.stop());
  const truth = await connect(`127.0.0.1:${stage.port}`, { runtime });
  ends.push(() => truth.close());
  await truth.create("/s");
  await truth.create("/counter", "0");
  const zk = await connect(`127.0.0.1:${proxy.address.port}`, {
    runtime,
    sessionTimeoutMs: 20_000,
    reconnectJitterMs: 20,
  });
  ends.push(() => zk.close());
  const { id } = zk.session;
  const events: WatchEvent[] = [];
  await zk.addWatch("/s", "recursive", {
    onEvent: (event) => void (event.type === "ended" || events.push(event)),
  });
  const value = await zk.watchValue("/s/n0"), children = await zk.watchChildren("/s");
  const writer = new Writer(truth, prng);
  let increments = 0, isCounting = true;
  const counting = (async () => {
    for (; isCounting; increments++) {
      await update(zk, "/counter", ({ data }) => String(Number(textOf(data)) + 1), {
        tries: 1000,
        pauseMs: 1,
      });
    }
  })();
  const startedMs = stage.nowMs();
  let rounds = 0;
  for (; stage.nowMs() - startedMs < seconds * 1000; rounds++) {
    writer.start();
    for (let cuts = 1 + prng.below(3); cuts > 0; cuts--) await cutOnce(stage, proxy, prng);
    await stage.sleep(prng.below(100));
    await writer.pause();
    // The kept-up state equals the server's, with nobody writing.
    await until(stage, async () => {
      const now = await truth.exists("/s/n0");
      return zk.state === "connected" && value.current?.stat.mzxid === now?.mzxid;
    });
    const listed = (await truth.getChildren("/s")).children.sort();
    await until(stage, () => String(children.current?.children) === String(listed));
  }
  isCounting = false;
  await counting;
  proxy.judge = () => "pass"; // a cut that is still to come would hit the sync
  await zk.sync();
  const gaps = checkEvents(events, writer.history);
  assert.equal(Number(textOf((await truth.getData("/counter")).data)), increments);
  assert.equal(zk.session.id, id);
  assert.ok(gaps > 0 && events.length > gaps);
  assert.equal([value.error, children.error].join(), ",");
  return `${rounds} rounds, ${gaps} reconnects, ${writer.history.length} changes, ` +
    `${events.length - gaps} events, ${increments} increments`;
}

/** The connection breaks at once, or at a request to come, and now and then nobody answers for a while. */
async function cutOnce(stage: Stage, proxy: Proxy, prng: Prng): Promise<void> {
  await stage.sleep(prng.below(120));
  switch (prng.below(4)) {
    case 0:
      return proxy.cut();
    case 1:
      proxy.isRefusing = true;
      proxy.cut();
      await stage.sleep(prng.below(150));
      proxy.isRefusing = false;
      return;
    default: {
      const verdict = prng.chance(1, 2) ? "cutBefore" : "cutAfter";
      const at = proxy.requests.length + prng.below(20);
      proxy.judge = ({ index }) => index === at ? verdict : "pass";
    }
  }
}

test(`random cuts for ${seconds} s (seed ${seed})`, () =>
  onHost({}, async (stage) => {
    const ends: (() => Promise<void>)[] = [];
    try {
      const summary = await soak(stage, ends);
      if (seconds > 20) console.log(summary);
    } finally {
      // Also after a failure: a client that goes on would keep the process, and hide what failed.
      for (const end of ends.reverse()) await end();
    }
  }));
