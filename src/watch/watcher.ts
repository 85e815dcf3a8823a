import type { Zxid } from "../base/zxid.ts";
import type { EventType } from "../protocol/watch_types.ts";

/** A connection, as the watch tables see it. Compared by identity; it must not register once it was dropped. */
export interface Watcher {
  readonly watcherId: number;
  /** Queues a notification; the READ filter against `aclId` is the watcher's own (client-protocol §6.5). */
  deliver(type: EventType, path: string, zxid: Zxid, aclId: number): void;
}
