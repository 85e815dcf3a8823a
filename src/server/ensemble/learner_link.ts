/** One learner's connection at the leader: packets in, each with its place; what the feed and the sync send goes out. */
import { ProtocolError } from "../../base/errors.ts";
import { LINK_OWED_MAX } from "../../base/limits.ts";
import { counterOf, epochOf, type Zxid } from "../../base/zxid.ts";
import { Reader } from "../../jute/reader.ts";
import type { Address, Connection } from "../../runtime.ts";
import type { LeaderEvent, LinkId } from "../../zab/events.ts";
import { PacketInput, type PacketSink } from "../../zab/packet_input.ts";
import {
  PacketType,
  readIdentities,
  readLearnerInfo,
  readRequestHead,
  readTouches,
  writePacket,
  writeRevalidated,
} from "../../zab/packets.ts";
import type { Sid } from "../../zab/vote.ts";
import { Fifo } from "../../base/fifo.ts";
import type { ObserverView } from "../view.ts";
import type { LeaderWrites, RemoteOrigin } from "../role.ts";
import type { Backlog } from "./backlog.ts";
import { LinkOutput } from "./link_output.ts";
import type { FedLink } from "./live_feed.ts";

export interface LearnerLinkHost {
  dispatch(event: LeaderEvent): void;
  /** Once clients are served. */
  readonly writes: LeaderWrites | undefined;
  /** More is proposed and not applied than memory is meant for. */
  readonly isOverloaded: boolean;
  /** Everything through this has been sent, or waits for the link, as committed. */
  readonly committed: Zxid;
  /** Its socket took everything. */
  onDrained(link: LearnerLink): void;
  /** Once; the connection is closed. */
  onGone(link: LearnerLink, reason: string): void;
  /** What is no fault of the learner's. */
  onBug(error: unknown): void;
}

/** Apache gives those without a sid numbers below zero. */
const NO_SID = -1 as Sid;
/** Infos, epochs and acks: all that a learner has to say before it is up to date. */
const EARLY_DATA_BYTES_MAX = 1024;
/** Learners send it, and get it back. */
const REVALIDATE_ZXID = -1;

export class LearnerLink implements PacketSink, RemoteOrigin, FedLink {
  readonly id: LinkId;
  readonly output: LinkOutput;
  sid = NO_SID;
  isObserver = false;
  /** What follows what it was sent, until it is live. */
  backlog: Backlog | undefined;
  readonly #establishedMs: number;
  #packets = 0;
  #requests = 0;
  #lastAck = 0 as Zxid;
  readonly #connection: Connection;
  readonly #host: LearnerLinkHost;
  readonly #input: PacketInput;
  readonly #reader: Reader;
  readonly #dataBytesMax: number;
  #isIdentified = false;
  #isLive = false;
  #isGone = false;
  /** The last ACK of the chunk under way; 0: none. */
  #acked = 0 as Zxid;
  #hasRequests = false;
  /** SYNCs that wait for commits that the socket has not taken. */
  readonly #syncs = new Fifo<Zxid>();
  /** REVALIDATEs that wait for the end of their sessions. */
  #asked = 0;
  #committed = 0 as Zxid;

  /** @param establishedMs by the wall clock, for the operator */
  constructor(
    id: LinkId,
    connection: Connection,
    host: LearnerLinkHost,
    dataBytesMax: number,
    establishedMs: number,
  ) {
    this.id = id;
    this.#establishedMs = establishedMs;
    this.#connection = connection;
    this.#host = host;
    this.#dataBytesMax = dataBytesMax;
    this.#input = new PacketInput(this, EARLY_DATA_BYTES_MAX, EARLY_DATA_BYTES_MAX);
    this.#reader = new Reader(dataBytesMax);
    this.output = new LinkOutput(connection, () => this.close("it does not read what it is sent"));
    this.output.onDrain = () => host.onDrained(this);
    connection.onData((chunk) => this.feed(chunk));
    connection.onEnd(() => this.close("it ended the connection"));
    connection.onClose(() => this.close("the connection was lost"));
  }

  get remote(): Address {
    return this.#connection.remote;
  }
  get view(): ObserverView {
    return {
      remote: this.remote,
      sid: this.sid,
      establishedMs: this.#establishedMs,
      queuedBytes: this.output.bufferedBytes,
      packetsReceived: this.#packets,
      batchesSent: this.output.batches,
      requests: this.#requests,
      lastZxid: this.#lastAck,
    };
  }
  resetCounts(): void {
    this.#packets = 0;
    this.#requests = 0;
    this.output.batches = 0;
  }
  get isGone(): boolean {
    return this.#isGone;
  }
  get isIdentified(): boolean {
    return this.#isIdentified;
  }
  /** It was told UPTODATE. */
  get isLive(): boolean {
    return this.#isLive;
  }

  /** From now on it may forward what its clients send. */
  goLive(): void {
    this.#isLive = true;
    this.#input.allow(this.#dataBytesMax);
  }

