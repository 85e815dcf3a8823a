/** Bounds that are ours, each with its reason; what an operator may set is in server/options.ts. */

/** One reply buffer: 64 to 256 KiB measured best; about 100 replies of 1 KiB (performance-notes §1). */
export const OUTPUT_BUFFER_BYTES = 128 * 1024;
/** Free reply buffers kept for reuse. */
export const OUTPUT_BUFFERS_KEPT = 64;
/** Replies of one connection not yet taken by the system; above it its requests wait undecoded. */
export const OUTPUT_PENDING_BYTES_MAX = 4 * 1024 * 1024;
/** A TTL holds 5 bytes (client-protocol §3.5). */
export const TTL_MS_MAX = 0xff_ffff_ffff;
/** Snapshot work per slice, so that a reader waits about half a millisecond (performance-notes §5). */
export const SNAPSHOT_SLICE_BYTES = 256 * 1024;
/** Reads of one connection that may wait behind a write of its own; above it decoding waits. */
export const DEFERRED_READS_MAX = 256;
/** And their bytes: a read may be a frame of the largest size as well. */
export const DEFERRED_BYTES_MAX = 4 * 1024 * 1024;
/** Output that a connection may owe when a watch fires: beyond it the client does not read, and is closed. */
export const OUTPUT_NOTIFY_BYTES_MAX = 32 * 1024 * 1024;
/** Output that a connection may owe at all: DEFERRED_READS_MAX replies of the default jute.maxbuffer, and some. */
export const OUTPUT_HARD_BYTES_MAX = 320 * 1024 * 1024;
/** Authenticated ids of one connection, and their bytes together as a learner forwards them: its leader takes no more. */
export const IDENTITIES_MAX = 1024;
export const IDENTITIES_BYTES_MAX = 1024 * 1024;
/** Data in the answer to one multiRead: its parts may name a large node as often as they fit the request. */
export const MULTI_READ_BYTES_MAX = 64 * 1024 * 1024;
/** One expanded ACL list: its entries' ids. */
export const ACL_BYTES_MAX = 16 * 1024 * 1024;
/** One chunk of the ensemble's history: about 900 txns of 1 KiB; small ensembles begin with less. */
export const HISTORY_CHUNK_BYTES = 1024 * 1024;
export const HISTORY_CHUNK_BYTES_FIRST = 64 * 1024;
/** Applied txns kept for learners that come back, whatever commitLogCount says. */
export const HISTORY_KEPT_BYTES_MAX = 32 * 1024 * 1024;
/** What a slow learner's link may hold back; beyond it the link is dropped: a snapshot is the shorter way then. */
export const HISTORY_BYTES_MAX = 128 * 1024 * 1024;
/**
 * Clients that may wait to be accepted unless the configuration says otherwise; the system lowers it to its own bound.
 * A busy node:net accepts one of them a turn, and whom there is no room for tries again after 1, 3, 7 seconds.
 */
export const CLIENT_BACKLOG = 4096;
/** Connections to an election or quorum port that have not said who they are: more than a backlog gives at once. */
export const PEER_HANDSHAKES_MAX = 600;
/** Servers outside the configuration that are connected to an election port, or follow a leader: joiners and observers. */
export const PEER_STRANGERS_MAX = 255;
/** Where one of them said that it listens: each is dialled, one after the other. */
export const PEER_ADDRESSES_MAX = 16;
/** What one link between servers may owe to the system: a turn's proposals, answers; a sync waits for every piece. */
export const LINK_OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
/** Bytes proposed by a leader and not applied: beyond it clients' input waits. */
export const PROPOSED_BYTES_MAX = 32 * 1024 * 1024;
/** The same with what learners forward, whose input cannot wait (their acks come the same way): beyond it a link that asks is dropped. */
export const PROPOSED_BYTES_HARD_MAX = 256 * 1024 * 1024;
/** Bytes that a learner has forwarded and has no answer to: beyond it its clients' input waits. */
export const FORWARDED_BYTES_MAX = 16 * 1024 * 1024;
/** What a forwarded request costs beside its bytes, at least: FORWARDED_BYTES_MAX bounds the small ones, syncs among them. */
export const FORWARDED_EXTRA_BYTES = 32;
/** Questions of one learner (SYNC, REVALIDATE) that wait for commits: more than that bound lets a learner of ours have. */
export const LINK_OWED_MAX = 768 * 1024;
