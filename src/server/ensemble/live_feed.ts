/**
 * What every live learner gets (docs/internals/ensemble.md, rules 2, 4, 5): proposals and commits of a turn as the same bytes
 * for all followers that keep up, committed txns for observers. Whoever does not keep up is served from the history.
 */
import type { Zxid } from "../../base/zxid.ts";
import { Writer } from "../../jute/writer.ts";
import {
  PACKET_BYTES_MIN,
  PACKET_HEAD_BYTES,
  PacketType,
  writeDataPacket,
} from "../../zab/packets.ts";
import type { History, HistoryCursor, Piece } from "./history.ts";
import type { LinkOutput } from "./link_output.ts";

const TWO_32 = 0x1_0000_0000;
/** Copied at a time for a link that lags: then others have their turn. */
const CATCH_UP_BYTES = 256 * 1024;

/** One live learner. */
export interface FedLink {
  readonly isObserver: boolean;
  readonly output: LinkOutput;
  /** The history does not hold any more what it has not got. */
  tooSlow(): void;
  /** The COMMIT (or INFORM) of this was written: what belongs behind it follows in `output.w`. */
  committed(through: Zxid): void;
  /** Something belongs behind this one's COMMIT, and before the next. */
  readonly nextSync: Zxid | undefined;
}

/**
 * Invariants: `committed` <= `proposed`; what is behind `committed` is in the history. While it keeps up it has no cursors,
 * and both are the feed's.
 */
class Feeding {
  readonly link: FedLink;
  proposed: Zxid;
  committed: Zxid;
  proposals: HistoryCursor | undefined;
  commits: HistoryCursor | undefined;

  constructor(link: FedLink, through: Zxid) {
    this.link = link;
    this.proposed = through;
    this.committed = through;
  }

  get keepsUp(): boolean {
    return this.proposals === undefined;
  }

  detach(history: History): boolean {
    const lost = (): void => this.link.tooSlow();
    this.proposals = history.cursorAfter(this.proposed, lost);
    this.commits = history.cursorAfter(this.committed, lost);
    return this.proposals !== undefined && this.commits !== undefined;
  }

  attach(): void {
    this.proposals?.close();
    this.commits?.close();
    this.proposals = undefined;
    this.commits = undefined;
  }
}

export class LiveFeed {
  readonly #history: History;
  readonly #links = new Map<FedLink, Feeding>();
  #observers = 0;
  /** Of the last turn that left. */
  #proposed: Zxid;
  #committed: Zxid;
  /** Committed in this turn. */
  #turnCommitted: Zxid;
  /** Zxids proposed and not committed, for the COMMIT packets. */
  readonly #uncommitted: HistoryCursor;
  #inform = new Writer(1024);

  constructor(history: History) {
    this.#history = history;
    this.#proposed = this.#committed = this.#turnCommitted = history.lastZxid;
    this.#uncommitted = history.cursorAfter(history.lastZxid) as HistoryCursor;
    history.beginTurns();
  }

  get size(): number {
    return this.#links.size;
  }

