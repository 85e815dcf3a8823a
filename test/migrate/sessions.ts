// The clients of a migration: sessions that write unique values, hold ephemeral nodes and watches, and remember what they were
// promised. None of them may notice more than a pause.
import assert from "node:assert/strict";
import {
  type Client,
  connect,
  type EndedEvent,
  type SessionState,
  type WatchEvent,
  ZkError,
} from "../../src/client/index.ts";
import { hostRuntime } from "../support/runtime.ts";

export interface Promised {
  readonly dir: string;
  /** Data of each node whose create was acknowledged, by its name. */
  readonly created: Map<string, { readonly data: string; readonly czxid: number }>;
  /** Names whose delete was acknowledged. */
  readonly deleted: Set<string>;
  /** Names whose outcome is unknown: there or not, both are right. */
  readonly unknown: Set<string>;
  /** Of its counter: what was acknowledged last. */
  version: number;
}

interface Session {
  readonly client: Client;
  readonly id: bigint;
  readonly alive: string;
  readonly aliveCzxid: number;
  readonly promised: Promised;
  readonly states: SessionState[];
  /** One watch on the neighbour's ephemeral node, one on the signal; neither fires before the end. */
  readonly neighbourEvents: (WatchEvent | EndedEvent)[];
  readonly signalEvents: (WatchEvent | EndedEvent)[];
  next: number;
  lastAckMs: number;
}

/** Longest times without an acknowledgement. */
export interface Pauses {
  /** Of any session: how long the ensemble took no writes at all. */
  readonly allMs: number;
  /** Of one session, which may have had to find another server. */
  readonly oneMs: number;
}

export interface SessionsOptions {
  readonly connectString: string;
  readonly count: number;
  /** A znode of its own for these sessions. */
  readonly top: string;
  readonly timeoutMs: number;
}

const DELETED_EVERY = 4;
const COUNTED_EVERY = 8;

export class Sessions {
  readonly #sessions: Session[] = [];
  readonly #top: string;
  #running: Promise<void>[] = [];
  #isResting = true;
  #lastAckMs = 0;
  #allMs = 0;
  #oneMs = 0;
  acknowledged = 0;

  private constructor(top: string) {
    this.#top = top;
  }

