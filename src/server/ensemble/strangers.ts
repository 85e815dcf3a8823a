/** Servers that connect and that the configuration does not name, joiners and observers, and where they said that they listen. */
import { PEER_ADDRESSES_MAX, PEER_STRANGERS_MAX } from "../../base/limits.ts";
import type { ElectionAddress } from "../../zab/initial_message.ts";
import type { Sid } from "../../zab/vote.ts";

export class Strangers {
  readonly #onForgotten: (sid: Sid) => void;
  readonly #max: number;
  /** Whoever came last is last. */
  readonly #told = new Map<Sid, readonly ElectionAddress[]>();

  /** @param onForgotten it came longest ago, and there are too many */
  constructor(onForgotten: (sid: Sid) => void, max = PEER_STRANGERS_MAX) {
    this.#onForgotten = onForgotten;
    this.#max = max;
  }

  add(sid: Sid, addresses: readonly ElectionAddress[]): void {
    this.#told.delete(sid);
    this.#told.set(sid, addresses.slice(0, PEER_ADDRESSES_MAX));
    for (const oldest of this.#told.keys()) {
      if (this.#told.size <= this.#max) return;
      this.#told.delete(oldest);
      this.#onForgotten(oldest);
    }
  }

  addressesOf(sid: Sid): readonly ElectionAddress[] | undefined {
    return this.#told.get(sid);
  }
}
