/**
 * Loads runs of plain znodes from a snapshot: the codec reads records ahead, many in one call, and leaves their facts,
 * checksums and an image of names and data; here they get their places. What is not plain is `loadNode`'s.
 */
import type { Codec } from "../../wasm/codec.ts";
import * as Fact from "../../wasm/layout.ts";
import { EPOCH_MAX, zxidFromHalves } from "../base/zxid.ts";
import type { Reader } from "../jute/reader.ts";
import type { AclTable } from "./acl.ts";
import type { DigestSum } from "./digest.ts";
import * as L from "./layout.ts";
import type { NodeStore } from "./node_store.ts";
import { putStoredStat, STORED_STAT_BYTES } from "./stat_block.ts";

const FACTS_BYTES = Fact.ZNODE_FACTS_WORDS * 4;
const STAT_WORDS = STORED_STAT_BYTES / 4;
/** What is staged at least: where special znodes come often, a run ends soon. */
const STAGE_BYTES_MIN = 8192;
/** Too little costs a step of growth, too much memory. */
const EXPECTED_SHARE = 0.9;

export interface RunParts {
  readonly codec: Codec;
  readonly nodes: NodeStore;
  readonly acls: AclTable;
  readonly sum: DigestSum;
  readonly hasDigest: boolean;
  /** FLAGS of a znode that has its place. */
  placeFlags(id: number): number;
}

export class RunLoader {
  readonly #parts: RunParts;
  /** Of paths and data, of the last run. */
  bytes = 0;
  /** The ACL key seen last in this run. */
  #aclKey = NaN;
  #aclId = 0;
  readonly #stat = new Int32Array(STAT_WORDS);
  readonly #hashes = new Int32Array(Fact.ZNODES_MAX);
  #stageBytes = Fact.STAGE_BYTES;
  /** Behind the last record that got its place. */
  #at = 0;
  /** What was fetched: kept, so that no compiler leaves the fetching out. */
  touched = 0;

  /** Of the whole snapshot, told before it is loaded; 0: unknown, or used. */
  bytesExpected = 0;

  constructor(parts: RunParts) {
    this.#parts = parts;
  }

  /**
   * Znodes from the reader on while they are plain, whole and good, as many as one run takes: 0 when the next one is not.
   * The reader stands behind the last of them.
   */
  load(r: Reader): number {
    const { codec, nodes, hasDigest } = this.#parts;
    this.bytes = 0;
    const from = r.bytes === codec.memory ? r.pos : Fact.STAGE_AT;
    const end = r.bytes === codec.memory ? r.end : this.#stage(r);
    const { count, units } = codec.scanZnodes(from, end, EPOCH_MAX, hasDigest);
    this.#at = from;
    if (count === 0) return this.#end(r, from, 0);
    if (this.bytesExpected > 0 && count === Fact.ZNODES_MAX) this.#reserve(from);
    const image = Fact.ZNODE_IMAGE_AT;
    const imageEnd = image + units * Fact.ZNODE_UNIT_BYTES;
    const ref = nodes.arena.storeImage(codec.memory.subarray(image, imageEnd));
    this.#aclKey = NaN;
    return this.#end(r, from, this.#placeAll(count, ref));
  }

