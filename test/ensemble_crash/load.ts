// Writers whose every acknowledgement is remembered, and the look at all servers afterwards that finds what was lost, doubled or
// different.
import assert from "node:assert/strict";
import { type Client, connect, textOf, ZkError } from "../../src/client/index.ts";
import { hostRuntime } from "../support/runtime.ts";
import type { RealEnsemble } from "../support/real_ensemble.ts";

/** What one writer knows of its writes: it has one under way at a time, so that their order is that of its session. */
interface Ledger {
  readonly name: string;
  /** Number and czxid of each create that was acknowledged. */
  readonly created: { readonly number: number; readonly czxid: bigint | number }[];
  /** Numbers whose outcome is unknown. */
  readonly unknown: Set<number>;
  next: number;
  /** Of its counter: the version that was acknowledged last. */
  version: number;
}

const PAYLOAD = "x".repeat(100);
const FLOOD_MS_MAX = 60_000;

function isOver({ state }: Client): boolean {
  return state === "expired" || state === "closed";
}

export class Writers {
  readonly ledgers: Ledger[];
  readonly #ensemble: RealEnsemble;
  readonly #top: string;
  #isOver = false;
  #running: Promise<void>[] = [];
  acknowledged = 0;
  /** Why a writer has given up. */
  failure: Error | undefined;

  /** @param top a znode of its own for these writers */
  constructor(ensemble: RealEnsemble, count: number, top: string) {
    this.#ensemble = ensemble;
    this.#top = top;
    this.ledgers = Array.from({ length: count }, (_, index) => ({
      name: `${top}/w${index}`,
      created: [],
      unknown: new Set<number>(),
      next: 0,
      version: -1,
    }));
  }

  async start(): Promise<void> {
    const client = await this.#client();
    await client.create(this.#top, "");
    for (const { name } of this.ledgers) {
      await client.create(name, "");
      await client.create(`${name}/counter`, "");
    }
    await client.close();
    this.#running = this.ledgers.map((ledger) =>
      this.#write(ledger).catch((error: unknown) => {
        this.failure ??= error instanceof Error ? error : new Error(String(error));
      })
    );
  }

  async #client(connectString = this.#ensemble.connectString): Promise<Client> {
    const runtime = await hostRuntime();
    return await connect(connectString, {
      runtime,
      sessionTimeoutMs: 20_000,
      reconnectJitterMs: 20,
    });
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
    if (this.failure !== undefined) throw this.failure;
  }

  async #write(ledger: Ledger): Promise<void> {
    let client = await this.#client();
    while (!this.#isOver) {
      const number = ledger.next++;
      try {
        const { stat } = await client.create(`${ledger.name}/${number}`, PAYLOAD);
        ledger.created.push({ number, czxid: stat.czxid });
        const { version } = await client.setData(`${ledger.name}/counter`, String(number));
        assert.ok(
          version > ledger.version,
          `${ledger.name}: version ${version} after ${ledger.version}`,
        );
        ledger.version = version;
        this.acknowledged += 2;
      } catch (error) {
        if (!(error instanceof ZkError)) throw error;
        ledger.unknown.add(number);
        if (isOver(client)) client = await this.#client();
      }
    }
    await client.close().catch(() => {});
  }

  /**
   * More writes at once, through one client: a follower that is away falls behind. Its server may be the one that fails: what
   * was sent to it is then sent again to another.
   */
  async flood(count: number): Promise<void> {
    const client = await this.#client(), untilMs = Date.now() + FLOOD_MS_MAX;
    for (let done = 0; done < count;) {
      const burst = Math.min(500, count - done);
      const answers = await Promise.allSettled(
        Array.from({ length: burst }, (_, at) => client.setData(this.#top, `${done + at}`)),
      );
      const lost = answers.find((one) => one.status === "rejected")?.reason as Error | undefined;
      if (lost === undefined) done += burst;
      else if (!(lost instanceof ZkError) || isOver(client) || Date.now() > untilMs) throw lost;
    }
    await client.close();
  }

  /** Every server, after a sync, has each acknowledged write, in the order of its session, and the same as all others. */
  async check(): Promise<void> {
    const trees = new Map<number, string>();
    for (const server of this.#ensemble.servers) {
      const client = await this.#client(`127.0.0.1:${server.clientPort}`);
      await client.sync("/");
      const lines: string[] = [];
      for (const ledger of this.ledgers) {
        lines.push(await this.#inspect(client, ledger, server.sid));
      }
      trees.set(server.sid, lines.join("\n"));
      await client.close();
    }
    const [first, ...others] = [...trees];
    for (const [sid, tree] of others) {
      assert.equal(tree, first?.[1], `server ${sid} and server ${first?.[0]} have the same tree`);
    }
  }

  async #inspect(client: Client, ledger: Ledger, sid: number): Promise<string> {
    const where = `${ledger.name} on server ${sid}`;
    const { children } = await client.getChildren(ledger.name);
    const found = new Set(children);
    let last = -1n;
    for (const { number, czxid } of ledger.created) {
      assert.ok(found.has(String(number)), `${where}: acknowledged create ${number} is there`);
      assert.ok(BigInt(czxid) > last, `${where}: create ${number} follows the one before`);
      last = BigInt(czxid);
    }
    for (const child of children) {
      if (child === "counter") continue;
      assert.ok(Number(child) < ledger.next, `${where}: ${child} was asked for`);
    }
    const { data, stat } = await client.getData(`${ledger.name}/counter`);
    assert.ok(stat.version >= ledger.version, `${where}: counter has version ${ledger.version}`);
    const stats = await Promise.all(children.map(async (child) => {
      const one = await client.exists(`${ledger.name}/${child}`);
      return `${child} ${one?.czxid} ${one?.mzxid} ${one?.version} ${one?.dataLength}`;
    }));
    return [`${ledger.name} ${textOf(data)} ${stat.mzxid} ${stat.version}`, ...stats.sort()].join(
      "\n",
    );
  }
}
