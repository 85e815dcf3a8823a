/**
 * Txns that a leader sent: logged as they come, kept in the history, applied once they are committed and on this server's
 * disk (docs/internals/ensemble.md, rules 1, 2, 6).
 */
import { ProtocolError } from "../../base/errors.ts";
import { formatZxid, type Zxid } from "../../base/zxid.ts";
import type { Pending } from "../../storage/journal.ts";
import { payloadFault, payloadZxid } from "../../storage/log_format.ts";
import { Applier } from "../../txn/apply.ts";
import type { Replica } from "../replica.ts";
import type { HistoryCursor } from "./history.ts";
import type { RoleParts } from "./parts.ts";

class LoggedTxn implements Pending {
  readonly zxid: Zxid;
  bytes: Uint8Array;
  start = 0;
  end = 0;

  constructor(zxid: Zxid, bytes: Uint8Array) {
    this.zxid = zxid;
    this.bytes = bytes;
  }
}

export class TxnIntake {
  readonly #parts: RoleParts;
  #replica: Replica | undefined;
  #applier: Applier;
  #cursor: HistoryCursor;
  #committed: Zxid;
  #durable: Zxid;
  #applied: Zxid;

  constructor(parts: RoleParts) {
    const { history, storage } = parts;
    this.#parts = parts;
    this.#applier = applierOf(parts);
    this.#cursor = history.cursorAfter(history.lastZxid) as HistoryCursor;
    this.#committed = this.#durable = this.#applied = storage.db.lastZxid;
  }

  get committed(): Zxid {
    return this.#committed;
  }
  get applied(): Zxid {
    return this.#applied;
  }

  /** Tree and log were replaced. */
  reset(): void {
    const { history, storage } = this.#parts;
    this.#applier = applierOf(this.#parts);
    this.#cursor.close();
    this.#cursor = history.cursorAfter(history.lastZxid) as HistoryCursor;
    this.#committed = this.#durable = this.#applied = storage.db.lastZxid;
  }

  /** From now on it applies, and answers clients. */
  serve(replica: Replica): void {
    this.#replica = replica;
  }

  /** @throws {ProtocolError} it is no txn, or another one than the packet says */
  append(zxid: Zxid, bytes: Uint8Array, start: number, end: number): void {
    const fault = payloadFault(bytes, start, end) ??
      (payloadZxid(bytes, start) === zxid ? undefined : "it has another zxid than its packet");
    if (fault !== undefined) {
      throw new ProtocolError(`Cannot take txn ${formatZxid(zxid)}: ${fault}`);
    }
    const { storage: { journal }, history } = this.#parts;
    const entry = new LoggedTxn(zxid, bytes);
    journal.begin(end - start).raw(bytes, start, end);
    journal.end(entry);
    history.append(zxid, bytes, start, end);
  }

  commit(through: Zxid): void {
    this.#committed = through;
  }

  durable(through: Zxid): void {
    this.#durable = through;
  }

  /** @throws {ProtocolError} bytes that are no txn */
  applyReady(): void {
    const through = Math.min(this.#committed, this.#durable);
    const cursor = this.#cursor, replica = this.#replica, { storage, history } = this.#parts;
    if (through <= this.#applied) return;
    let txns = 0;
    while ((cursor.peek() ?? Infinity) <= through) {
      cursor.next();
      if (replica !== undefined) replica.learner.apply(cursor);
      else this.#applier.apply(cursor.bytes, cursor.start, cursor.end, -1);
      this.#applied = cursor.zxid;
      txns++;
    }
    history.applied(this.#applied);
    if (replica === undefined && txns > 0) storage.onApplied(txns);
  }

  close(): void {
    this.#cursor.close();
  }
}

function applierOf({ storage, stats }: RoleParts): Applier {
  return new Applier(storage.db, {
    onDigestMismatch: () => {
      stats.counters.digestMismatches++;
    },
  });
}
