/**
 * Records of a snapshot's section 4, read ahead (storage-format §7.1): what a tree needs of each, its checksums, and an
 * image of names and data in which they lie as in the tree's arena. The twin is ../znodes.ts.
 *
 *   record = path:ustring data:buffer acl:long stat:60
 */
import {
  FACT_ACL_HI,
  FACT_ACL_LO,
  FACT_CRC,
  FACT_DATA_AT,
  FACT_DATA_LENGTH,
  FACT_DATA_UNIT,
  FACT_DIGEST,
  FACT_IS_FRESH,
  FACT_NAME_UNIT,
  FACT_PATH_END,
  FACT_RECORD_AT,
  FACT_SAME_PARENT,
  FACT_SLASH_AT,
  FACT_STAT,
  RESULT_AT,
  STAT_AT,
  ZNODE_BLOCK_MAX,
  ZNODE_FACTS_AT,
  ZNODE_FACTS_WORDS,
  ZNODE_IMAGE_AT,
  ZNODE_IMAGE_BYTES,
  ZNODE_UNIT_BYTES,
  ZNODES_MAX,
} from "../layout";
import { crc32 } from "./crc32";

const SLASH: u8 = 0x2f;
/** acl:long stat:60 */
const BEHIND_DATA: usize = 68;
const STAT_BYTES: usize = 60;
const STAT_WORDS: usize = 15;
const IMAGE_END: usize = ZNODE_IMAGE_AT + ZNODE_IMAGE_BYTES;
const BLOCK_MAX: u32 = ZNODE_BLOCK_MAX;
const UNIT_BYTES: u32 = ZNODE_UNIT_BYTES;

// @ts-ignore: decorator
@inline
function word(at: usize): u32 {
  return bswap<u32>(load<u32>(at));
}

// @ts-ignore: decorator
@inline
function put(facts: usize, fact: usize, value: u32): void {
  store<u32>(facts + (fact << 2), value);
}

// @ts-ignore: decorator
@inline
function blockBytes(length: u32): usize {
  return (length + UNIT_BYTES - 1) & ~(UNIT_BYTES - 1);
}

/** In steps of 16 bytes: what lies behind comes along, up to 8 bytes beyond the block, where the next one begins. */
// @ts-ignore: decorator
@inline
function copyBlock(from: usize, into: usize, length: u32): void {
  for (let i: usize = 0; i < length; i += 16) v128.store(into + i, v128.load(from + i));
}

function isBeyond(high: u32, epochMax: i32): bool {
  return <i32> high > epochMax || <i32> high < -epochMax;
}

/** Whether nothing happened to the znode since it was made; its owner is known to be none. */
function isFresh(stat: usize): bool {
  const czxid = load<u64>(stat);
  return load<u64>(stat + 8) === czxid && load<u64>(stat + 52) === czxid &&
    load<u64>(stat + 16) === load<u64>(stat + 24) &&
    load<u64>(stat + 32) === 0 && load<u32>(stat + 40) === 0;
}

/** The stat at `at`, in the digest's order, to STAT_AT: pzxid comes third there. */
function orderStat(at: usize): void {
  v128.store(STAT_AT, v128.load(at));
  store<u64>(STAT_AT + 16, load<u64>(at + 52));
  v128.store(STAT_AT + 24, v128.load(at + 16));
  v128.store(STAT_AT + 40, v128.load(at + 32));
  store<u32>(STAT_AT + 56, load<u32>(at + 48));
}

/**
 * Reads records while they are whole and plain: the path has a name that fits a block and a parent that is not "/" in
 * full, there is no owner, zxids are within the epochs held, image and facts have room. Anything else ends the scan before
 * it.
 * @returns records; the first result word has the units used of the image
 */
export function scanZnodes(at: usize, end: usize, epochMax: i32, hasDigest: bool): i32 {
  let facts: usize = ZNODE_FACTS_AT, image: usize = ZNODE_IMAGE_AT;
  let parentAt: usize = 0, parentLength: usize = 0;
  let count = 0;
  for (; count < ZNODES_MAX; count++) {
    if (end - at < 8) break;
    const pathLength = word(at);
    const pathAt = at + 4;
    if (pathLength < 2 || pathLength > end - pathAt - 4 || load<u8>(pathAt) !== SLASH) break;
    const pathEnd = pathAt + pathLength;
    let slash = pathEnd - 1;
    while (load<u8>(slash) !== SLASH) slash--;
    const nameLength = <u32> (pathEnd - slash - 1);
    if (nameLength === 0 || nameLength > BLOCK_MAX || slash === pathAt + 1) break;
    const dataLength = <i32> word(pathEnd);
    if (dataLength < -1) break;
    const dataAt = pathEnd + 4, size = <u32> max(dataLength, 0);
    if (end - dataAt < BEHIND_DATA || size > end - dataAt - BEHIND_DATA) break;
    const stat = dataAt + size + 8;
    if (load<u64>(stat + 44) !== 0) break;
    if (
      isBeyond(word(stat), epochMax) || isBeyond(word(stat + 8), epochMax) ||
      isBeyond(word(stat + 52), epochMax)
    ) break;

    const nameBytes = blockBytes(nameLength);
    const dataBytes: usize = size > BLOCK_MAX ? 0 : blockBytes(size);
    if (nameBytes + dataBytes > IMAGE_END - image) break;
    copyBlock(slash + 1, image, nameLength);
    put(facts, FACT_NAME_UNIT, <u32> (image - ZNODE_IMAGE_AT) / UNIT_BYTES);
    image += nameBytes;
    if (size > BLOCK_MAX) put(facts, FACT_DATA_UNIT, -1);
    else {
      copyBlock(dataAt, image, size);
      put(facts, FACT_DATA_UNIT, <u32> (image - ZNODE_IMAGE_AT) / UNIT_BYTES);
      image += dataBytes;
    }

    const length = slash - pathAt;
    const isSame = count > 0 && length === parentLength &&
      memory.compare(pathAt, parentAt, length) === 0;
    parentAt = pathAt;
    parentLength = length;
    put(facts, FACT_SAME_PARENT, <u32> isSame);
    put(facts, FACT_RECORD_AT, <u32> at);
    put(facts, FACT_SLASH_AT, <u32> slash);
    put(facts, FACT_PATH_END, <u32> pathEnd);
    put(facts, FACT_DATA_AT, <u32> dataAt);
    put(facts, FACT_DATA_LENGTH, dataLength);
    put(facts, FACT_ACL_HI, word(stat - 8));
    put(facts, FACT_ACL_LO, word(stat - 4));
    let crc: u32 = 0, digest: u32 = 0;
    if (hasDigest) {
      crc = crc32(0, pathAt, pathEnd);
      if (size > 0) crc = crc32(crc, dataAt, dataAt + size);
      orderStat(stat);
      digest = crc32(crc, STAT_AT, STAT_AT + STAT_BYTES);
    }
    put(facts, FACT_CRC, crc);
    put(facts, FACT_DIGEST, digest);
    for (let i: usize = 0; i < STAT_WORDS; i++) put(facts, FACT_STAT + i, word(stat + (i << 2)));
    put(facts, FACT_IS_FRESH, <u32> isFresh(stat));
    facts += ZNODE_FACTS_WORDS << 2;
    at = stat + STAT_BYTES;
  }
  store<u32>(RESULT_AT, <u32> (image - ZNODE_IMAGE_AT) / UNIT_BYTES);
  return count;
}
