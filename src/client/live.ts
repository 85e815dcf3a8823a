/**
 * A value kept up to date: read with a one-shot watch, read again when it fires or the connection was away. The last read
 * follows the last change, so the final state is never missed; states in between may be.
 */
import { invariant } from "../base/invariant.ts";
import { EventQueue } from "./event_queue.ts";
import type { ZkError } from "./errors.ts";
import type { SessionState } from "./session_machine.ts";
import { guarded } from "./watch_events.ts";
import type { EndedEvent, WatchSink } from "./watch_events.ts";

export interface LiveSource<T> {
  /** Reads and leaves a watch for the next change. */
  read(sink: WatchSink): Promise<T>;
  /** Whether two values are the same to the caller. */
  same(a: T, b: T): boolean;
  onState(listener: (state: SessionState) => void): () => void;
  /** Lets go of the watches that reads left with this sink. */
  forget(sink: WatchSink): void;
  /** Before a read that was turned away for now is made again. */
  pause(): Promise<void>;
}

/** Turned away, not refused: the value can still be had a little later. */
const TURNED_AWAY: ReadonlySet<string> = new Set(["THROTTLED_OP", "QUEUE_FULL", "SESSION_MOVED"]);

/**
 * @example
 * await using config = await zk.watchValue("/config");
 * for await (const value of config) apply(value?.data);
 */
export class Live<T> implements WatchSink, AsyncIterable<T>, AsyncDisposable {
  readonly #source: LiveSource<T>;
  readonly #listeners = new Set<(value: T) => void>();
  readonly #readers = new Set<EventQueue<T>>();
  readonly #stopListening: () => void;
  #current: T | undefined;
  #hasValue = false;
  #isStale = true;
  #isReading = false;
  #isOpen = true;
  #error: ZkError | undefined;
  #first: { resolve(): void; reject(error: ZkError): void } | undefined;

  private constructor(source: LiveSource<T>) {
    this.#source = source;
    this.#stopListening = source.onState((state) => {
      if (state === "connected" || state === "connectedReadOnly") this.#refresh();
    });
  }

  /**
   * Resolves with the first value read.
   * @param limit arms what gives up waiting for it; returns what disarms that
   * @throws {ZkError} why there is none, such as NO_AUTH
   */
  static async open<T>(
    source: LiveSource<T>,
    limit: (giveUp: (error: ZkError) => void) => (() => void) | undefined,
  ): Promise<Live<T>> {
    const live = new Live(source);
    let release: (() => void) | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        live.#first = { resolve, reject };
        release = limit((error) => live.#stop(error));
        live.#refresh();
      });
    } finally {
      release?.();
    }
    return live;
  }

  /** The latest value read; undefined (of a value): there is no such node. */
  get current(): T {
    return this.#current as T;
  }
  /** Why it is kept up to date no longer; undefined while it is, and after `close`. */
  get error(): ZkError | undefined {
    return this.#error;
  }

  /** Called with each new value from now on. @returns what takes the listener away */
  onChange(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Never fails. The server's one-shot watch goes too, unless somebody else needs it. */
  close(): Promise<void> {
    this.#stop(undefined);
    return Promise.resolve();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The value now, then each newer one; a slow reader gets the latest alone. Throws when it can be kept no longer. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    const queue: EventQueue<T> = new EventQueue(() => void this.#readers.delete(queue));
    if (this.#hasValue) queue.push(this.#current as T);
    if (this.#isOpen) this.#readers.add(queue);
    else queue.end(this.#error);
    return queue;
  }

  /** For the client: the watch fired. */
  event(): void {
    this.#refresh();
  }
  /** For the client: the session is over. */
  ended(reason: EndedEvent["reason"], error: ZkError | undefined): void {
    // Someone removed all watches of the path; or a close came between the first answer and its reader, who gets that
    // answer still: the next read is refused, which ends this. Stopped here, `open` would wait for ever.
    if (reason === "removed" || (error === undefined && !this.#hasValue)) this.#refresh();
    else this.#stop(error);
  }

  #refresh(): void {
    this.#isStale = true;
    if (this.#isReading || !this.#isOpen) return;
    this.#isReading = true;
    void this.#readUntilFresh();
  }

  /** A change during a read makes it stale again: one more read. */
  async #readUntilFresh(): Promise<void> {
    while (this.#isStale && this.#isOpen) {
      this.#isStale = false;
      try {
        this.#publish(await this.#source.read(this));
      } catch (error) {
        // The next read is queued until there is a connection, so this does not spin.
        const { code } = error as ZkError, isTurnedAway = TURNED_AWAY.has(code);
        if (isTurnedAway) await this.#source.pause();
        if (isTurnedAway || code === "CONNECTION_LOSS") this.#isStale = true;
        else this.#fail(error as ZkError);
      }
    }
    this.#isReading = false;
    if (!this.#isOpen) this.#source.forget(this); // what the last read left
  }

  #publish(value: T): void {
    if (!this.#isOpen) return;
    if (this.#hasValue && this.#source.same(this.#current as T, value)) return;
    this.#current = value;
    this.#hasValue = true;
    this.#first?.resolve();
    for (const queue of this.#readers) queue.replace(value);
    for (const listener of [...this.#listeners]) guarded(() => listener(value));
  }

  /** A client closed on purpose ends what it kept without a word. */
  #fail(error: ZkError): void {
    this.#stop(this.#hasValue && error.code === "CLOSED" ? undefined : error);
  }

  /** @param error given wherever `open` still waits */
  #stop(error: ZkError | undefined): void {
    if (!this.#isOpen) return;
    invariant(
      this.#hasValue || error !== undefined,
      "Whoever waits for a value hears why none comes",
    );
    this.#isOpen = false;
    this.#error = error;
    this.#stopListening();
    this.#source.forget(this);
    if (error !== undefined) this.#first?.reject(error);
    for (const queue of this.#readers) queue.end(error);
    this.#readers.clear();
  }
}
