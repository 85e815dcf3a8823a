/** Bounds of files, each with its reason. */

/** Longest string or buffer taken from a file: far above any sensible jute.maxbuffer, far below memory. */
export const FILE_FIELD_BYTES_MAX = 64 * 1024 * 1024;
/** Longest payload of a log entry: a multi or a closeSession may hold many fields. */
export const ENTRY_PAYLOAD_BYTES_MAX = 256 * 1024 * 1024;
/**
 * Zeros written ahead of the log at a time: blocks written before make a small fdatasync cheaper (93 against 136 us). A
 * step of 4 MiB held the file's lock for up to 9 ms, and groups waited behind it.
 */
export const PREALLOC_STEP_BYTES = 256 * 1024;
/**
 * What waited for the disk goes to it in groups of about this size, so that the first of many are answered early. Smaller ones
 * pay more syncs: 256 KiB made 0.6, 64 KiB 0.35 of the writes a second that 1 MiB makes.
 */
export const GROUP_BYTES_SOFT = 1024 * 1024;
/** Groups larger than this gain nothing from zeros, which would go to the disk besides them. */
export const PREALLOC_GROUP_BYTES_MAX = 32 * 1024;
/** Bytes that may wait for the disk in buffers outside the codec's regions: entries larger than a region. */
export const JOURNAL_PLAIN_BYTES_MAX = 64 * 1024 * 1024;
/**
 * Of a snapshot under way: what is not on the disk yet. A sync of the log waits for what the file system has to write, and
 * one sync of 180 MB at the end held a group up for 65 ms.
 */
export const SNAPSHOT_UNSYNCED_BYTES_MAX = 4 * 1024 * 1024;
/** Snapshots tried, newest first, before the start is refused (storage-format §7.4). */
export const SNAPSHOTS_TRIED_MAX = 100;
/** Files may be checked for torn tails by looking for good entries behind damage: checksummed bytes per file byte. */
export const RESYNC_WORK_FACTOR = 8;
/** Bytes of a log read at a time for a learner: checked in well under a millisecond. */
export const RANGE_BUFFER_BYTES = 256 * 1024;
