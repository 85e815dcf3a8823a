/** A learner's connection to its leader: packets in, each with its place; the stream of a snapshot is handed on. */
import { messageOf, ProtocolError } from "../../base/errors.ts";
import { epochOf, type Zxid } from "../../base/zxid.ts";
import { Reader } from "../../jute/reader.ts";
import { type Connection, RuntimeError } from "../../runtime.ts";
import { PushSource } from "../../storage/push_source.ts";
import type { LearnerEvent } from "../../zab/events.ts";
import { PacketInput, type PacketSink } from "../../zab/packet_input.ts";
import { PacketType, writePacket } from "../../zab/packets.ts";
import type { Counters } from "../stats.ts";
import type { History } from "./history.ts";
import { LinkOutput } from "./link_output.ts";

export interface LeaderLinkHost {
  dispatch(event: LearnerEvent): void;
  /** The payload is valid during the call. */
  onProposal(
    zxid: Zxid,
    isCommitted: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void;
  onPing(zxid: Zxid): void;
  onSync(): void;
  onRevalidated(sessionId: bigint, isValid: boolean): void;
  /** Behind the packets of a chunk. */
  endTurn(): void;
  /** The journal has no room: input waits for `resume`. */
  readonly mustWait: boolean;
  onDrained(): void;
  /** Once; the connection is closed. */
  onGone(reason: string): void;
  onBug(error: unknown): void;
}

const LONG_BYTES = 8;

export class LeaderLink implements PacketSink {
  readonly output: LinkOutput;
  readonly #connection: Connection;
  readonly #host: LeaderLinkHost;
  readonly #input: PacketInput;
  readonly #reader: Reader;
  readonly #counters: Counters;
  /** Where the stream goes while a snapshot comes. */
  #source: PushSource | undefined;
  /** A file is being changed: packets wait. */
  #isHeld = false;
  /** The journal has no room: packets wait. */
  #isFull = false;
  #isGone = false;
  /** The last COMMIT of a run; 0: none. */
  #committed = 0 as Zxid;

