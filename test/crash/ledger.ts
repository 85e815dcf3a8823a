/** What all writers together heard from the server, over all its lives on one directory. */
export class Ledger {
  /** Acknowledged zxids of this life. */
  readonly #zxids = new Set<number>();
  readonly #sessions = new Set<bigint>();
  readonly faults: string[] = [];
  /** Every session ever answered for. */
  sessionCount = 0;
  /** In this life: new sessions asked for, and answered. */
  connects = 0;
  sessionsOpened = 0;
  /** Sessions that may exist without anybody knowing their ids. */
  unknownSessions = 0;
  ackedMax = 0;
  acks = 0;
  ackedInAll = 0;
  /** Last zxid when this life began to take writes. */
  base = 0;
  readonly #names = new Set<string>();
  #highestName = -1;
  #highestBefore = -1;
  #target: { readonly acks: number; resolve(): void } | undefined;

  fault(text: string): void {
    if (this.faults.length < 20) this.faults.push(text);
  }

  /** A life begins to take writes behind `base`. */
  begin(base: number): void {
    this.unknownSessions += this.connects - this.sessionsOpened;
    this.#zxids.clear();
    this.connects = this.sessionsOpened = this.acks = 0;
    this.base = this.ackedMax = base;
  }

  opened(id: bigint): void {
    if (this.#sessions.has(id)) this.fault(`session id 0x${id.toString(16)} was issued twice`);
    this.#sessions.add(id);
    this.sessionsOpened++;
    this.sessionCount++;
  }

  acknowledged(zxid: number): void {
    if (this.#zxids.has(zxid)) this.fault(`zxid 0x${zxid.toString(16)} was acknowledged twice`);
    if (zxid <= this.base) this.fault(`zxid 0x${zxid.toString(16)} was used before this life`);
    this.#zxids.add(zxid);
    this.ackedMax = Math.max(this.ackedMax, zxid);
  }

  /** After the acknowledgement was recorded. */
  onAck(): void {
    this.acks++;
    this.ackedInAll++;
    if (this.#target !== undefined && this.acks >= this.#target.acks) {
      this.#target.resolve();
      this.#target = undefined;
    }
  }

  /** Calls `then` in the very turn in which the `count`th acknowledgement of this life was read. */
  atAck(count: number, then: () => void): void {
    if (this.acks >= count) return then();
    this.#target = { acks: count, resolve: then };
  }

  cancelAtAck(): void {
    this.#target = undefined;
  }

  /** A name in the shared folder was acknowledged. @returns what is wrong with it; replies of several connections may cross */
  named(path: string): string | undefined {
    const number = Number(path.slice(-10));
    if (this.#names.has(path)) return `the sequential name ${path} was given twice`;
    if (number <= this.#highestBefore) return `${path} is not behind the names of earlier lives`;
    this.#names.add(path);
    this.#highestName = Math.max(this.#highestName, number);
    return undefined;
  }

  /** What the disk holds is also given, acknowledged or not. */
  foundNames(paths: Iterable<string>): void {
    for (const path of paths) {
      this.#highestName = Math.max(this.#highestName, Number(path.slice(-10)));
    }
    this.#highestBefore = this.#highestName;
  }
}
