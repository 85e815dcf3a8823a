/** After a restart: what the server holds is compared with what was acknowledged and what was under way. */
import type { Prng } from "../../src/base/random.ts";
import { Op } from "../../src/protocol/ops.ts";
import type { Runtime } from "../../src/runtime.ts";
import { TestClient } from "../support/client.ts";
import { done } from "../support/requests.ts";
import {
  adopt,
  differences,
  type FoundNode,
  type FoundShared,
  readBelow,
  readShared,
  topLevel,
} from "./found.ts";
import type { Ledger } from "./ledger.ts";
import type { State } from "./model.ts";
import { type ServerUnderTest, sleep } from "./server.ts";
import { SESSION_MS, type Writer } from "./writer.ts";

/** One way to read what was found: the state after `count` of the writes that were under way. */
interface Match {
  readonly count: number;
  readonly state: State;
}

interface WriterFound {
  readonly writer: Writer;
  /** More than one when writes that failed, and so left nothing, follow each other. */
  readonly matches: readonly Match[];
}

const EXPIRY_MS = 200;
const EXPIRY_PATIENCE_MS = 20_000;

export class Inspection {
  readonly #runtime: Runtime;
  readonly #server: ServerUnderTest;
  readonly #ledger: Ledger;
  readonly #writers: readonly Writer[];
  readonly #random: Prng;

  constructor(
    runtime: Runtime,
    server: ServerUnderTest,
    ledger: Ledger,
    writers: readonly Writer[],
    random: Prng,
  ) {
    this.#runtime = runtime;
    this.#server = server;
    this.#ledger = ledger;
    this.#writers = writers;
    this.#random = random;
  }

  /** Compares, then lets some sessions end. @returns how many requests are in the log that were not acknowledged */
  async run(): Promise<number> {
    const ledger = this.#ledger, server = this.#server;
    const lastZxid = await server.lastZxid();
    if (lastZxid < ledger.ackedMax) {
      ledger.fault(`recovered up to ${hex(lastZxid)}, acknowledged is ${hex(ledger.ackedMax)}`);
    }
    await this.#checkDigests();
    const client = await TestClient.open(this.#runtime, server.port);
    const admin = await client.handshake({ timeoutMs: SESSION_MS });
    if (admin === undefined) throw new Error("no session for the inspection");
    ledger.opened(admin.sessionId);
    ledger.sessionsOpened--; // not of the life that is looked at
    const shared = await readShared(client);
    ledger.foundNames([...shared.values()].map(({ path }) => path));
    await this.#checkTop(client, shared);
    const found: WriterFound[] = [];
    for (const writer of this.#writers) found.push(await this.#match(client, writer, shared));
    await this.#settle(found);
    const survived = this.#checkCount(lastZxid - ledger.base, found);
    for (const writer of this.#writers) await this.#endSession(client, writer);
    await this.#checkDigests();
    await done(client.send(Op.closeSession));
    return survived;
  }

  async #checkDigests(): Promise<void> {
    const mismatches = await this.#server.digestMismatches();
    if (mismatches !== 0) this.#ledger.fault(`${mismatches} digest mismatches`);
  }

  /** Nothing that nobody sent. */
  async #checkTop(client: TestClient, shared: ReadonlyMap<string, FoundShared>): Promise<void> {
    const known = new Set(["zookeeper", "seq", ...this.#writers.map(({ root }) => root.slice(1))]);
    const stray = (await topLevel(client)).filter((name) => !known.has(name));
    if (stray.length > 0) throw new Error(`/ has the children ${stray}, which nobody made`);
    for (const data of shared.keys()) {
      if (!known.has(data.split("#")[0]?.slice(1) ?? "")) throw new Error(`nobody shared ${data}`);
    }
  }

  /** All prefixes of what was under way that give what was found. @throws when there is none */
  async #match(
    client: TestClient,
    writer: Writer,
    sharedByAll: ReadonlyMap<string, FoundShared>,
  ): Promise<WriterFound> {
    const found = await readBelow(client, writer.root);
    const shared = new Map([...sharedByAll].filter(([data]) => data.startsWith(`${writer.root}#`)));
    const state = writer.confirmed.clone();
    const fromAcked = differences(state, found, shared, writer.names, 6);
    const matches: Match[] = [];
    for (let count = 0;; count++) {
      if (differences(state, found, shared, writer.names).length === 0) {
        const match = { count, state: state.clone() };
        adopt(match.state, found);
        matches.push(match);
      } else if (matches.length > 0) break;
      const next = writer.underWay[count];
      if (next === undefined) break;
      state.apply(next, undefined);
    }
    for (const [data, { path }] of shared) writer.names.set(data, path);
    if (matches.length > 0) return { writer, matches };
    throw new Error(
      `${writer.root}: ${writer.acked} acknowledged, ${writer.underWay.length} under way; no state between them is on ` +
        `the disk\nagainst what was acknowledged:\n  ${
          fromAcked.join("\n  ")
        }\nagainst all that was sent:\n  ${
          differences(state, found, shared, writer.names, 6).join("\n  ")
        }\nunder way first: ${JSON.stringify(writer.underWay.slice(0, 3)).slice(0, 1500)}`,
    );
  }

  /** A close without ephemerals leaves nothing but a session that is gone: that decides between matches. */
  async #settle(found: readonly WriterFound[]): Promise<void> {
    for (const { writer, matches } of found) {
      const { session } = writer;
      let fitting = matches;
      if (session !== undefined) {
        const isAlive = await this.#isAlive(session.sessionId, session.password);
        fitting = matches.filter(({ state }) => isAlive === (state.session !== 0n));
        if (fitting.length === 0) {
          throw new Error(
            `${writer.root}: its session ${hex(session.sessionId)} is ${
              isAlive ? "alive" : "gone"
            }`,
          );
        }
      }
      writer.resume((fitting.at(-1) as Match).state);
    }
  }

  async #isAlive(
    sessionId: bigint,
    password: Uint8Array,
    timeoutMs = SESSION_MS,
  ): Promise<boolean> {
    const client = await TestClient.open(this.#runtime, this.#server.port);
    const answer = await client.handshake({ sessionId, password, timeoutMs });
    client.cut();
    await client.gone;
    return answer?.sessionId === sessionId;
  }

  /** Each request that was sequenced took one zxid, and nothing else did. @returns those that were not acknowledged */
  #checkCount(txns: number, found: readonly WriterFound[]): number {
    const ledger = this.#ledger;
    const acked = ledger.sessionsOpened + ledger.acks;
    let min = ledger.sessionsOpened, max = ledger.connects + ledger.unknownSessions;
    for (const { writer, matches } of found) {
      min += writer.acked + (matches[0]?.count ?? 0);
      max += writer.acked + (matches.at(-1)?.count ?? 0);
    }
    if (txns < min || txns > max) {
      ledger.fault(`${txns} txns were recovered, due are ${min} to ${max}`);
    }
    return txns - acked;
  }

