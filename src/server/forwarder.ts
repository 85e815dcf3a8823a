/**
 * Writes at a learner (peer-protocol §15, §16): each is sent to the leader at once, in the order of arrival, and waits in its
 * session's queue, also when its connection ends meanwhile. The committed txn with the session and cxid of the queue's head
 * answers it. Nothing is prepared here, and nothing is logged here: the driver logs what the leader proposes.
 */
import { int64Of } from "../base/int64.ts";
import { invariant } from "../base/invariant.ts";
import { formatZxid, type Zxid, ZXID_NONE } from "../base/zxid.ts";
import { FORWARDED_BYTES_MAX, FORWARDED_EXTRA_BYTES } from "../base/limits.ts";
import type { Reader } from "../jute/reader.ts";
import { Writer } from "../jute/writer.ts";
import { Code, codeName } from "../protocol/codes.ts";
import { Op } from "../protocol/ops.ts";
import { TXN_HEADER_BYTES } from "../protocol/records.ts";
import type { Session } from "../session/sessions.ts";
import { NO_NODE } from "../tree/tree.ts";
import type { ClientConnection } from "./connection.ts";
import { Fifo } from "../base/fifo.ts";
import type { Replica } from "./replica.ts";
import type { CommittedTxn, LearnerRole } from "./role.ts";
import { ServerTxn } from "./server_txn.ts";
import type { Writes } from "./writes.ts";

/** Offsets in a txn's header (peer-protocol §8.3). */
const CXID_AT = 8;
const TYPE_AT = 28;

class Forwarded extends ServerTxn {
  /** Waits for nothing but those before it: a sync that the leader has answered, or one that cannot be read. */
  isReached = false;
  /** Of the request: they lie at the leader until it is answered. */
  bytesAway = 0;
  /** What had come from the leader when it was sent. */
  after: Zxid = ZXID_NONE;
}

export class Forwarder implements Writes {
  readonly #replica: Replica;
  readonly #role: LearnerRole;
  readonly #onGroupApplied: (txns: number) => void;
  /** Sent and not answered, by session. Invariant: no empty one. */
  readonly #queues = new Map<bigint, Fifo<Forwarded>>();
  /** SYNC carries no id: first asked, first answered. */
  readonly #syncs = new Fifo<Forwarded>();
  readonly #timeout = new Writer(4);
  #outstanding = 0;
  #bytesAway = 0;
  /** Applied since the last `endTurn`. */
  #applied = 0;
  #hasNew = false;
  #isEnded = false;

  constructor(replica: Replica, role: LearnerRole, onGroupApplied: (txns: number) => void) {
    this.#replica = replica;
    this.#role = role;
    this.#onGroupApplied = onGroupApplied;
  }

  get outstanding(): number {
    return this.#outstanding;
  }

  isCongested(own: number): boolean {
    return this.#role.isCongested || this.#bytesAway > FORWARDED_BYTES_MAX ||
      (own > 0 && this.#outstanding > this.#replica.options.globalOutstandingLimit);
  }

  // ------------------------------------------------------------------------------ writes out

  submit(
    connection: ClientConnection,
    xid: number,
    type: number,
    body: Reader,
    arrivedMs: number,
    length: number,
  ): void {
    const session = connection.session as Session, replica = this.#replica;
    const txn = new Forwarded(connection, session.id, xid, type, arrivedMs);
    replica.countLarge(txn, length);
    const start = body.pos;
    if (type === Op.sync) txn.readSync(body);
    const queue = this.#enqueue(connection, txn);
    if (txn.err !== Code.ok) {
      txn.isReached = true;
      replica.answers.begin();
      return this.#completeReached(session.id, queue);
    }
    if (type === Op.sync) this.#syncs.push(txn);
    this.#send(txn, body.bytes, start, body.end, connection.requests.identities);
    if (type === Op.closeSession) replica.sessionService.closing(session);
  }

  submitSession(connection: ClientConnection, id: bigint, timeoutMs: number): void {
    const txn = new Forwarded(connection, id, 0, Op.createSession, this.#replica.nowMs());
    this.#enqueue(connection, txn);
    const w = this.#timeout;
    w.pos = 0;
    w.int32(timeoutMs);
    this.#send(txn, w.bytes, 0, w.pos, connection.requests.identities);
  }

  submitOwn(type: number): void {
    invariant(false, "A learner writes nothing of its own", { type });
  }

  /** Whether the session lives, and is ours from now on. */
  sendRevalidate(sessionId: bigint, timeoutMs: number): void {
    this.#role.sendRevalidate(sessionId, timeoutMs);
    this.#hasNew = true;
  }

  #enqueue(connection: ClientConnection, txn: Forwarded): Fifo<Forwarded> {
    connection.requests.onSubmitted(txn);
    let queue = this.#queues.get(txn.sessionId);
    if (queue === undefined) {
      queue = new Fifo();
      this.#queues.set(txn.sessionId, queue);
    }
    queue.push(txn);
    this.#outstanding++;
    return queue;
  }

  #send(
    txn: Forwarded,
    bytes: Uint8Array,
    start: number,
    end: number,
    identities: ClientConnection["requests"]["identities"],
  ): void {
    const { sessionId, xid: cxid, type } = txn;
    txn.after = this.#role.received();
    txn.bytesAway = end - start + FORWARDED_EXTRA_BYTES;
    this.#bytesAway += txn.bytesAway;
    this.#role.sendRequest({ sessionId, cxid, type, bytes, start, end, identities });
    this.#hasNew = true;
  }

