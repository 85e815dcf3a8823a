/** gzip by the host's zlib. A `Transform` is driven chunk by chunk: what it gave by the time a write is done is the output. */
import { createGunzip, createGzip } from "node:zlib";
import type { Gunzip, Gzip as GzipTransform } from "node:zlib";
import type { Gzip, GzipStream } from "../../src/runtime.ts";
import { mapError } from "./errors.ts";

class TransformStream implements GzipStream {
  readonly #transform: Gunzip | GzipTransform;
  readonly #what: string;
  #pieces: Uint8Array[] = [];
  #failure: Error | undefined;
  #settle: ((error?: Error | null) => void) | undefined;

  constructor(transform: Gunzip | GzipTransform, what: string) {
    this.#transform = transform;
    this.#what = what;
    transform.on("data", (piece: Uint8Array) => this.#pieces.push(piece));
    transform.on("error", (error: Error) => {
      this.#failure = error;
      this.#settle?.(error);
    });
  }

  push(chunk: Uint8Array): Promise<Uint8Array> {
    return this.#run((settle) => this.#transform.write(chunk, settle));
  }

  end(): Promise<Uint8Array> {
    return this.#run((settle) => {
      // zlib takes no bytes at all for a whole member.
      if (this.#what === "decompress" && this.#transform.bytesWritten === 0) {
        return settle(new Error("there are no bytes"));
      }
      this.#transform.once("end", settle);
      this.#transform.end();
    });
  }

  #run(start: (settle: (error?: Error | null) => void) => void): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const settle = (error?: Error | null): void => {
        this.#settle = undefined;
        if (error) reject(mapError(error, this.#what));
        else resolve(this.#take());
      };
      if (this.#failure !== undefined) return settle(this.#failure);
      this.#settle = settle;
      start(settle);
    });
  }

  #take(): Uint8Array {
    const pieces = this.#pieces;
    this.#pieces = [];
    const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }
}

export function nodeGzip(): Gzip {
  return {
    compressor: () => new TransformStream(createGzip(), "compress"),
    decompressor: () => new TransformStream(createGunzip(), "decompress"),
  };
}
