/**
 * Who uses the files of an open data directory: logs that are being read stay, and changes of the whole set (a purge, a
 * truncation, an installed snapshot) follow each other.
 */
import type { Zxid } from "../base/zxid.ts";

/** Lets go of what is held; a second call does nothing. */
export type Release = () => void;

export class DirectoryUse {
  readonly #holds = new Set<{ readonly from: Zxid; readonly stop: () => Promise<void> }>();
  #changing: Promise<unknown> = Promise.resolve();
  #isGivenUp = false;

  /**
   * The newest log that begins at `from` or before, and all later ones, are not purged.
   * @param stop ends the use when the files are about to be replaced; resolves when no file is open any more
   */
  hold(from: Zxid, stop: () => Promise<void>): Release {
    const hold = { from, stop };
    this.#holds.add(hold);
    return () => void this.#holds.delete(hold);
  }

  get isHeld(): boolean {
    return this.#holds.size > 0;
  }

  /** The lowest zxid held; Infinity when nothing is. */
  get heldFrom(): number {
    let lowest = Infinity;
    for (const { from } of this.#holds) lowest = Math.min(lowest, from);
    return lowest;
  }

  /** Ends every use that is under way. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.#holds].map(({ stop }) => stop()));
  }

  /** What lies there is all that the next start has: nothing is changed any more. */
  giveUp(): void {
    this.#isGivenUp = true;
  }

  /** Runs `work` when no other change of the files is under way. @throws {Error} after `giveUp` */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#changing.then(() => {
      if (this.#isGivenUp) throw new Error("the files are left as they are for the next start");
      return work();
    });
    this.#changing = turn.catch(() => {}); // whoever asked is told
    return turn;
  }
}
