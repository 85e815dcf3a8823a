/** Bounds of the client, each with its reason. */

/** Flush without waiting for the end of the turn: a write of this size costs as much as its bytes. */
export const FLUSH_BYTES = 64 * 1024;
/** Segments of the outbox: a client that is seldom used has one of the smallest; at most three are kept for reuse. */
export const SEGMENT_BYTES_MIN = 16 * 1024;
export const SEGMENT_BYTES_MAX = 2 * 1024 * 1024;
export const SEGMENTS_KEPT = 3;
/** Requests queued or under way; beyond it a caller does not wait for answers. */
export const REQUESTS_MAX = 1_000_000;
/** Bytes queued and not sent: the servers are away or slow. */
export const QUEUED_BYTES_MAX = 64 * 1024 * 1024;
/** A server's default jute.maxbuffer: a larger frame would cost the connection (client-protocol §1.2). */
export const FRAME_BYTES_MAX = 0xfffff;
/** A reply may be longer than what a server takes: a list of many children (operations §10, complaint 5). */
export const REPLY_BYTES_MAX = 64 * 1024 * 1024;
/** Path text of one setWatches, as Java's client splits it (client-protocol §6.7). */
export const SET_WATCHES_BYTES = 128 * 1024;
/** Events that an iterator holds before it says that there is a gap. */
export const WATCH_EVENTS_MAX = 1024;
/** Longest pause between pings (client-protocol §2.5). */
export const PING_PAUSE_MS_MAX = 10_000;
/** Pauses between looks for a server that takes writes, doubling (operations §9.2). */
export const PROBE_PAUSE_MS_MIN = 100;
export const PROBE_PAUSE_MS_MAX = 60_000;
export const PROBE_TIMEOUT_MS = 1000;
/** Pause after all servers refused, even where no jitter is wanted: a dead ensemble must not cost a core. */
export const ROUND_PAUSE_MS_MIN = 20;
/** Before a kept value is read again that an overloaded server or a full queue turned away. */
export const REREAD_PAUSE_MS = 250;
/** How long an orderly end waits for its answer. */
export const CLOSE_TIMEOUT_MS = 5000;
