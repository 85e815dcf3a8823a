/** Bytes that a connection pushes, for a reader that asks for them. */
import { RuntimeError } from "../runtime.ts";
import type { ByteSource } from "./byte_stream.ts";

/** Above it the connection is asked to pause. */
export const PUSH_PENDING_BYTES = 256 * 1024;
/** Memory that waits is used again: fresh pieces of a long stream were a sixth of its time, as garbage (Node). */
const PIECE_BYTES = 64 * 1024;
const SPARES_MAX = 8;

interface Piece {
  readonly bytes: Uint8Array;
  /** It is filled up to here; what is put back is full. */
  end: number;
  readonly isOurs: boolean;
}

export class PushSource implements ByteSource {
  /** Once after each `push` that said false: half of what waited is taken. */
  onRoom: () => void = () => {};
  readonly #pieces: Piece[] = [];
  readonly #spare: Piece[] = [];
  /** Bytes of the first piece that are taken. */
  #used = 0;
  #pending = 0;
  #wantsRoom = false;
  #end: { readonly error: RuntimeError | undefined } | undefined;
  #wake: (() => void) | undefined;

  /** Bytes pushed and not yet taken. */
  get pendingBytes(): number {
    return this.#pending;
  }

  /** @param chunk copied. @returns false: enough for now, `onRoom` will follow; what is pushed all the same is kept */
  push(chunk: Uint8Array): boolean {
    if (chunk.length > 0) {
      this.#keep(chunk);
      this.#pending += chunk.length;
      this.#wakeReader();
    }
    this.#wantsRoom ||= this.#pending > PUSH_PENDING_BYTES;
    return !this.#wantsRoom;
  }

  /** Nothing more comes. @param error the reader is told, after what was pushed before */
  end(error?: RuntimeError): void {
    this.#end ??= { error };
    this.#wakeReader();
  }

  /** Fills `into` with what is there; waits only when nothing is. One read at a time. */
  async read(into: Uint8Array): Promise<number> {
    while (this.#pending === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    if (this.#pending === 0) {
      if (this.#end?.error !== undefined) throw this.#end.error;
      return 0;
    }
    return this.#take(into);
  }

  /** Back to the front: what a reader took and did not need. */
  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const first = this.#pieces[0];
    if (first !== undefined && this.#used > 0) {
      first.bytes.copyWithin(0, this.#used, first.end);
      first.end -= this.#used;
    }
    this.#used = 0;
    this.#pieces.unshift({ bytes, end: bytes.length, isOurs: false });
    this.#pending += bytes.length;
  }

  /** All that nobody has taken, for whoever goes on with the connection; this source is empty afterwards. */
  takeRest(): Uint8Array {
    const rest = new Uint8Array(this.#pending);
    this.#take(rest);
    return rest;
  }

  #keep(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      let last = this.#pieces.at(-1);
      if (last === undefined || !last.isOurs || last.end === PIECE_BYTES) {
        last = this.#spare.pop() ??
          { bytes: new Uint8Array(PIECE_BYTES), end: 0, isOurs: true };
        this.#pieces.push(last);
      }
      const count = Math.min(chunk.length - at, PIECE_BYTES - last.end);
      last.bytes.set(chunk.subarray(at, at + count), last.end);
      last.end += count;
      at += count;
    }
  }

  #take(into: Uint8Array): number {
    let have = 0;
    for (let piece = this.#pieces[0]; piece !== undefined && have < into.length;) {
      const count = Math.min(into.length - have, piece.end - this.#used);
      into.set(piece.bytes.subarray(this.#used, this.#used + count), have);
      have += count;
      this.#used += count;
      if (this.#used < piece.end) break;
      this.#pieces.shift();
      this.#used = 0;
      if (piece.isOurs && this.#spare.length < SPARES_MAX) {
        piece.end = 0;
        this.#spare.push(piece);
      }
      piece = this.#pieces[0];
    }
    this.#pending -= have;
    if (this.#wantsRoom && this.#pending <= PUSH_PENDING_BYTES / 2) {
      this.#wantsRoom = false;
      this.onRoom();
    }
    return have;
  }

  #wakeReader(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
