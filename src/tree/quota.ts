/**
 * Quotas (client-protocol §3.8). A node /zookeeper/quota + P + /zookeeper_limits puts subtree P under one; beside it
 * zookeeper_stats holds the usage, which each server counts by itself and writes without touching the stat. The deepest
 * quota at or above a path is the one that applies. While there is none, the hot path asks `isEmpty` and is done.
 */
import { utf8Decode, utf8Encode } from "../base/host.ts";
import { nameOf, QUOTA_PATH } from "./path.ts";
import { formatQuotaText, parseQuotaText, type QuotaFigures } from "./quota_text.ts";
import { NO_NODE, type Tree } from "./tree.ts";

export const LIMITS_NAME = "zookeeper_limits";
export const STATS_NAME = "zookeeper_stats";
const QUOTA_PREFIX = `${QUOTA_PATH}/`;

/**
 * What a change would do: stay within, pass a limit that only warns, or pass one that refuses (QUOTAEXCEEDED).
 * Count comes before bytes.
 */
export type QuotaVerdict =
  | "within"
  | "countWarned"
  | "bytesWarned"
  | "countRefused"
  | "bytesRefused";

export interface QuotaEntry {
  /** The subtree's path. */
  readonly path: string;
  readonly limits: QuotaFigures;
  /** Undefined while the stats node is missing. */
  readonly usage: QuotaFigures | undefined;
}

export class Quotas {
  readonly #tree: Tree;
  readonly #limits = new Map<string, QuotaFigures>();

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  /** No quota anywhere. */
  get isEmpty(): boolean {
    return this.#limits.size === 0;
  }

  /** The subtree with a quota that holds this path, the deepest one. */
  find(path: string): string | undefined {
    for (let at = path; at.length > 1; at = at.slice(0, at.lastIndexOf("/"))) {
      if (this.#limits.has(at)) return at;
    }
    return undefined;
  }

  /**
   * Asked before a create (count 1) or setData (count 0), against the usage that is applied.
   * @param enforce `zookeeper.enforceQuota`: without it hard limits warn only
   */
  check(path: string, countDelta: number, bytesDelta: number, enforce: boolean): QuotaVerdict {
    const root = this.find(path);
    const limits = root === undefined ? undefined : this.#limits.get(root);
    if (root === undefined || limits === undefined) return "within";
    const usage = this.usageOf(root);
    if (usage === undefined) return "within";
    let verdict: QuotaVerdict = "within";
    const { countHardLimit, byteHardLimit } = limits;
    if (exceeds(usage.count, countDelta, limits.count, countHardLimit)) {
      if (enforce && countHardLimit > -1) return "countRefused";
      verdict = "countWarned";
    }
    if (exceeds(usage.bytes, bytesDelta, limits.bytes, byteHardLimit)) {
      if (enforce && byteHardLimit > -1) return "bytesRefused";
      if (verdict === "within") verdict = "bytesWarned";
    }
    return verdict;
  }

  limitsOf(root: string): QuotaFigures | undefined {
    return this.#limits.get(root);
  }

  /** What the stats node says; undefined when it is missing. Unreadable figures are 0. */
  usageOf(root: string): QuotaFigures | undefined {
    const text = this.#textAt(`${QUOTA_PATH}${root}/${STATS_NAME}`);
    return text === undefined ? undefined : usageFrom(text);
  }

  *entries(): IterableIterator<QuotaEntry> {
    for (const [path, limits] of this.#limits) yield { path, limits, usage: this.usageOf(path) };
  }

  // ------------------------------------------------------------------------------------ after a change

  /** Whether a path needs the hooks below even while `isEmpty`. */
  static concerns(path: string): boolean {
    return path.startsWith(QUOTA_PREFIX);
  }

  /** @param dataLength bytes, 0 or less for none */
  onCreate(path: string, dataLength: number): void {
    const root = quotaRoot(path);
    if (root !== undefined && nameOf(path) === LIMITS_NAME) this.limitsChanged(path);
    else if (root !== undefined) {
      this.#recount(root);
      // The recount has the new node if it lies in the subtree that it counts.
      if (this.find(path) === root) return;
    }
    this.#use(path, 1, Math.max(dataLength, 0));
  }

  onDelete(path: string, dataLength: number): void {
    if (quotaRoot(path) !== undefined && nameOf(path) === LIMITS_NAME) this.limitsRemoved(path);
    this.#use(path, -1, -Math.max(dataLength, 0));
  }

  onSetData(path: string, oldLength: number, newLength: number): void {
    if (quotaRoot(path) !== undefined && nameOf(path) === LIMITS_NAME) this.limitsChanged(path);
    this.#use(path, 0, Math.max(newLength, 0) - Math.max(oldLength, 0));
  }

  /** A limits node was created or written. @param path of the limits node */
  limitsChanged(path: string): void {
    const root = quotaRoot(path), text = this.#textAt(path);
    if (root !== undefined && text !== undefined) this.#limits.set(root, parseQuotaText(text));
  }

  limitsRemoved(path: string): void {
    const root = quotaRoot(path);
    if (root !== undefined) this.#limits.delete(root);
  }

  /** After a load: finds the limits nodes, and counts each subtree anew. */
  rebuild(): void {
    this.#limits.clear();
    const quotas = this.#tree.findPath(QUOTA_PATH);
    if (quotas === NO_NODE) return;
    const paths: string[] = [];
    this.#tree.forEachInSubtree(quotas, (id) => {
      if (this.#tree.childCount(id) !== 0) return;
      const path = this.#tree.pathOf(id);
      if (nameOf(path) === LIMITS_NAME) paths.push(path);
    });
    for (const path of paths) {
      this.limitsChanged(path);
      const root = quotaRoot(path);
      if (root !== undefined) this.#recount(root);
    }
  }

  // ------------------------------------------------------------------------------------ inside

  #use(path: string, countDelta: number, bytesDelta: number): void {
    if (this.isEmpty || (countDelta === 0 && bytesDelta === 0)) return;
    const root = this.find(path);
    const usage = root === undefined ? undefined : this.usageOf(root);
    if (root === undefined || usage === undefined) return;
    this.#writeUsage(root, usage.count + countDelta, usage.bytes + bytesDelta);
  }

