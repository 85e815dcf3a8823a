/** A connection on which nothing comes in; what is written is up to who extends it. */
import type { Address, Connection } from "../../../src/runtime.ts";

const HERE: Address = { host: "127.0.0.1", port: 1, family: 4 };

export abstract class QuietConnection implements Connection {
  readonly remote = HERE;
  readonly local = HERE;
  #drained: () => void = () => {};

  get bufferedBytes(): number {
    return 0;
  }
  abstract write(view: Uint8Array, done?: () => void): boolean;

  onData(): void {}
  onEnd(): void {}
  onClose(): void {}
  onDrain(handler: () => void): void {
    this.#drained = handler;
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  close(): void {}

  /** Tells its owner that everything has left. */
  protected drained(): void {
    this.#drained();
  }
}
