/** One persistent watch: a callback or an async iterator, until it is closed (client-protocol §6.3, §6.6). */
import type { EndedEvent, WatchEvent, WatchListener, WatchSink } from "./watch_events.ts";
import { WatchQueue } from "./watch_events.ts";
import type { ZkError } from "./errors.ts";

export type WatchMode = "persistent" | "recursive";

export class Watch implements WatchSink, AsyncIterable<WatchEvent>, AsyncDisposable {
  /** As the caller wrote it. */
  readonly path: string;
  readonly mode: WatchMode;
  readonly #listener: WatchListener | undefined;
  readonly #queue: WatchQueue;
  readonly #remove: (watch: Watch) => Promise<void>;
  #closing: Promise<void> | undefined;

  constructor(
    path: string,
    mode: WatchMode,
    listener: WatchListener | undefined,
    bufferMax: number | undefined,
    remove: (watch: Watch) => Promise<void>,
  ) {
    this.path = path;
    this.mode = mode;
    this.#listener = listener;
    this.#remove = remove;
    this.#queue = new WatchQueue(bufferMax, () => void this.close());
  }

  /** For the client: an event of this watch. */
  event(event: WatchEvent): void {
    const listener = this.#listener;
    if (listener === undefined) this.#queue.event(event);
    else listener(event);
  }

  /** For the client: no more events. */
  ended(reason: EndedEvent["reason"], error: ZkError | undefined): void {
    this.#closing ??= Promise.resolve();
    const listener = this.#listener;
    if (listener !== undefined) listener({ type: "ended", reason });
    else if (reason === "removed") this.#queue.close();
    else this.#queue.ended(reason, error);
  }

  /** Ends this watch here and, if it was the last of its kind on the path, at the server. Never fails. */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = this.#remove(this);
      this.#queue.close();
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Changes in the order of their zxids; leaving the loop closes the watch. */
  [Symbol.asyncIterator](): AsyncIterator<WatchEvent> {
    return this.#queue[Symbol.asyncIterator]();
  }
}
