// Addresses in the codec's linear memory, in bytes: read by TypeScript and by AssemblyScript alike, so numbers
// only. wasm/README.md has the picture.

/** Where the module leaves the second and further results of a call: four words, little-endian. */
export const RESULT_AT = 64;
/** 32 tables of 16 bytes: a nibble of a CRC word pushed through 64 zero bytes. */
export const NIBBLE_TABLES_AT = 1024;
/** Eight tables of 256 words for CRC-32 by slicing. */
export const SLICE_TABLES_AT = 4096;
/** Bytes from outside on their way through a checksum. */
export const STAGE_AT = 65536;
export const STAGE_BYTES = 65536;
export const SCRATCH_AT = 131072;
export const SCRATCH_BYTES = 262144;
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
