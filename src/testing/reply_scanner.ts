/** Finds the heads of frames in what a server writes, however it is cut into writes. */
import { viewOf } from "../jute/writer.ts";

/** Length and ReplyHeader; in the answer to a connect the session id ends there too. */
const HEAD_BYTES = 20;

export interface Found<T> {
  readonly found: T;
  readonly bytesBefore: number;
}

export class ReplyScanner {
  readonly #head = new Uint8Array(HEAD_BYTES);
  readonly #view = viewOf(this.#head);
  #headBytes = 0;
  /** Of the frame under way, behind its head. */
  #skipBytes = 0;

  /** Whether the last frame scanned is whole. */
  get isBetweenFrames(): boolean {
    return this.#headBytes === 0 && this.#skipBytes === 0;
  }

  /**
   * Stops before the first frame in which `find` finds something.
   * @returns that, and the bytes of `view` before the frame; undefined when all may pass
   */
  scan<T>(view: Uint8Array, find: (head: DataView) => T | undefined): Found<T> | undefined {
    let at = 0, start = 0;
    while (at < view.length) {
      if (this.#skipBytes > 0) {
        const count = Math.min(this.#skipBytes, view.length - at);
        at += count;
        this.#skipBytes -= count;
        continue;
      }
      if (this.#headBytes === 0) start = at;
      const wanted = this.#headBytes < 4 ? 4 : Math.min(HEAD_BYTES, 4 + this.#frameBytes());
      const count = Math.min(wanted - this.#headBytes, view.length - at);
      this.#head.set(view.subarray(at, at + count), this.#headBytes);
      at += count;
      this.#headBytes += count;
      if (this.#headBytes < 4) continue;
      const frameBytes = this.#frameBytes();
      if (this.#headBytes < Math.min(HEAD_BYTES, 4 + frameBytes)) continue;
      const found = frameBytes >= HEAD_BYTES - 4 ? find(this.#view) : undefined;
      if (found !== undefined) return { found, bytesBefore: start };
      this.#skipBytes = 4 + frameBytes - this.#headBytes;
      this.#headBytes = 0;
    }
    return undefined;
  }

  #frameBytes(): number {
    return this.#view.getInt32(0);
  }
}