  static async open(options: SessionsOptions): Promise<Sessions> {
    const { count, top } = options;
    const all = new Sessions(top);
    const clients: { client: Client; states: SessionState[] }[] = [];
    for (let index = 0; index < count; index++) clients.push(await connected(options));
    for (const path of [top, `${top}/alive`, `${top}/signal`]) {
      await clients[0]?.client.create(path, "");
    }
    const ephemerals: number[] = [];
    for (const [index, { client }] of clients.entries()) {
      const path = `${top}/alive/s${index}`;
      const { stat } = await client.create(path, String(index), { mode: "ephemeral" });
      ephemerals.push(stat.czxid);
    }
    for (const [index, { client, states }] of clients.entries()) {
      const dir = `${top}/s${index}`;
      await client.create(dir, "");
      await client.create(`${dir}/counter`, "");
      const neighbourEvents: (WatchEvent | EndedEvent)[] = [];
      const signalEvents: (WatchEvent | EndedEvent)[] = [];
      const neighbour = `${top}/alive/s${(index + 1) % count}`;
      await client.sync(top);
      const seen = await client.exists(neighbour, { watch: (one) => neighbourEvents.push(one) });
      assert.ok(seen !== undefined, `${neighbour} is there`);
      await client.getData(`${top}/signal`, { watch: (one) => signalEvents.push(one) });
      all.#sessions.push({
        client,
        id: client.session.id,
        alive: `${top}/alive/s${index}`,
        aliveCzxid: ephemerals[index] as number,
        promised: {
          dir,
          created: new Map(),
          deleted: new Set(),
          unknown: new Set(),
          version: 0,
        },
        states,
        neighbourEvents,
        signalEvents,
        next: 0,
        lastAckMs: 0,
      });
    }
    return all;
  }

  get promised(): readonly Promised[] {
    return this.#sessions.map(({ promised }) => promised);
  }
  get count(): number {
    return this.#sessions.length;
  }

  run(): void {
    assert.ok(this.#isResting, "they rest before they run");
    this.#isResting = false;
    const now = performance.now();
    this.#lastAckMs = now;
    for (const session of this.#sessions) session.lastAckMs = now;
    this.#running = this.#sessions.map((session) => this.#write(session));
    // A failure is told by `rest`; until then nobody awaits it.
    for (const one of this.#running) one.catch(() => {});
  }

  /** Until the writes under way are answered; the sessions stay. */
  async rest(): Promise<void> {
    this.#isResting = true;
    await Promise.all(this.#running);
  }

  /** The longest pauses since the last call, one that goes on included. */
  takePauses(): Pauses {
    const now = performance.now();
    if (!this.#isResting) {
      this.#allMs = Math.max(this.#allMs, now - this.#lastAckMs);
      for (const { lastAckMs } of this.#sessions) {
        this.#oneMs = Math.max(this.#oneMs, now - lastAckMs);
      }
    }
    const pauses = { allMs: this.#allMs, oneMs: this.#oneMs };
    this.#allMs = this.#oneMs = 0;
    return pauses;
  }

  /** Until every session has had an answer to a write that it sent after this call. */
  async untilAllWrite(): Promise<void> {
    const sinceMs = performance.now(), untilMs = Date.now() + 60_000;
    while (this.#sessions.some(({ lastAckMs }) => lastAckMs <= sinceMs)) {
      const stuck = this.#sessions.findIndex(({ lastAckMs }) => lastAckMs <= sinceMs);
      for (const { client } of this.#sessions) assert.notEqual(client.state, "expired");
      assert.ok(Date.now() < untilMs, `session ${stuck} writes again within a minute`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async untilAcknowledged(more: number): Promise<void> {
    const target = this.acknowledged + more, untilMs = Date.now() + 60_000;
    while (this.acknowledged < target) {
      assert.ok(Date.now() < untilMs, "writes are acknowledged within a minute");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  #acknowledge(session: Session): void {
    const now = performance.now();
    this.#allMs = Math.max(this.#allMs, now - this.#lastAckMs);
    this.#oneMs = Math.max(this.#oneMs, now - session.lastAckMs);
    this.#lastAckMs = session.lastAckMs = now;
    this.acknowledged++;
  }

  /** One write at a time: their order is that of the session. Ends when they rest, or with the session. */
  async #write(session: Session): Promise<void> {
    const { client, promised } = session;
    while (!this.#isResting && client.state !== "expired" && client.state !== "closed") {
      const number = session.next++, name = `n${number}`, path = `${promised.dir}/${name}`;
      const data = `${promised.dir} ${number} ${"x".repeat(number % 200)}`;
      try {
        const { stat } = await client.create(path, data);
        promised.created.set(name, { data, czxid: stat.czxid });
        this.#acknowledge(session);
        if (number % COUNTED_EVERY === 0) {
          const { version } = await client.setData(`${promised.dir}/counter`, String(number));
          assert.ok(
            version > promised.version,
            `${promised.dir}: ${version} after ${promised.version}`,
          );
          promised.version = version;
          this.#acknowledge(session);
        }
        if (number % DELETED_EVERY === 1) await this.#delete(session, name);
      } catch (error) {
        if (!(error instanceof ZkError)) throw error;
        if (error.code === "CLOSED" && this.#isResting) return; // the test has ended early
        assert.match(error.code, /^(?:CONNECTION_LOSS|SESSION_EXPIRED)$/, error.message);
        if (!promised.created.has(name)) promised.unknown.add(name);
      }
    }
  }

  async #delete({ client, promised }: Session, name: string): Promise<void> {
    const kept = promised.created.get(name);
    promised.created.delete(name);
    promised.unknown.add(name);
    await client.delete(`${promised.dir}/${name}`);
    promised.unknown.delete(name);
    assert.ok(kept !== undefined);
    promised.deleted.add(name);
    this.acknowledged++;
  }

  /** While they rest: the sessions are those of the beginning, their ephemeral nodes too, and no watch has fired. */
  async checkAlive(): Promise<void> {
    for (
      const { client, id, alive, aliveCzxid, states, neighbourEvents, signalEvents } of this
        .#sessions
    ) {
      await client.sync("/");
      assert.equal(client.session.id, id, "the session has its id");
      assert.ok(!states.includes("expired"), `session 0x${id.toString(16)}: ${states.join()}`);
      const stat = await client.exists(alive);
      assert.equal(stat?.ephemeralOwner, id, `${alive} is there`);
      assert.equal(stat?.czxid, aliveCzxid, `${alive} was there all the time`);
      assert.deepEqual(await client.getEphemerals("/"), [alive]);
      assert.deepEqual(neighbourEvents, [], `the neighbour of ${alive} was there all the time`);
      assert.deepEqual(signalEvents, [], "nobody has given the signal");
    }
  }

  /** The watches of the beginning fire once each; then the sessions end, each seen by its neighbour. */
  async finish(): Promise<void> {
    const all = this.#sessions;
    await (all[0] as Session).client.setData(`${this.#top}/signal`, "now");
    for (const { client, signalEvents } of all) {
      await client.sync("/"); // the event comes before the answer
      assert.deepEqual(signalEvents.map(({ type }) => type), ["dataChanged"]);
    }
    for (const [index, { client }] of all.entries()) {
      await client.close();
      if (index > 0) continue;
      const last = all[all.length - 1] as Session; // whose neighbour the first one is
      await last.client.sync("/");
      assert.deepEqual(last.neighbourEvents.map(({ type }) => type), ["deleted"]);
    }
  }

  /** Whatever happened. */
  async close(): Promise<void> {
    this.#isResting = true;
    await Promise.allSettled(this.#sessions.map(({ client }) => client.close()));
    await Promise.allSettled(this.#running);
  }
}

async function connected(
  { connectString, timeoutMs }: SessionsOptions,
): Promise<{ client: Client; states: SessionState[] }> {
  const states: SessionState[] = [];
  const client = await connect(connectString, {
    runtime: await hostRuntime(),
    sessionTimeoutMs: timeoutMs,
    reconnectJitterMs: 50,
    onState: (state) => states.push(state),
  });
  return { client, states };
}