  /** The next run is as long as this one, most likely. */
  #end(r: Reader, from: number, placed: number): number {
    const bytes = this.#at - from;
    r.pos += bytes;
    this.#stageBytes = Math.max(STAGE_BYTES_MIN, Math.min(2 * bytes, Fact.STAGE_BYTES));
    return placed;
  }

  /** A piece of what the reader has next, in the codec's memory: bytes from elsewhere. @returns its end */
  #stage(r: Reader): number {
    const size = Math.min(r.remaining, this.#stageBytes);
    this.#parts.codec.memory.set(r.bytes.subarray(r.pos, r.pos + size), Fact.STAGE_AT);
    return Fact.STAGE_AT + size;
  }

  /** @returns how many got their places: all, or those before one that cannot be */
  #placeAll(count: number, ref: number): number {
    const { view } = this.#parts.codec;
    let parent = -1, facts = Fact.ZNODE_FACTS_AT;
    for (let i = 0; i < count; i++, facts += FACTS_BYTES) {
      if (view.getInt32(facts + Fact.FACT_SAME_PARENT * 4, true) === 0) {
        parent = this.#enter(facts, i, count);
        if (parent < 0) return i;
      }
      if (!this.#place(facts, ref, parent, this.#hashes[i] as number)) return i;
    }
    return count;
  }

  /** Room for as many znodes as there will be if most are like the first ones. */
  #reserve(from: number): void {
    const { codec: { view }, nodes } = this.#parts;
    const last = Fact.ZNODE_FACTS_AT + (Fact.ZNODES_MAX - 1) * FACTS_BYTES;
    const bytes = view.getInt32(last + Fact.FACT_RECORD_AT * 4, true) - from;
    nodes.reserve(EXPECTED_SHARE * this.bytesExpected / (bytes / (Fact.ZNODES_MAX - 1)));
    this.bytesExpected = 0;
  }

  /**
   * Finds the parent and hashes the names of the siblings that come in a row, fetching their places in the index: each is
   * a miss of the caches in a large tree, and so they are waited for together.
   * @returns the parent, or -1
   */
  #enter(facts: number, first: number, count: number): number {
    const { codec: { view, memory: bytes }, nodes } = this.#parts;
    const record = view.getInt32(facts + Fact.FACT_RECORD_AT * 4, true);
    const parent = nodes.find(
      bytes,
      record + 4,
      view.getInt32(facts + Fact.FACT_SLASH_AT * 4, true),
    );
    if (parent < 0) return -1;
    let i = first;
    do {
      const slash = view.getInt32(facts + Fact.FACT_SLASH_AT * 4, true);
      const pathEnd = view.getInt32(facts + Fact.FACT_PATH_END * 4, true);
      this.#hashes[i] = nodes.hashOf(parent, bytes, slash + 1, pathEnd);
      facts += FACTS_BYTES;
    } while (++i < count && view.getInt32(facts + Fact.FACT_SAME_PARENT * 4, true) !== 0);
    // A loop of its own: the shorter it is, the more of the misses are under way at once.
    let touched = 0;
    for (let k = first; k < i; k++) touched |= nodes.touch(this.#hashes[k] as number);
    this.touched = touched;
    return parent;
  }

  /** @returns false with nothing changed when the parent has such a child */
  #place(facts: number, ref: number, parent: number, hash: number): boolean {
    const { codec: { view, memory: bytes }, nodes } = this.#parts;
    const record = view.getInt32(facts + Fact.FACT_RECORD_AT * 4, true);
    const slash = view.getInt32(facts + Fact.FACT_SLASH_AT * 4, true);
    const pathEnd = view.getInt32(facts + Fact.FACT_PATH_END * 4, true);
    const name = (ref + view.getInt32(facts + Fact.FACT_NAME_UNIT * 4, true)) | 0;
    const id = nodes.createUnless(parent, hash, bytes, slash + 1, pathEnd, name);
    if (id < 0) return false;
    const dataAt = view.getInt32(facts + Fact.FACT_DATA_AT * 4, true);
    const length = view.getInt32(facts + Fact.FACT_DATA_LENGTH * 4, true);
    const unit = view.getInt32(facts + Fact.FACT_DATA_UNIT * 4, true);
    const size = Math.max(length, 0);
    if (size > 0 && unit < 0) nodes.storeData(id, bytes, dataAt, dataAt + size);
    else nodes.placeData(id, size > 0 ? (ref + unit) | 0 : 0, length);
    this.#fill(id, facts);
    this.bytes += pathEnd - record - 4 + size;
    // Path, data and their lengths, ACL key, stat.
    this.#at = dataAt + size + 68;
    return true;
  }

  /** All but structure and data. */
  #fill(id: number, facts: number): void {
    const { codec: { view }, nodes, acls, sum, hasDigest } = this.#parts;
    const page = nodes.pageOf(id), base = nodes.baseOf(id);
    const stat = facts + Fact.FACT_STAT * 4;
    if (view.getInt32(facts + Fact.FACT_IS_FRESH * 4, true) === 0) {
      for (let i = 0; i < STAT_WORDS; i++) this.#stat[i] = view.getInt32(stat + i * 4, true);
      putStoredStat(this.#stat, nodes, id);
    } else {
      page[base + L.CZXID] = view.getInt32(stat, true);
      page[base + L.CZXID + 1] = view.getInt32(stat + 4, true);
      page[base + L.CTIME] = view.getInt32(stat + 16, true);
      page[base + L.CTIME + 1] = view.getInt32(stat + 20, true);
    }
    const aclId = this.#aclOf(
      view.getInt32(facts + Fact.FACT_ACL_HI * 4, true),
      view.getInt32(facts + Fact.FACT_ACL_LO * 4, true),
    );
    page[base + L.ACL_ID] = aclId;
    acls.retain(aclId);
    const flags = this.#parts.placeFlags(id);
    page[base + L.FLAGS] = flags;
    if (!hasDigest || (flags & L.FLAG_RESERVED) !== 0) return;
    page[base + L.CRC] = view.getInt32(facts + Fact.FACT_CRC * 4, true);
    const digest = view.getInt32(facts + Fact.FACT_DIGEST * 4, true);
    page[base + L.DIGEST] = digest;
    sum.add(digest >>> 0);
  }

  #aclOf(hi: number, lo: number): number {
    const key = zxidFromHalves(hi, lo);
    if (key !== this.#aclKey) {
      this.#aclKey = key;
      this.#aclId = this.#parts.acls.idOfKey(key);
    }
    return this.#aclId;
  }
}
