/**
 * The words of a znode and of the pages that hold them. A znode is 32 words: links and references first, then its
 * stat in the order of the client protocol (client-protocol §5), so that one look-up touches one cache line and a reply
 * the next one.
 */

/** Words per znode: 128 bytes. */
export const NODE_WORDS_SHIFT = 5;
export const NODE_WORDS = 1 << NODE_WORDS_SHIFT;
/** Ids per page: access is two shifts, and growth copies nothing (performance-notes §4). */
export const PAGE_SHIFT = 16;
export const PAGE_IDS = 1 << PAGE_SHIFT;
export const PAGE_MASK = PAGE_IDS - 1;

export const PARENT = 0;
export const FIRST_CHILD = 1;
/** Also the link of the list of free ids. */
export const NEXT_SIBLING = 2;
export const PREV_SIBLING = 3;
/** Hash of parent id and name, as the index has it. */
export const NAME_HASH = 4;
export const NAME_REF = 5;
export const NAME_LENGTH = 6;
/** Bytes of the whole path, "" for the root. */
export const PATH_LENGTH = 7;
export const DATA_REF = 8;
export const ACL_ID = 9;
/** CRC-32 over path and data, before the stat: a change of the stat alone then costs 60 bytes. */
export const CRC = 10;
export const DIGEST = 11;
export const FLAGS = 12;
/** Neighbours in the list of the session's ephemerals, of the containers, or of the TTL nodes. */
export const OWNER_NEXT = 13;
export const OWNER_PREV = 14;

export const STAT = 15;
export const CZXID = STAT;
export const MZXID = STAT + 2;
export const CTIME = STAT + 4;
export const MTIME = STAT + 6;
export const VERSION = STAT + 8;
/** The stored one: creates of children only. */
export const CVERSION = STAT + 9;
export const AVERSION = STAT + 10;
/** As stored, container and TTL marks included. */
export const OWNER = STAT + 11;
/** -1 for null. */
export const DATA_LENGTH = STAT + 13;
export const CHILDREN = STAT + 14;
export const PZXID = STAT + 15;

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
