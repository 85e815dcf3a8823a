/** One session that writes without waiting, and records in order what was acknowledged and what was under way. */
import { Prng } from "../../src/base/random.ts";
import { Reader } from "../../src/jute/reader.ts";
import { Code, codeName } from "../../src/protocol/codes.ts";
import { MultiHeader } from "../../src/protocol/records.ts";
import type { Runtime } from "../../src/runtime.ts";
import { concat, type Handshake, type Reply, requestFrame, TestClient } from "../support/client.ts";
import { type Outcome, State, type Write } from "./model.ts";
import type { Ledger } from "./ledger.ts";
import { encodeWrite, WriteSource } from "./writes.ts";

export const SESSION_MS = 60_000;

export class Writer {
  readonly root: string;
  /** After all that was acknowledged. */
  confirmed = new State();
  /** Sent and not acknowledged, in order. */
  underWay: Write[] = [];
  /** Acknowledged since the server started. */
  acked = 0;
  /** Names of its nodes in the shared folder, by data. */
  readonly names = new Map<string, string>();
  session: Handshake | undefined;
  readonly #ledger: Ledger;
  readonly #source: WriteSource;
  readonly #random: Prng;
  #ahead = new State();
  #client: TestClient | undefined;
  #window = 1;
  #closing = false;
  #opening: Promise<void> = Promise.resolve();
  #lastZxid = 0;

  constructor(index: number, ledger: Ledger, ...seed: number[]) {
    this.root = `/w${index}`;
    this.#ledger = ledger;
    this.#random = new Prng(...seed, index);
    this.#source = new WriteSource(this.#random, this.root);
  }

  /** Takes up its session, or opens one, and begins to write. */
  start(runtime: Runtime, port: number): void {
    this.acked = 0;
    this.#ahead = this.confirmed.clone();
    this.#window = 1 + this.#random.below(this.#random.chance(1, 3) ? 4 : 150);
    this.#opening = this.#open(runtime, port);
  }

  /** The server is gone: waits for what still came from it. */
  async ended(): Promise<void> {
    let opening: Promise<void>;
    do {
      opening = this.#opening;
      await opening;
      await this.#client?.gone;
    } while (opening !== this.#opening); // a session that was closed was followed by another
    this.#client = undefined;
  }

  /** What was found on the disk is the truth from now on. */
  resume(found: State): void {
    this.confirmed = found;
    this.underWay = [];
    if (found.session === 0n) this.session = undefined;
    for (const data of [...this.names.keys()]) if (!found.shared.has(data)) this.names.delete(data);
  }

  async #open(runtime: Runtime, port: number): Promise<void> {
    const ledger = this.#ledger, { session } = this;
    this.#closing = false;
    if (session === undefined) ledger.connects++;
    let client: TestClient;
    try {
      client = await TestClient.open(runtime, port);
    } catch {
      return; // killed before it was served
    }
    this.#client = client;
    const answer = await client.handshake({
      timeoutMs: SESSION_MS,
      lastZxidSeen: this.#lastZxid,
      ...(session === undefined
        ? {}
        : { sessionId: session.sessionId, password: session.password }),
    });
    if (answer === undefined) return;
    if (session === undefined) {
      ledger.opened(answer.sessionId);
      this.session = answer;
      this.confirmed.session = this.#ahead.session = answer.sessionId;
    } else if (answer.sessionId !== session.sessionId) {
      return ledger.fault(
        `${this.root}: the living session 0x${session.sessionId.toString(16)} was refused`,
      );
    }
    this.#pump(client, runtime, port);
  }

  /** Fills the window with one write to the socket. */
  #pump(client: TestClient, runtime: Runtime, port: number): void {
    const frames: Uint8Array[] = [];
    while (!this.#closing && this.underWay.length < this.#window) {
      const closes = this.acked > 20 && this.#random.chance(1, 2500);
      const write: Write = closes ? { kind: "close" } : this.#source.next(this.#ahead, this.names);
      this.#closing = closes;
      this.#ahead.apply(write, undefined);
      this.underWay.push(write);
      const xid = client.takeXid();
      const [type, body] = encodeWrite(write);
      frames.push(requestFrame(xid, type, body));
      client.expect(xid).then((reply) => {
        this.#onReply(write, reply);
        if (write.kind === "close") {
          this.#opening = client.gone.then(() => this.#open(runtime, port));
        } else if (this.underWay.length <= this.#window >> 1) this.#pump(client, runtime, port);
      }, (error: unknown) => this.#onLost(error));
    }
    if (frames.length > 0) client.raw(concat(...frames));
  }

  #onLost(error: unknown): void {
    if (error instanceof Error && error.message.startsWith("reply to xid")) {
      this.#ledger.fault(error.message);
    }
  }

  #onReply(write: Write, reply: Reply): void {
    const ledger = this.#ledger;
    this.underWay.shift();
    this.acked++;
    this.#lastZxid = reply.zxid;
    ledger.acknowledged(reply.zxid);
    const { session } = this.confirmed;
    const outcome = this.confirmed.apply(write, reply.zxid);
    if (write.kind === "close") this.session = undefined;
    const wrong = this.#compare(write, outcome, reply);
    if (wrong !== undefined) {
      ledger.fault(
        `${this.root} (session 0x${session.toString(16)}) ${
          JSON.stringify(write).slice(0, 300)
        }: ${wrong}`,
      );
    }
    ledger.onAck();
  }

  #compare(write: Write, outcome: Outcome, reply: Reply): string | undefined {
    if (reply.err !== outcome.err) {
      return `answered ${codeName(reply.err)} where ${codeName(outcome.err)} was due`;
    }
    if (reply.err !== Code.ok) return undefined;
    const r = new Reader().reset(reply.body, 0, reply.body.length);
    if (write.kind === "share") {
      const path = r.ustring() ?? "";
      this.names.set(write.data, path);
      return this.#ledger.named(path);
    }
    if (write.kind === "create") {
      const path = r.ustring();
      return path === outcome.path ? undefined : `made ${path} where ${outcome.path} was due`;
    }
    if (write.kind !== "multi") return undefined;
    const first = MultiHeader.read(r);
    if (outcome.parts === undefined) {
      return first.type === -1 ? `failed with ${first.err}` : undefined;
    }
    for (const [index, wanted] of outcome.parts.entries()) {
      const { err } = index === 0 ? first : MultiHeader.read(r);
      if (err !== wanted) return `part ${index} answered ${err} where ${wanted} was due`;
      r.int32();
    }
    return undefined;
  }
}