  /** One in four is closed by a client, one in four expires: its ephemerals go, those of others stay. */
  async #endSession(admin: TestClient, writer: Writer): Promise<void> {
    const { session } = writer;
    if (session === undefined) return;
    const fate = this.#random.below(4);
    if (fate > 1) return;
    const after = writer.confirmed.clone();
    after.apply({ kind: "close" }, undefined);
    if (fate === 0) {
      const client = await TestClient.open(this.#runtime, this.#server.port);
      await client.handshake({ sessionId: session.sessionId, password: session.password });
      await done(client.send(Op.closeSession));
      await client.gone;
    } else {
      await this.#isAlive(session.sessionId, session.password, EXPIRY_MS);
    }
    const found = await this.#untilFound(admin, writer, after, fate === 0 ? 0 : EXPIRY_PATIENCE_MS);
    adopt(after, found);
    writer.resume(after);
  }

  /** @throws when the tree is not so in time */
  async #untilFound(
    admin: TestClient,
    writer: Writer,
    wanted: State,
    patienceMs: number,
  ): Promise<Map<string, FoundNode>> {
    const untilMs = performance.now() + patienceMs;
    const isGone = async (): Promise<boolean> =>
      !(await this.#server.word("dump")).includes(
        hex(writer.session?.sessionId ?? 0n),
      );
    while (patienceMs > 0 && performance.now() < untilMs && !await isGone()) await sleep(20);
    const found = await readBelow(admin, writer.root);
    const shared = new Map(
      [...await readShared(admin)].filter(([data]) => data.startsWith(`${writer.root}#`)),
    );
    const wrong = differences(wanted, found, shared, writer.names, 6);
    if (wrong.length === 0) return found;
    throw new Error(`${writer.root}: its session ended, and\n  ${wrong.join("\n  ")}`);
  }
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