  flush(): void {
    if (!this.#hasNew || this.#isEnded) return;
    this.#hasNew = false;
    this.#role.flush();
  }

  end(): void {
    this.#isEnded = true;
    this.#queues.clear();
    this.#syncs.clear();
    this.#outstanding = 0;
  }

  // ------------------------------------------------------------------------------ txns in

  apply({ zxid, bytes, start, end }: CommittedTxn): void {
    if (this.#isEnded) return;
    const { answers } = this.#replica;
    if (this.#applied++ === 0) answers.begin();
    const hasHeader = end - start >= TXN_HEADER_BYTES;
    const txnType = hasHeader ? int32At(bytes, start + TYPE_AT) : 0;
    const queue = hasHeader && this.#queues.size > 0
      ? this.#queues.get(int64Of(int32At(bytes, start), int32At(bytes, start + 4)))
      : undefined;
    const own = queue === undefined
      ? undefined
      : this.#ownerOf(queue, zxid, int32At(bytes, start + CXID_AT), txnType);
    const err = answers.apply(bytes, start, end, -1, NO_NODE, txnType, own?.connection);
    if (txnType !== Op.error && txnType !== Op.multi && err !== Code.ok) this.#differs(zxid, err);
    if (own === undefined || queue === undefined) {
      this.#replica.stats.txnsFollowed++;
      return;
    }
    own.txnType = txnType;
    own.zxid = zxid;
    // The parts of a multi carry their codes themselves.
    own.err = txnType === Op.multi ? Code.ok : err;
    this.#complete(queue, err === Code.sessionMoved);
    this.#completeReached(own.sessionId, queue);
  }

  /** The request that a txn of its session answers: the oldest but for syncs, which are then behind them all. */
  #ownerOf(
    queue: Fifo<Forwarded>,
    zxid: Zxid,
    cxid: number,
    txnType: number,
  ): Forwarded | undefined {
    const head = queue.peek();
    if (head?.type !== Op.sync) {
      return head !== undefined && isAnswer(head, zxid, cxid, txnType) ? head : undefined;
    }
    let own: Forwarded | undefined;
    for (own of queue) if (own.type !== Op.sync) break;
    if (own === undefined || !isAnswer(own, zxid, cxid, txnType)) return undefined;
    // A leader may send commits in runs, and SYNC behind a run: what was sequenced before these syncs is applied by now.
    for (let sync = queue.peek(); sync !== own && sync !== undefined; sync = queue.peek()) {
      sync.isReached = true;
      this.#complete(queue, false);
    }
    return own;
  }

  /** The tree is not what the leader's was: its digest tells too, and nothing here can mend it. */
  #differs(zxid: number, err: number): void {
    this.#replica.log.error("A committed txn does not fit the tree; please report this", {
      zxid: formatZxid(zxid as CommittedTxn["zxid"]),
      error: codeName(err),
    });
  }

  syncReached(): void {
    if (this.#isEnded) return;
    const txn = this.#syncs.shift();
    if (txn === undefined) return;
    txn.isReached = true;
    this.#replica.answers.begin();
    const queue = this.#queues.get(txn.sessionId);
    if (queue !== undefined) this.#completeReached(txn.sessionId, queue);
  }

  endTurn(): void {
    if (this.#isEnded) return;
    const replica = this.#replica, txns = this.#applied;
    this.#applied = 0;
    replica.flushDirty();
    if (txns > 0) {
      replica.housekeeping.onTurn();
      this.#onGroupApplied(txns);
    }
    replica.resumeHeld();
    this.flush();
  }

  /** Behind what was answered: syncs that waited for it alone. */
  #completeReached(sessionId: bigint, queue: Fifo<Forwarded>): void {
    while (queue.peek()?.isReached === true) this.#complete(queue, false);
    if (queue.size === 0) this.#queues.delete(sessionId);
  }

  /** @param hasMoved another server has the session: its client hears nothing more here (client-protocol §2.6) */
  #complete(queue: Fifo<Forwarded>, hasMoved: boolean): void {
    const txn = queue.shift() as Forwarded;
    const { connection } = txn, replica = this.#replica;
    this.#outstanding--;
    this.#bytesAway -= txn.bytesAway;
    replica.answered(txn);
    if (connection === undefined) return;
    if (hasMoved) connection.close("Session has moved to another server");
    replica.answers.answer(connection, txn);
  }
}

/**
 * Beside session and cxid: the leader's own close of a session has cxid 0, which a client may use for anything; and a client
 * that continues a session may count from 1 again, while what it asked for elsewhere is proposed and not committed.
 */
function isAnswer(head: Forwarded, zxid: Zxid, cxid: number, txnType: number): boolean {
  return head.xid === cxid && head.type !== Op.sync && zxid > head.after &&
    (txnType === head.type || txnType === Op.error);
}

function int32At(b: Uint8Array, at: number): number {
  return ((b[at] as number) << 24) | ((b[at + 1] as number) << 16) |
    ((b[at + 2] as number) << 8) | (b[at + 3] as number);
}
