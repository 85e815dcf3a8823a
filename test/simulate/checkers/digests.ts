/** The digest of the tree that each txn carries, reckoned a second time over the model (storage format: a sum of CRC-32s). */
import type { Violation } from "../history.ts";
import { Model, type Node } from "../model.ts";
import { hex } from "../requests.ts";
import type { Txn } from "../txn_log.ts";

/** Of "/zookeeper", which never changes. */
const ZOOKEEPER_DIGEST = 1_303_661_912n;
const STAT_BYTES = 60;
const TWO_32 = 0x1_0000_0000;

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  return crc;
});

export class DigestCheck {
  readonly violations: Violation[] = [];
  readonly #digests = new Map<string, bigint>();
  #sum = ZOOKEEPER_DIGEST;

  constructor(model: Model) {
    this.#update(model, "/");
  }

  /** After the model applied a txn, with the paths that it touched. */
  check(model: Model, txn: Txn, touched: readonly string[]): void {
    for (const path of touched) this.#update(model, path);
    if (txn.digest === undefined) return;
    const sum = BigInt.asIntN(64, this.#sum);
    if (txn.digest === sum) return;
    const message = `txn ${hex(txn.zxid)} carries ${txn.digest}, the tree's is ${sum}`;
    this.violations.push({ checker: "digests", message });
  }

  #update(model: Model, path: string): void {
    const node = model.nodes.get(path);
    const digest = node === undefined ? 0n : BigInt(digestOf(path, node));
    this.#sum += digest - (this.#digests.get(path) ?? 0n);
    this.#digests.set(path, digest);
  }
}

const stat = new DataView(new ArrayBuffer(STAT_BYTES));

function digestOf(path: string, node: Node): number {
  const longs = [node.czxid, node.mzxid, node.pzxid, node.ctime, node.mtime];
  for (const [index, value] of longs.entries()) {
    stat.setInt32(index * 8, Math.floor(value / TWO_32));
    stat.setUint32(index * 8 + 4, value >>> 0);
  }
  stat.setInt32(40, node.version);
  stat.setInt32(44, node.cversion);
  stat.setInt32(48, 0);
  stat.setBigInt64(52, node.owner);
  let crc = crcOfText(-1, path === "/" ? "" : path);
  crc = crcOfText(crc, node.data);
  for (let at = 0; at < STAT_BYTES; at++) crc = step(crc, stat.getUint8(at));
  return ~crc >>> 0;
}

function crcOfText(from: number, text: string): number {
  let crc = from;
  for (let at = 0; at < text.length; at++) crc = step(crc, text.charCodeAt(at));
  return crc;
}

function step(crc: number, byte: number): number {
  return (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] as number);
}
