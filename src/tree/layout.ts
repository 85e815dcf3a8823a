/**
 * The words of a znode and of the pages that hold them. What every znode has is its core, 16 words and one cache line. A
 * znode that was changed, has children or an owner has a rest besides, a block in the arena; until then the rest can be
 * told from the core: modified when created, no version counted, nobody's.
 */

/** Words per znode: 64 bytes. */
export const NODE_WORDS_SHIFT = 4;
export const NODE_WORDS = 1 << NODE_WORDS_SHIFT;
/** Ids per page: access is two shifts, and growth copies nothing (performance-notes §4). */
export const PAGE_SHIFT = 16;
export const PAGE_IDS = 1 << PAGE_SHIFT;
export const PAGE_MASK = PAGE_IDS - 1;

export const PARENT = 0;
/** Also the link of the list of free ids. */
export const NEXT_SIBLING = 1;
export const PREV_SIBLING = 2;
export const NAME_REF = 3;
export const NAME_LENGTH = 4;
export const DATA_REF = 5;
/** -1 for null. */
export const DATA_LENGTH = 6;
export const ACL_ID = 7;
/** CRC-32 over path and data, before the stat: a change of the stat alone then costs 60 bytes. */
export const CRC = 8;
export const DIGEST = 9;
export const FLAGS = 10;
export const CZXID = 11;
export const CTIME = 13;
/** Ref of the rest, plus 1; 0 for none. */
export const REST = 15;

/** Of a rest's block. */
export const REST_BYTES = 64;
// Words of a rest; in parentheses what holds without one.
/** (czxid) */
export const MZXID = 0;
/** (ctime) */
export const MTIME = 2;
/** (0) */
export const VERSION = 4;
/** The stored one: creates of children only. (0) */
export const CVERSION = 5;
/** (0) */
export const AVERSION = 6;
/** As stored, container and TTL marks included. (0) */
export const OWNER = 7;
/** (czxid) */
export const PZXID = 9;
/** (-1) */
export const FIRST_CHILD = 11;
/** (0) */
export const CHILDREN = 12;
/** Neighbours in the list of the session's ephemerals, of the containers, or of the TTL nodes. (-1) */
export const OWNER_NEXT = 13;
export const OWNER_PREV = 14;

/** Low bits of FLAGS: the OwnerKind. */
export const FLAG_KIND_MASK = 3;
/** Strictly under /zookeeper: outside the digest (storage-format §9.1). */
export const FLAG_RESERVED = 4;
/** "", /zookeeper, /zookeeper/quota, /zookeeper/config: always in a snapshot. */
export const FLAG_SYSTEM = 8;
/** The id is free. */
export const FLAG_FREE = 16;

export const TWO_32 = 0x1_0000_0000;

/** High half of an integer that a number holds exactly; the low one is `value | 0`. */
export function highWord(value: number): number {
  return Math.floor(value / TWO_32) | 0;
}
