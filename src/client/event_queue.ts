/** Values pushed, and pulled by `for await`: what comes while nobody waits is kept in order. Its owner bounds it. */
import { Fifo } from "../base/fifo.ts";

export class EventQueue<T> implements AsyncIterableIterator<T> {
  readonly #values = new Fifo<T>();
  #waiting: { resolve(result: IteratorResult<T>): void; reject(error: Error): void }[] = [];
  #isEnded = false;
  #error: Error | undefined;
  readonly #onReturn: () => void;

  /** @param onReturn the reader left its loop early */
  constructor(onReturn: () => void = () => {}) {
    this.#onReturn = onReturn;
  }

  /** Values that nobody has taken. */
  get size(): number {
    return this.#values.size;
  }
  get isEnded(): boolean {
    return this.#isEnded;
  }

  push(value: T): void {
    if (this.#isEnded) return;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#values.push(value);
    else waiting.resolve({ done: false, value });
  }

  /** Instead of what nobody has taken: for readers who want the latest alone. */
  replace(value: T): void {
    this.#values.clear();
    this.push(value);
  }

  /** Readers get what is kept, then the end, or the error once. */
  end(error?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const reader of waiting) this.#finish(reader);
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#values.size > 0) {
      return Promise.resolve({ done: false, value: this.#values.shift() as T });
    }
    return new Promise((resolve, reject) => {
      const reader = { resolve, reject };
      if (this.#isEnded) this.#finish(reader);
      else this.#waiting.push(reader);
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.end();
    this.#values.clear();
    this.#onReturn();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #finish(reader: { resolve(result: IteratorResult<T>): void; reject(error: Error): void }): void {
    const error = this.#error;
    this.#error = undefined;
    if (error === undefined) reader.resolve({ done: true, value: undefined });
    else reader.reject(error);
  }
}
