/** A snapshot's bytes on their way to and from a file: plain, gzip, or snappy-java's framing (storage-format §7.3). */
import { CorruptionError } from "../base/errors.ts";
import { viewOf } from "../jute/writer.ts";
import type { Clock, File, Gzip } from "../runtime.ts";
import type { Compression } from "./names.ts";
import { snappyBound, snappyDecode, snappyEncode } from "./snappy.ts";
import { SNAPPY_HEAD, startsWith } from "./snapshot_format.ts";

/** Takes views that are lent until the call resolves. */
export interface ByteSink {
  write(view: Uint8Array): Promise<void>;
  /** What is left goes to the file; the file stays open. */
  end(): Promise<void>;
  /** Bytes in the file so far. */
  readonly fileBytes: number;
}

export interface ByteSource {
  /** @returns bytes read; 0 at the end. @throws {CorruptionError | RuntimeError} */
  read(into: Uint8Array): Promise<number>;
}

type Encoder = {
  push(chunk: Uint8Array): Promise<Uint8Array> | Uint8Array;
  end(): Promise<Uint8Array> | Uint8Array;
};

export function openSink(file: File, compression: Compression, gzip: Gzip): ByteSink {
  const encoder = encoderOf(compression, gzip);
  let at = 0;
  const put = async (bytes: Uint8Array): Promise<void> => {
    if (bytes.length === 0) return;
    await file.write(bytes, at);
    at += bytes.length;
  };
  return {
    write: async (view) => put(await encoder.push(view)),
    end: async () => put(await encoder.end()),
    get fileBytes() {
      return at;
    },
  };
}

function encoderOf(compression: Compression, gzip: Gzip): Encoder {
  switch (compression) {
    case "":
      return { push: (chunk) => chunk, end: () => new Uint8Array(0) };
    case "gz":
      return gzip.compressor();
    case "snappy":
      return new SnappyEncoder();
  }
}

const SNAPPY_BLOCK_BYTES = 32 * 1024;
const SNAPPY_HEADER = new Uint8Array([...SNAPPY_HEAD, 0, 0, 0, 1, 0, 0, 0, 1]);
const SNAPPY_HEADER_BYTES = 16;
/** Largest block taken from a file. */
const SNAPPY_COMPRESSED_BYTES_MAX = 64 * 1024 * 1024;

class SnappyEncoder implements Encoder {
  #hasBegun = false;

  push(chunk: Uint8Array): Uint8Array {
    const blocks = Math.ceil(chunk.length / SNAPPY_BLOCK_BYTES);
    const out = new Uint8Array(
      SNAPPY_HEADER_BYTES + blocks * (4 + snappyBound(SNAPPY_BLOCK_BYTES)),
    );
    const view = viewOf(out);
    let to = this.#putHeader(out);
    for (let from = 0; from < chunk.length; from += SNAPPY_BLOCK_BYTES) {
      const end = Math.min(from + SNAPPY_BLOCK_BYTES, chunk.length);
      const after = snappyEncode(chunk, from, end, out, to + 4);
      view.setInt32(to, after - to - 4);
      to = after;
    }
    return out.subarray(0, to);
  }

  end(): Uint8Array {
    const out = new Uint8Array(SNAPPY_HEADER_BYTES);
    return out.subarray(0, this.#putHeader(out));
  }

  #putHeader(out: Uint8Array): number {
    if (this.#hasBegun) return 0;
    this.#hasBegun = true;
    out.set(SNAPPY_HEADER);
    return SNAPPY_HEADER_BYTES;
  }
}

export function openSource(file: File, compression: Compression, gzip: Gzip): ByteSource {
  return decoded(new PlainSource(file), compression, gzip);
}

export function decoded(source: ByteSource, compression: Compression, gzip: Gzip): ByteSource {
  switch (compression) {
    case "":
      return source;
    case "gz":
      return new GzipSource(source, gzip);
    case "snappy":
      return new SnappySource(source);
  }
}

/** Other events come between two reads, also when all bytes are there. */
export function yielding(clock: Pick<Clock, "soon">, source: ByteSource): ByteSource {
  return {
    async read(into) {
      await new Promise<void>((resolve) => clock.soon(resolve));
      return source.read(into);
    },
  };
}

class PlainSource implements ByteSource {
  readonly #file: File;
  #at = 0;

  constructor(file: File) {
    this.#file = file;
  }

  async read(into: Uint8Array): Promise<number> {
    const count = await this.#file.read(into, this.#at);
    this.#at += count;
    return count;
  }
}

/** Hands out pieces of any length; a piece is asked for when the last one is used up. */
abstract class PieceSource implements ByteSource {
  #piece = new Uint8Array(0);
  #used = 0;

  /** Undefined at the end. */
  protected abstract next(): Promise<Uint8Array | undefined>;

  async read(into: Uint8Array): Promise<number> {
    while (this.#used === this.#piece.length) {
      const piece = await this.next();
      if (piece === undefined) return 0;
      this.#piece = piece as Uint8Array<ArrayBuffer>;
      this.#used = 0;
    }
    const count = Math.min(into.length, this.#piece.length - this.#used);
    into.set(this.#piece.subarray(this.#used, this.#used + count));
    this.#used += count;
    return count;
  }
}

const GZIP_READ_BYTES = 64 * 1024;

class GzipSource extends PieceSource {
  readonly #source: ByteSource;
  readonly #stream;
  readonly #buffer = new Uint8Array(GZIP_READ_BYTES);
  #hasEnded = false;

  constructor(source: ByteSource, gzip: Gzip) {
    super();
    this.#source = source;
    this.#stream = gzip.decompressor();
  }

  protected async next(): Promise<Uint8Array | undefined> {
    if (this.#hasEnded) return undefined;
    const count = await this.#source.read(this.#buffer);
    if (count > 0) return this.#stream.push(this.#buffer.slice(0, count));
    this.#hasEnded = true;
    return this.#stream.end();
  }
}

class SnappySource extends PieceSource {
  readonly #source: ByteSource;
  #hasBegun = false;

  constructor(source: ByteSource) {
    super();
    this.#source = source;
  }

  protected async next(): Promise<Uint8Array | undefined> {
    if (!this.#hasBegun) await this.#begin();
    const head = new Uint8Array(4);
    const count = await this.#source.read(head);
    if (count === 0) return undefined;
    const length = viewOf(head).getInt32(0);
    if (count < 4 || length <= 0 || length > SNAPPY_COMPRESSED_BYTES_MAX) {
      throw new CorruptionError(`Cannot decode a snappy stream: block length ${length}`);
    }
    return snappyDecode(await this.#block(length));
  }

  async #begin(): Promise<void> {
    this.#hasBegun = true;
    const header = new Uint8Array(SNAPPY_HEADER_BYTES);
    const count = await this.#source.read(header);
    if (count < SNAPPY_HEADER_BYTES || !startsWith(header, SNAPPY_HEAD)) {
      throw new CorruptionError(
        "Cannot decode a snappy stream: it does not begin with snappy-java's header",
      );
    }
  }

  /** Memory grows with the bytes that are there, not with the length claimed. */
  async #block(length: number): Promise<Uint8Array> {
    let block = new Uint8Array(Math.min(length, 2 * SNAPPY_BLOCK_BYTES));
    let have = await this.#source.read(block);
    while (have === block.length && have < length) {
      const larger = new Uint8Array(Math.min(length, have * 2));
      larger.set(block);
      block = larger;
      have += await this.#source.read(block.subarray(have));
    }
    if (have < length) {
      throw new CorruptionError("Cannot decode a snappy stream: it ends inside a block");
    }
    return block;
  }
}
