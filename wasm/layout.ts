// Addresses in the codec's linear memory, in bytes: read by TypeScript and by AssemblyScript alike, so numbers
// only. wasm/README.md has the picture.

/** Where the module leaves the second and further results of a call: four words, little-endian. */
export const RESULT_AT = 64;
/** 32 tables of 16 bytes: a nibble of a CRC word pushed through 64 zero bytes. */
export const NIBBLE_TABLES_AT = 1024;
/** Sixteen tables of 256 words for CRC-32 by slicing. */
export const SLICE_TABLES_AT = 4096;
/** Bytes from outside on their way through a checksum. */
export const STAGE_AT = 65536;
export const STAGE_BYTES = 65536;
/** The 60 bytes of a stat in the digest's order. */
export const STAT_AT = 36864;
export const SCRATCH_AT = 131072;
export const SCRATCH_BYTES = 262144;

// What a scan of a snapshot's znodes leaves in the scratch: facts first, then the image of names and data.
export const ZNODES_MAX = 1024;
/** ZNODES_MAX records of 32 words. */
export const ZNODE_FACTS_AT = 131072;
export const ZNODE_FACTS_WORDS = 32;
/** Blocks of whole units: each znode's name, and its data unless that is longer than ZNODE_BLOCK_MAX. */
export const ZNODE_IMAGE_AT = 262144;
/** The last 16 stay free: a copy goes on to the end of its step. */
export const ZNODE_IMAGE_BYTES = 131056;
export const ZNODE_UNIT_BYTES = 8;
/** Names that are longer end the scan. */
export const ZNODE_BLOCK_MAX = 1024;
// Words of a record's facts; addresses are in the memory.
export const FACT_RECORD_AT = 0;
/** Of the last slash in the path. */
export const FACT_SLASH_AT = 1;
export const FACT_PATH_END = 2;
export const FACT_DATA_AT = 3;
/** -1 for null. */
export const FACT_DATA_LENGTH = 4;
/** Unit within the image at which the name lies; the data's block follows behind the name's. */
export const FACT_NAME_UNIT = 5;
/** -1 when the data is too long for the image; without data it means nothing. */
export const FACT_DATA_UNIT = 6;
/** 1 when the path up to the last slash is that of the record before in the same scan. */
export const FACT_SAME_PARENT = 7;
/** Over path and data; 0 without digest. */
export const FACT_CRC = 8;
/** The CRC carried on over the stat in the digest's order; 0 without digest. */
export const FACT_DIGEST = 9;
export const FACT_ACL_HI = 10;
export const FACT_ACL_LO = 11;
/** 15 words: the stored stat in the order of the file. */
export const FACT_STAT = 12;
/** 1 when mzxid and pzxid are czxid, mtime is ctime, and all that counts changes is 0. */
export const FACT_IS_FRESH = 27;
export const SNAPSHOT_AT = 393216;
export const SNAPSHOT_REGIONS = 3;
/** A snapshot region holds a piece and room to finish the record that crosses its end. */
export const SNAPSHOT_PIECE_BYTES = 1048576;
export const SNAPSHOT_SLACK_BYTES = 65536;
export const LOG_AT = 4194304;
export const LOG_REGIONS = 4;
export const LOG_REGION_BYTES = 8388608;
/** LOG_AT + LOG_REGIONS * LOG_REGION_BYTES: 576 pages. */
export const MEMORY_BYTES = 37748736;
export const PAGE_BYTES = 65536;

/** checksum:long, length:int before the payload (storage-format §4.2). */
export const ENTRY_HEAD_BYTES = 12;
/** Head and end byte: what an entry takes beyond its payload. */
export const ENTRY_EXTRA_BYTES = 13;
export const ENTRY_END_BYTE = 66;

// Why a scan stopped: indices of `SCAN_STOPS` in entries.ts.
export const STOP_END = 0;
export const STOP_SHORT = 1;
export const STOP_PADDING = 2;
export const STOP_LENGTH = 3;
export const STOP_END_BYTE = 4;
export const STOP_CHECKSUM = 5;
export const STOP_GROUP = 6;
