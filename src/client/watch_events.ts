/** What a watcher hears, and who can be one. */
import { misuse, type ZkError } from "./errors.ts";
import { EventQueue } from "./event_queue.ts";
import { WATCH_EVENTS_MAX } from "./limits.ts";

export type ChangeType = "created" | "deleted" | "dataChanged" | "childrenChanged";

export interface ChangeEvent {
  readonly type: ChangeType;
  /** The node that changed; for `childrenChanged` the parent. */
  readonly path: string;
  /** Of the change; -1 where the server does not tell (3.8, and what happened while disconnected). */
  readonly zxid: number;
}

/**
 * Changes may be missing here: the connection was away (persistent watches hear nothing of that time), or an iterator's
 * buffer was full. Read again what you keep.
 */
export interface GapEvent {
  readonly type: "gap";
  readonly reason: "reconnected" | "overflow";
}

/** The last event of a callback: the watch will not fire again. Iterators end or throw instead. */
export interface EndedEvent {
  readonly type: "ended";
  readonly reason: "removed" | "closed" | "expired" | "authFailed";
}

export type WatchEvent = ChangeEvent | GapEvent;
export type WatchListener = (event: WatchEvent | EndedEvent) => void;

/** Where events go. */
export interface WatchSink {
  event(event: WatchEvent): void;
  /** @param error why, unless it was asked for */
  ended(reason: EndedEvent["reason"], error: ZkError | undefined): void;
}

/** A callback, or a {@link WatchQueue}. */
export type Watcher = WatchListener | WatchSink;

/** The same sink for the same listener, so that a listener given twice hears an event once. */
const sinks = new WeakMap<WatchListener, WatchSink>();

export function sinkOf(watcher: Watcher): WatchSink {
  if (typeof watcher !== "function") return watcher;
  const known = sinks.get(watcher);
  if (known !== undefined) return known;
  const sink = new ListenerSink(watcher);
  sinks.set(watcher, sink);
  return sink;
}

class ListenerSink implements WatchSink {
  readonly #listener: WatchListener;

  constructor(listener: WatchListener) {
    this.#listener = listener;
  }

  event(event: WatchEvent): void {
    this.#listener(event);
  }
  ended(reason: EndedEvent["reason"]): void {
    this.#listener({ type: "ended", reason });
  }
}

/** Runs code of the caller's: what it throws surfaces as an unhandled rejection, and stops nothing here. */
export function guarded(body: () => void): void {
  try {
    body();
  } catch (error) {
    void Promise.reject(error instanceof Error ? error : new Error(String(error)));
  }
}

/**
 * Events of one or many watches as an async iterable, one reader at a time. Give it where a watcher is wanted.
 * @example for await (const event of queue) console.log(event.type);
 */
export class WatchQueue implements WatchSink, AsyncIterable<WatchEvent> {
  readonly #queue: EventQueue<WatchEvent>;
  readonly #max: number;

  /**
   * @param max events kept, 1 or more; when they are full, what comes is dropped and one `gap` takes its place
   * @param onReturn called when a reader leaves its loop early
   * @throws {ZkError} BAD_ARGUMENTS
   */
  constructor(max: number = WATCH_EVENTS_MAX, onReturn?: () => void) {
    if (!Number.isSafeInteger(max) || max < 1) {
      const why = `its buffer is to hold ${max} events; give a whole number from 1`;
      throw misuse("watch", undefined, why);
    }
    this.#max = max;
    this.#queue = new EventQueue(onReturn);
  }

  event(event: WatchEvent): void {
    const { size } = this.#queue;
    if (size < this.#max) this.#queue.push(event);
    else if (size === this.#max) this.#queue.push({ type: "gap", reason: "overflow" });
  }

  /** One watch of many may be removed; what ends the session ends the queue. */
  ended(reason: EndedEvent["reason"], error: ZkError | undefined): void {
    if (reason !== "removed") this.#queue.end(error);
  }

  /** Ends the iteration after what is buffered. */
  close(): void {
    this.#queue.end();
  }

  [Symbol.asyncIterator](): AsyncIterator<WatchEvent> {
    return this.#queue;
  }
}