  feed(chunk: Uint8Array): void {
    if (this.#isGone) return;
    try {
      this.#input.feed(chunk);
      this.#endTurn();
    } catch (error) {
      if (!(error instanceof ProtocolError)) return this.#host.onBug(error);
      this.#flushRequests();
      this.close(error.message);
    }
  }

  close(reason: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.output.end();
    this.#connection.close();
    this.backlog?.close();
    this.#host.onGone(this, reason);
  }

  // ------------------------------------------------------------------------------ packets in

  onPacket(
    type: number,
    zxid: Zxid,
    bytes: Uint8Array,
    start: number,
    end: number,
    after: number,
  ): boolean {
    if (this.#isGone) return false;
    this.#packets++;
    switch (type) {
      case PacketType.ack:
        this.#lastAck = zxid;
        if (counterOf(zxid) === 0) {
          this.#dispatchAck();
          this.#host.dispatch({ kind: "ack", link: this.id, zxid });
        } else this.#acked = zxid;
        break;
      case PacketType.request:
        this.#onRequest(bytes, start, end, after);
        break;
      case PacketType.ping:
        this.#onPong(bytes.subarray(start, end));
        break;
      case PacketType.revalidate:
        this.#onRevalidate(zxid, bytes, start, end);
        break;
      case PacketType.followerInfo:
      case PacketType.observerInfo:
        this.#onInfo(type, zxid, bytes.subarray(start, end));
        break;
      case PacketType.ackEpoch:
        this.#onAckEpoch(zxid, bytes, start, end);
        break;
      default:
        throw new ProtocolError(`Packet of type ${type} has no place at a leader`);
    }
    return !this.#isGone;
  }

  /** The acks of a chunk are one event: they are a prefix. */
  #endTurn(): void {
    if (this.#isGone) return;
    if (this.#acked === 0) this.#host.dispatch({ kind: "heard", link: this.id });
    else this.#dispatchAck();
    this.#flushRequests();
    if (!this.#isGone) this.output.flush();
  }

  #flushRequests(): void {
    if (!this.#hasRequests) return;
    this.#hasRequests = false;
    this.#host.writes?.flush();
  }

  #dispatchAck(): void {
    const zxid = this.#acked;
    this.#acked = 0 as Zxid;
    if (zxid !== 0) this.#host.dispatch({ kind: "ack", link: this.id, zxid });
  }

  #onInfo(type: number, zxid: Zxid, data: Uint8Array): void {
    if (this.#isIdentified) throw new ProtocolError("Learner introduces itself twice");
    const info = readLearnerInfo(data, NO_SID);
    this.#isIdentified = true;
    this.sid = info.sid;
    this.isObserver = type === PacketType.observerInfo;
    this.#host.dispatch({
      kind: "learnerInfo",
      link: this.id,
      sid: info.sid,
      isObserver: this.isObserver,
      acceptedEpoch: epochOf(zxid),
      protocolVersion: info.protocolVersion,
      configVersion: info.configVersion,
    });
  }

  #onAckEpoch(lastZxid: Zxid, bytes: Uint8Array, start: number, end: number): void {
    this.#mustBe(this.#isIdentified, "ACKEPOCH");
    const currentEpoch = this.#reader.reset(bytes, start, end).int32();
    this.#host.dispatch({ kind: "ackEpoch", link: this.id, currentEpoch, lastZxid });
  }

  #onRequest(bytes: Uint8Array, start: number, end: number, after: number): void {
    const writes = this.#live("REQUEST");
    const r = this.#reader.reset(bytes, end, after);
    const identities = readIdentities(r);
    const { sessionId, cxid, type } = readRequestHead(r.reset(bytes, start, end));
    if (this.#host.isOverloaded) return this.close("too much is proposed and not committed");
    this.#hasRequests = true;
    this.#requests++;
    writes.submitRemote(this, { sessionId, cxid, type, bytes, start: r.pos, end, identities });
  }

  #onPong(data: Uint8Array): void {
    const { writes } = this.#host;
    this.#mustBe(this.#isIdentified, "PING");
    for (const [sessionId, timeoutMs] of readTouches(data)) writes?.touch(sessionId, timeoutMs);
  }

  #onRevalidate(zxid: Zxid, bytes: Uint8Array, start: number, end: number): void {
    const writes = this.#live("REVALIDATE");
    const r = this.#reader.reset(bytes, start, end);
    const sessionId = r.int64(), timeoutMs = r.int32();
    const isValid = writes.revalidate(this, sessionId, timeoutMs);
    if (isValid !== undefined) writeRevalidated(this.output.w, zxid, sessionId, isValid);
    else {
      this.#asked++;
      this.#boundOwed();
    }
  }

  sessionClosed(sessionId: bigint): void {
    if (this.#isGone) return;
    this.#asked--;
    writeRevalidated(this.output.w, REVALIDATE_ZXID, sessionId, false);
    this.output.flush();
  }

  #live(what: string): LeaderWrites {
    const { writes } = this.#host;
    this.#mustBe(this.#isLive, what);
    if (writes === undefined) throw new ProtocolError(`${what} came before anybody is served`);
    return writes;
  }

  #mustBe(isSo: boolean, what: string): void {
    if (!isSo) throw new ProtocolError(`${what} came before its time`);
  }

  // ------------------------------------------------------------------------------ packets out

  /** SYNC belongs behind the COMMIT of `zxid`, and before the next one (role.ts). */
  syncBehind(zxid: Zxid): void {
    if (this.#isGone) return;
    if (this.#syncs.size === 0 && this.#committed >= zxid) return this.#sync();
    this.#syncs.push(zxid);
    this.#boundOwed();
  }

  /** A learner of ours never has so many questions open (forwarder.ts), and Apache's a thousand clients' at most. */
  #boundOwed(): void {
    if (this.#syncs.size + this.#asked <= LINK_OWED_MAX) return;
    this.close("it asks more than can be answered");
  }

  syncReached(): void {
    this.syncBehind(this.#host.committed);
  }

  get nextSync(): Zxid | undefined {
    return this.#syncs.peek();
  }

  committed(through: Zxid): void {
    this.#committed = through;
    while ((this.#syncs.peek() ?? Infinity) <= through) {
      this.#syncs.shift();
      this.#sync();
    }
  }

  /** Leaves with the turn, in its place. */
  #sync(): void {
    writePacket(this.output.w, PacketType.sync, 0);
  }

  tooSlow(): void {
    this.close("it is too slow: what it has not taken is no longer kept");
  }
}