  /** The subtree's root counts itself. */
  #recount(root: string): void {
    const tree = this.#tree, id = tree.findPath(root);
    let count = 0, bytes = 0;
    if (id !== NO_NODE) {
      tree.forEachInSubtree(id, (at) => {
        count++;
        bytes += Math.max(tree.dataLength(at), 0);
      });
    }
    this.#writeUsage(root, count, bytes);
  }

  #writeUsage(root: string, count: number, bytes: number): void {
    const id = this.#tree.findPath(`${QUOTA_PATH}${root}/${STATS_NAME}`);
    if (id === NO_NODE) return;
    const figures = { count, bytes, countHardLimit: -1, byteHardLimit: -1 };
    this.#tree.setDataSilently(id, utf8Encode(formatQuotaText(figures)));
  }

  #textAt(path: string): string | undefined {
    const id = this.#tree.findPath(path);
    if (id === NO_NODE) return undefined;
    return utf8Decode(this.#tree.copyData(id) ?? new Uint8Array(0));
  }
}

/** The subtree that a limits or stats node is about; undefined for other paths, and for an empty subtree path. */
function quotaRoot(path: string): string | undefined {
  if (!path.startsWith(QUOTA_PREFIX)) return undefined;
  const slash = path.lastIndexOf("/"), name = path.slice(slash + 1);
  if (name !== LIMITS_NAME && name !== STATS_NAME) return undefined;
  return slash < QUOTA_PREFIX.length ? undefined : path.slice(QUOTA_PATH.length, slash);
}

/** A hard limit stands in for the soft one; -1 is none. */
function exceeds(usage: number, delta: number, soft: number, hard: number): boolean {
  const limit = hard > -1 ? hard : soft;
  return delta !== 0 && limit > -1 && usage + delta > limit;
}

function usageFrom(text: string): QuotaFigures {
  const found = parseQuotaText(text);
  return { ...found, count: Math.max(found.count, 0), bytes: Math.max(found.bytes, 0) };
}