  constructor(
    connection: Connection,
    host: LeaderLinkHost,
    dataBytesMax: number,
    counters: Counters,
  ) {
    this.#connection = connection;
    this.#host = host;
    this.#counters = counters;
    this.#input = new PacketInput(this, dataBytesMax);
    this.#reader = new Reader(dataBytesMax);
    this.output = new LinkOutput(connection, () => this.close("it does not read what it is sent"));
    this.output.onDrain = () => host.onDrained();
    connection.onData((chunk) => this.#onData(chunk));
    connection.onEnd(() => this.close("it ended the connection"));
    connection.onClose((error) => this.close(error?.message ?? "the connection was lost"));
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  close(reason: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.output.end();
    this.#connection.close();
    this.#source?.end(new RuntimeError("RESET", reason));
    this.#host.onGone(reason);
  }

  /** No packet is read until `release`. Within a packet's handling, or from outside. */
  hold(): void {
    this.#isHeld = true;
    this.#connection.pause();
  }

  release(): void {
    this.#isHeld = false;
    this.#goOn();
  }

  /** There is room in the journal again. */
  resume(): void {
    if (!this.#isFull || this.#host.mustWait) return;
    this.#isFull = false;
    this.#goOn();
  }

  #goOn(): void {
    if (this.#isWaiting || this.#isGone) return;
    this.#guard(() => this.#input.resume());
    this.#startSource();
    this.#endTurn();
    if (!this.#isWaiting && !this.#isGone) this.#connection.resume();
  }

  get #isWaiting(): boolean {
    return this.#isHeld || this.#isFull;
  }

  /** What follows on the connection is a snapshot. */
  beginSnapshot(): PushSource {
    const source = new PushSource();
    this.#isHeld = true;
    this.#source = source;
    source.onRoom = () => this.#connection.resume();
    return source;
  }

  /** The rest of the stream is packets again; they wait for `release`. */
  endSnapshot(source: PushSource): void {
    source.onRoom = () => {};
    this.#connection.pause();
    this.#source = undefined;
    this.#input.giveBack(source.takeRest());
  }

  // ------------------------------------------------------------------------------ in

  #onData(chunk: Uint8Array): void {
    if (this.#isGone) return;
    const source = this.#source;
    if (source !== undefined) {
      if (!source.push(chunk)) this.#connection.pause();
      this.#guard(() => this.#host.dispatch({ kind: "heard" }));
      return;
    }
    this.#guard(() => this.#input.feed(chunk));
    this.#startSource();
    this.#endTurn();
  }

  /** A snapshot began within the chunk: what came behind its packet is the beginning of the stream. */
  #startSource(): void {
    if (this.#isGone || this.#source === undefined) return;
    if (!this.#source.push(this.#input.takeRest())) this.#connection.pause();
    else this.#connection.resume();
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof ProtocolError) this.close(messageOf(error));
      else this.#host.onBug(error);
    }
  }

  #endTurn(): void {
    if (this.#isGone) return;
    this.#guard(() => {
      this.#dispatchCommit();
      this.#host.endTurn();
    });
    if (!this.#isGone) this.output.flush();
  }

  onPacket(
    type: number,
    zxid: Zxid,
    bytes: Uint8Array,
    start: number,
    end: number,
    _after: number,
    _isNull: boolean,
  ): boolean {
    switch (type) {
      case PacketType.proposal:
        this.#counters.proposalsReceived++;
        this.#host.onProposal(zxid, false, bytes, start, end);
        break;
      case PacketType.commit:
      case PacketType.commitAndActivate:
        this.#counters.commitsReceived++;
        this.#committed = zxid;
        break;
      case PacketType.inform:
        this.#counters.commitsReceived++;
        this.#host.onProposal(zxid, true, bytes, start, end);
        break;
      case PacketType.informAndActivate:
        if (end - start < LONG_BYTES) throw new ProtocolError("INFORMANDACTIVATE without a txn");
        this.#counters.commitsReceived++;
        this.#host.onProposal(zxid, true, bytes, start + LONG_BYTES, end);
        break;
      default:
        this.#dispatchCommit();
        if (!this.#isGone) this.#onRare(type, zxid, bytes, start, end);
    }
    if (this.#host.mustWait) {
      this.#isFull = true;
      this.#connection.pause();
    }
    return !this.#isWaiting && !this.#isGone;
  }

  #dispatchCommit(): void {
    const zxid = this.#committed;
    this.#committed = 0 as Zxid;
    if (zxid !== 0) this.#host.dispatch({ kind: "commit", zxid });
  }

  #onRare(type: number, zxid: Zxid, bytes: Uint8Array, start: number, end: number): void {
    const host = this.#host, r = this.#reader.reset(bytes, start, end);
    switch (type) {
      case PacketType.ping:
        return host.onPing(zxid);
      case PacketType.sync:
        return host.onSync();
      case PacketType.revalidate:
        return host.onRevalidated(r.int64(), r.bool());
      case PacketType.leaderInfo: {
        const protocolVersion = r.remaining >= 4 ? r.int32() : 0;
        return host.dispatch({ kind: "leaderInfo", epoch: epochOf(zxid), protocolVersion });
      }
      case PacketType.diff:
        return host.dispatch({ kind: "diff", zxid });
      case PacketType.trunc:
        return host.dispatch({ kind: "trunc", zxid });
      case PacketType.snap:
        return host.dispatch({ kind: "snap", zxid });
      case PacketType.newLeader:
        return host.dispatch({ kind: "newLeader", epoch: epochOf(zxid) });
      case PacketType.upToDate:
        return host.dispatch({ kind: "upToDate" });
      default:
        return host.dispatch({ kind: "wrongPacket" });
    }
  }

  /** One ACK for each txn in (from, through]; leaves with the turn. */
  ack(history: History, from: Zxid, through: Zxid): void {
    // What is not held any more is applied, so committed: nobody waits for its ack.
    const cursor = history.cursorAfter(Math.max(from, history.base) as Zxid);
    if (cursor === undefined) return;
    while ((cursor.peek() ?? Infinity) <= through) {
      cursor.next();
      writePacket(this.output.w, PacketType.ack, cursor.zxid);
    }
    cursor.close();
  }
}