  /** @param through it has everything up to here, and nothing behind it; @param held what held the rest so far */
  add(link: FedLink, through: Zxid, held: { close(): void }): void {
    const feeding = new Feeding(link, through);
    this.#links.set(link, feeding);
    if (link.isObserver) this.#observers++;
    const isHeld = feeding.detach(this.#history);
    held.close();
    link.committed(through);
    if (isHeld) this.#catchUp(feeding);
    else link.tooSlow();
  }

  remove(link: FedLink): void {
    const feeding = this.#links.get(link);
    if (feeding === undefined) return;
    feeding.attach();
    this.#links.delete(link);
    if (link.isObserver) this.#observers--;
  }

  /** Its socket took everything. */
  drained(link: FedLink): void {
    const feeding = this.#links.get(link);
    if (feeding !== undefined && !feeding.keepsUp) this.#catchUp(feeding);
  }

  /** Everything through this is committed; leaves with `flush`. */
  commit(through: Zxid): void {
    const cursor = this.#uncommitted;
    for (let zxid = cursor.peek(); zxid !== undefined && zxid <= through; zxid = cursor.peek()) {
      cursor.next();
      const { view, at } = this.#history.appendLoose(PACKET_BYTES_MIN);
      putCommit(view, at, zxid);
    }
    this.#turnCommitted = through;
  }

  /** What was sequenced and committed since the last flush leaves. */
  flush(): void {
    const pieces = this.#history.takeTurn();
    if (pieces.length === 0) return;
    const from = this.#committed;
    this.#proposed = this.#history.lastZxid;
    this.#committed = this.#turnCommitted;
    const informs = this.#observers > 0 ? this.#informs(from) : undefined;
    for (const feeding of [...this.#links.values()]) {
      if (!feeding.keepsUp) continue;
      if (feeding.link.output.isClogged) this.#detach(feeding);
      else if ((feeding.link.nextSync ?? Infinity) < this.#committed) {
        this.#detach(feeding);
        this.#catchUp(feeding);
      } else this.#feed(feeding, pieces, informs);
    }
  }

  close(): void {
    for (const link of [...this.#links.keys()]) this.remove(link);
    this.#uncommitted.close();
    this.#history.endTurns();
  }

  #feed(feeding: Feeding, pieces: readonly Piece[], informs: Uint8Array | undefined): void {
    const { link } = feeding;
    if (!link.isObserver) { for (const piece of pieces) link.output.writePiece(piece); }
    else if (informs !== undefined && informs.length > 0) link.output.write(informs);
    this.#fed(feeding, link.isObserver ? this.#committed : this.#proposed, this.#committed);
    link.output.flush();
  }

  #fed(feeding: Feeding, proposed: Zxid, committed: Zxid): void {
    feeding.proposed = proposed;
    if (committed === feeding.committed) return;
    feeding.committed = committed;
    feeding.link.committed(committed);
  }

  #detach(feeding: Feeding): void {
    if (!feeding.detach(this.#history)) feeding.link.tooSlow();
  }

  /** INFORMs of the turn, for all observers. */
  #informs(from: Zxid): Uint8Array {
    const w = this.#inform, cursor = this.#history.cursorAfter(from);
    w.pos = 0;
    while (cursor !== undefined && (cursor.peek() ?? Infinity) <= this.#committed) {
      cursor.next();
      writeDataPacket(w, PacketType.inform, cursor.zxid, cursor.bytes, cursor.start, cursor.end);
    }
    cursor?.close();
    return w.written();
  }

  // ------------------------------------------------------------------------------ links that lag

  /** In steps, as its socket takes them, until it has what the feed has sent. */
  #catchUp(feeding: Feeding): void {
    const { link } = feeding, { output } = link;
    while (this.#links.get(link) === feeding && !output.isClogged) {
      const isDone = link.isObserver ? this.#inform1(feeding) : this.#propose1(feeding);
      output.flush();
      if (!isDone) continue;
      feeding.attach();
      return;
    }
  }

  /** @returns whether it has everything */
  #inform1(feeding: Feeding): boolean {
    const { w } = feeding.link.output, cursor = feeding.commits as HistoryCursor;
    while (w.pos < CATCH_UP_BYTES) {
      if ((cursor.peek() ?? Infinity) > this.#committed) break;
      cursor.next();
      writeDataPacket(w, PacketType.inform, cursor.zxid, cursor.bytes, cursor.start, cursor.end);
      this.#fed(feeding, cursor.zxid, cursor.zxid);
    }
    const isDone = feeding.committed >= this.#committed || cursor.peek() === undefined;
    if (isDone) this.#fed(feeding, this.#committed, this.#committed);
    return isDone;
  }

  #propose1(feeding: Feeding): boolean {
    const { w } = feeding.link.output;
    const proposals = feeding.proposals as HistoryCursor;
    const commits = feeding.commits as HistoryCursor;
    while (w.pos < CATCH_UP_BYTES && (proposals.peek() ?? Infinity) <= this.#proposed) {
      proposals.next();
      const { zxid, bytes, start, end } = proposals;
      writeDataPacket(w, PacketType.proposal, zxid, bytes, start, end);
      feeding.proposed = zxid;
    }
    const through = Math.min(feeding.proposed, this.#committed);
    while ((commits.peek() ?? Infinity) <= through) {
      commits.next();
      w.ensure(PACKET_BYTES_MIN);
      putCommit(w.view, w.pos, commits.zxid);
      w.pos += PACKET_BYTES_MIN;
      this.#fed(feeding, feeding.proposed, commits.zxid);
    }
    const isDone = (proposals.peek() ?? Infinity) > this.#proposed;
    if (isDone) this.#fed(feeding, this.#proposed, this.#committed);
    return isDone;
  }
}

function putCommit(view: DataView, at: number, zxid: Zxid): void {
  view.setInt32(at, PacketType.commit);
  view.setInt32(at + 4, Math.floor(zxid / TWO_32));
  view.setUint32(at + 8, zxid >>> 0);
  view.setInt32(at + 12, -1);
  view.setInt32(at + PACKET_HEAD_BYTES, -1);
}
