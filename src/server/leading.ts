/** What the driver of a leading replica calls: learners' requests come in here, and commits are released (role.ts). */
import { counterOf, type Zxid } from "../base/zxid.ts";
import { highHalf, lowHalf } from "../base/int64.ts";
import { JuteError, Reader } from "../jute/reader.ts";
import { Code } from "../protocol/codes.ts";
import { Op } from "../protocol/ops.ts";
import type { LocalSessions } from "./local_sessions.ts";
import type { Replica } from "./replica.ts";
import type { LeaderWrites, RemoteOrigin, RemoteRequest } from "./role.ts";
import { RemoteSync, type Sequencer } from "./sequencer.ts";

export class Leading implements LeaderWrites {
  readonly #replica: Replica;
  readonly #sequencer: Sequencer;
  readonly #sessions: LocalSessions;
  readonly #reader: Reader;
  /** The requests of one turn have one time. */
  #inTurn = false;

  constructor(replica: Replica, sequencer: Sequencer, sessions: LocalSessions) {
    const { juteMaxBufferBytes, juteExtraBytes } = replica.options;
    this.#replica = replica;
    this.#sequencer = sequencer;
    this.#sessions = sessions;
    this.#reader = new Reader(juteMaxBufferBytes + juteExtraBytes);
  }

  release(through: Zxid): void {
    this.#sequencer.release(through);
  }

  submitRemote(origin: RemoteOrigin, request: RemoteRequest): void {
    const { sessionId, cxid, type } = request;
    this.#beginTurn();
    this.#replica.stats.forwardsReceived++;
    if (type === Op.sync) {
      if (origin.syncBehind !== undefined) return origin.syncBehind(this.#lastWrite);
      const sync = new RemoteSync(origin, sessionId, cxid, this.#replica.nowMs());
      return this.#sequencer.enqueue(sync);
    }
    const body = this.#reader.reset(request.bytes, request.start, request.end);
    let timeoutMs = 0, sessionErr = 0, refusal = 0;
    if (type === Op.closeSession) this.#sessions.closingRemote(sessionId);
    else if (type === Op.createSession) {
      timeoutMs = this.#timeoutOf(body);
      if (timeoutMs < 0) refusal = Code.marshallingError;
      else this.#sessions.openRemote(origin, sessionId, timeoutMs);
    } else {
      sessionErr = this.#sessions.checkRemote(origin, sessionId);
      if (!isWrite(type)) refusal = Code.unimplemented;
    }
    const write = {
      sessionId,
      sessionHi: highHalf(sessionId),
      sessionLo: lowHalf(sessionId),
      cxid,
      type,
      identities: request.identities,
      sessionErr,
      body,
      timeoutMs,
    };
    this.#sequencer.submitRemote(write, request.end - request.start, refusal);
  }

  /** Before the first write of the epoch it is the last one before it: (epoch, 0) is never committed. */
  get #lastWrite(): Zxid {
    const { lastSequenced } = this.#sequencer;
    return counterOf(lastSequenced) === 0 ? this.#replica.db.lastZxid : lastSequenced;
  }

  /** @returns -1: it cannot be read; no server asks for a negative one */
  #timeoutOf(body: Reader): number {
    try {
      return body.int32();
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      return -1;
    }
  }

  #beginTurn(): void {
    if (this.#inTurn) return;
    this.#inTurn = true;
    this.#replica.beginTurn();
  }

  flush(): void {
    this.#inTurn = false;
    this.#sequencer.flush();
    this.#replica.flushDirty();
  }

  revalidate(origin: RemoteOrigin, sessionId: bigint, timeoutMs: number): boolean | undefined {
    return this.#sessions.revalidate(origin, sessionId, timeoutMs);
  }

  touch(sessionId: bigint, timeoutMs: number): void {
    this.#sessions.touchRemote(sessionId, timeoutMs);
  }

  forgetOrigin(origin: RemoteOrigin): void {
    this.#sessions.forgetOrigin(origin);
  }
}

/**
 * What a learner may ask for. `deleteContainer` is not among it: a client's would delete any node without a check of its
 * rights, so it is refused here as it is for our own clients (client-protocol §3.9).
 */
function isWrite(type: number): boolean {
  switch (type) {
    case Op.create:
    case Op.create2:
    case Op.createContainer:
    case Op.createTtl:
    case Op.delete:
    case Op.setData:
    case Op.setAcl:
    case Op.check:
    case Op.multi:
    case Op.reconfig:
      return true;
    default:
      return false;
  }
}
