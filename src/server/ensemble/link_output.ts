/**
 * What goes out on one connection between learner and leader: packets gathered, one write at the end of a turn. The buffer
 * they were gathered in is lent to the connection, and used again when it comes back: a turn of forwarded writes may be half a
 * megabyte, which would be made, grown and copied anew each time.
 */
import { LINK_OUTPUT_BYTES_MAX } from "../../base/limits.ts";
import { viewOf, Writer } from "../../jute/writer.ts";
import type { Connection } from "../../runtime.ts";
import type { Piece } from "./history.ts";

const BUFFER_BYTES = 1024;
/** Larger ones are not used again. */
const BUFFER_KEPT_BYTES = 1024 * 1024;
const SPARES_MAX = 2;
/** Of a buffer: less is copied rather than lent, since what is lent stays whole until the last byte is sent. */
const LENT_SHARE_MIN = 1 / 4;
/** Writes in a row that used less than that of a grown buffer: it goes. */
const SMALL_WRITES_MAX = 256;

export class LinkOutput {
  /** Whole packets are written here, and leave with `flush`. */
  readonly w = new Writer(BUFFER_BYTES);
  /** The system did not take all of the last write. */
  isClogged = false;
  /** Writes to the socket so far. */
  batches = 0;
  onDrain: () => void = () => {};
  readonly #connection: Connection;
  readonly #onOverflow: () => void;
  #waiting: (() => void)[] = [];
  readonly #spare: Uint8Array[] = [];
  #smallWrites = 0;

  /** @param onOverflow the peer does not read: the link is to be dropped */
  constructor(connection: Connection, onOverflow: () => void) {
    this.#connection = connection;
    this.#onOverflow = onOverflow;
    connection.onDrain(() => this.#drained());
  }

  flush(): void {
    const { w } = this;
    if (w.pos === 0) return;
    const { bytes } = w, written = w.written();
    const isSmall = written.length < bytes.length * LENT_SHARE_MIN;
    this.#smallWrites = isSmall ? this.#smallWrites + 1 : 0;
    if (isSmall || this.isClogged) {
      const isGrown = bytes.length > BUFFER_BYTES;
      w.pos = 0;
      if (bytes.length > BUFFER_KEPT_BYTES || (isGrown && this.#smallWrites > SMALL_WRITES_MAX)) {
        this.#spare.length = 0;
        this.#continueIn(new Uint8Array(BUFFER_BYTES));
      }
      return this.#sent(this.#connection.write(written));
    }
    // As large again: what a turn sends, the next one sends too, while this is still on its way.
    const isUsual = bytes.length <= BUFFER_KEPT_BYTES;
    this.#continueIn(
      this.#spare.pop() ?? new Uint8Array(isUsual ? bytes.length : BUFFER_BYTES),
    );
    this.#sent(this.#connection.write(written, () => this.#giveBack(bytes)));
  }

  #continueIn(bytes: Uint8Array): void {
    this.w.retarget(bytes, viewOf(bytes), 0, bytes.length);
  }

  #giveBack(bytes: Uint8Array): void {
    const isUsual = bytes.length <= BUFFER_KEPT_BYTES;
    if (isUsual && this.#spare.length < SPARES_MAX) this.#spare.push(bytes);
  }

  /** Behind what was gathered; the bytes are lent. */
  writePiece(piece: Piece): void {
    this.flush();
    this.#sent(this.#connection.write(piece.view, piece.lend()));
  }

  /** Behind what was gathered; copied, unless the system takes them. */
  write(bytes: Uint8Array): void {
    this.flush();
    this.#sent(this.#connection.write(bytes));
  }

  /** Resolves at once unless the peer is slow; also when the connection ends. */
  drained(): Promise<void> {
    if (!this.isClogged) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The connection has ended: whoever waits goes on. */
  end(): void {
    this.isClogged = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  get bufferedBytes(): number {
    return this.#connection.bufferedBytes;
  }

  #sent(isTaken: boolean): void {
    this.batches++;
    if (isTaken) return;
    this.isClogged = true;
    if (this.#connection.bufferedBytes > LINK_OUTPUT_BYTES_MAX) this.#onOverflow();
  }

  #drained(): void {
    this.end();
    this.onDrain();
  }
}
