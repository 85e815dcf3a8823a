/**
 * New session ids (client-protocol §2.3): server id in the top byte, then 40 bits of a clock at start, then a count.
 * Seeded from the wall clock and raised above every id known with the same top byte, so that a restart never issues
 * a living one again, not even when the clock went back (DESIGN decision 1): the log's txns tell the time too. Nor one of a session that has ended: a client
 * that does not know yet would find somebody else's session in place of its own.
 */
import { invariant } from "../base/invariant.ts";

/** An ephemeralOwner of this value marks a container, so no session may have it. */
const CONTAINER_MARKER = 0x8000_0000_0000_0000n;
const LOW_BITS = 56;
const LOW_MAX = (1n << 56n) - 1n;
/** Sessions that one process began count up from its start: those behind a known one may have ended. */
const COUNT_MASK = 0xffffn;

export class SessionIds {
  readonly #top: bigint; // unsigned, in place
  readonly #isLive: (id: bigint) => boolean;
  #nextLow: bigint; // Invariant: 0..LOW_MAX, above every id issued or observed until the range is used up

  /**
   * @param serverId its low byte counts
   * @param wallMs milliseconds since 1970
   * @param isLive whether a session has this id; asked only after the 2^56 ids of the server have wrapped around
   */
  constructor(serverId: number, wallMs: number, isLive: (id: bigint) => boolean = () => false) {
    invariant(Number.isInteger(serverId), "Server id is an integer", { serverId });
    this.#top = BigInt(serverId & 0xff) << BigInt(LOW_BITS);
    this.#isLive = isLive;
    this.#nextLow = lowOf(wallMs);
  }

  /** An id that exists, from the log, a snapshot or a leader; new ones will be above it. */
  observe(id: bigint): void {
    const unsigned = BigInt.asUintN(64, id);
    if (unsigned >> BigInt(LOW_BITS) !== this.#top >> BigInt(LOW_BITS)) return;
    const low = unsigned & LOW_MAX;
    if (low >= this.#nextLow) this.#nextLow = following(low | COUNT_MASK);
  }

  /** A time at which an id of this server may have been in use, whatever its own clock says now. */
  observeTime(wallMs: number): void {
    const low = lowOf(wallMs + 1);
    if (low > this.#nextLow) this.#nextLow = low;
  }

  /** @returns a signed i64: negative for server ids above 127 */
  next(): bigint {
    for (;;) {
      const unsigned = this.#top | this.#nextLow;
      this.#nextLow = following(this.#nextLow);
      if (unsigned === CONTAINER_MARKER || unsigned === 0n) continue;
      const id = BigInt.asIntN(64, unsigned);
      if (!this.#isLive(id)) return id;
    }
  }
}

function lowOf(wallMs: number): bigint {
  return BigInt.asUintN(40, BigInt(Math.max(0, Math.floor(wallMs)))) << 16n;
}

/** Stays under the top byte: the ids of another server begin behind it. */
function following(low: bigint): bigint {
  return low === LOW_MAX ? 1n : low + 1n;
}
