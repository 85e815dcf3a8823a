/**
 * Refuses what would make the tree larger before the system ends the process: writes that need more memory get THROTTLED_OP
 * ("not executed, try again later"), which no server has logged or applied. Reads, deletes, smaller data, sessions and what
 * other servers decided go on.
 *
 * What counts is resident memory without the room that deleted znodes left, because the system does not get that back,
 * the heap of the engine against its own limit, and what the tree's arena can hold at all. Asking the host takes time: it is
 * done once per LOOK_BYTES of growth, so that a server may go beyond its limit by so much, and while full at most every
 * LOOK_AGAIN_MS.
 */
import type { Log } from "../base/log.ts";
import type { Clock, Process } from "../runtime.ts";
import type { Tree } from "../tree/tree.ts";
import type { ServerStats } from "./stats.ts";

const MIB = 1024 * 1024;
const LOOK_BYTES = 16 * MIB;
const LOOK_AGAIN_MS = 100;
/** A znode's words, its entry in the index, what the log and the reply hold of it meanwhile. */
const ZNODE_BYTES = 256;
/** Of what the system lets the process have, unless a limit is set. */
const DEFAULT_SHARE = 0.9;
/** Of the engine's heap limit: beyond it the collector does little else before it gives up. */
const HEAP_SHARE = 0.95;
/** Of what the tree's arena can hold, 32 GiB: however much memory there is. */
const ARENA_SHARE = 0.95;
/** Of the limit: a warning on the way, once until it is left again. */
const WARN_SHARE = 0.9;

type Level = "ample" | "near" | "full";

export class MemoryGuard {
  readonly #process: Process;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #stats: ServerStats;
  readonly #limitBytes: number;
  #level: Level = "ample";
  #grownBytes = LOOK_BYTES;
  #lookedMs = -Infinity;

  /** @param limitMib undefined: a share of what the system lets the process have; 0: no limit */
  constructor(
    { process, clock }: { readonly process: Process; readonly clock: Clock },
    limitMib: number | undefined,
    log: Log,
    stats: ServerStats,
  ) {
    this.#process = process;
    this.#clock = clock;
    this.#log = log;
    this.#stats = stats;
    this.#limitBytes = limitMib === undefined
      ? Math.floor(process.memory().systemBytes * DEFAULT_SHARE)
      : limitMib * MIB;
    stats.memoryLimitBytes = this.#limitBytes;
  }

  /** As the process has it. */
  get collect(): (() => void) | undefined {
    return this.#process.collect;
  }

  /** Whether a write that makes a znode, or its data larger, is to be refused. @param bytes that it adds to the tree */
  refuses(bytes: number, tree: Tree): boolean {
    if (this.#limitBytes === 0) return false;
    this.#grownBytes += bytes + ZNODE_BYTES;
    if (this.#isLookDue()) this.#look(tree);
    if (this.#level !== "full") return false;
    this.#stats.counters.memoryRefusals++;
    return true;
  }

  #isLookDue(): boolean {
    if (this.#level !== "full") return this.#grownBytes >= LOOK_BYTES;
    return this.#clock.monotonicMs() - this.#lookedMs >= LOOK_AGAIN_MS;
  }

  #look(tree: Tree): void {
    this.#grownBytes = 0;
    this.#lookedMs = this.#clock.monotonicMs();
    const { residentBytes, heapUsedBytes, heapMaxBytes } = this.#process.memory();
    const usedBytes = Math.max(0, residentBytes - tree.reusableBytes);
    this.#stats.memoryUsedBytes = usedBytes;
    const isFull = usedBytes >= this.#limitBytes || heapUsedBytes >= heapMaxBytes * HEAP_SHARE ||
      tree.arenaShare >= ARENA_SHARE;
    const isNear = usedBytes >= this.#limitBytes * WARN_SHARE;
    const level: Level = isFull ? "full" : isNear ? "near" : "ample";
    if (level === this.#level) return;
    const facts = { usedBytes, limitBytes: this.#limitBytes, heapUsedBytes, heapMaxBytes };
    if (level === "full") {
      this.#log.error(
        "Out of memory: creates and larger data are refused until znodes are deleted; see memoryLimit",
        facts,
      );
    } else if (level === "near") this.#log.warn("Memory is nearly used up; see memoryLimit", facts);
    else this.#log.info("There is memory again", facts);
    this.#level = level;
  }
}
