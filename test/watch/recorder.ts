/** A connection that writes down what it is told, with the READ filter of client-protocol §6.5 before it. */
import type { Zxid } from "../../src/base/zxid.ts";
import { EventType } from "../../src/protocol/watch_types.ts";
import type { Watcher } from "../../src/watch/watcher.ts";

/** ACL ids that a recorder may not read. */
export const UNREADABLE = 99;
export const OPEN = 1;

const NAMES = new Map<number, string>([
  [EventType.nodeCreated, "Created"],
  [EventType.nodeDeleted, "Deleted"],
  [EventType.nodeDataChanged, "Data"],
  [EventType.nodeChildrenChanged, "Children"],
]);

export class Recorder implements Watcher {
  readonly watcherId: number;
  readonly #told: string[] = [];
  onDeliver: (() => void) | undefined;

  constructor(watcherId = 1) {
    this.watcherId = watcherId;
  }

  deliver(type: EventType, path: string, zxid: Zxid, aclId: number): void {
    if (aclId !== UNREADABLE) this.#told.push(`${NAMES.get(type) ?? "?"} ${path} ${zxid}`);
    this.onDeliver?.();
  }

  /** What came since the last call, as `Created /a 5`. */
  take(): string[] {
    return this.#told.splice(0);
  }
}
