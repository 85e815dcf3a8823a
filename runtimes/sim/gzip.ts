/** gzip without compression (stored blocks), read with it: RFC 1952. Pure, so the same on every engine. */
import { RuntimeError } from "../../src/runtime.ts";
import type { Gzip, GzipStream } from "../../src/runtime.ts";
import { Inflate, InflateError } from "./inflate.ts";
import { label } from "./labels.ts";
import type { Life } from "./life.ts";

const STORED_BYTES_MAX = 0xffff;
const HEADER = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
const FLAG_CHECK = 2;
const FLAG_EXTRA = 4;
const FLAG_NAME = 8;
const FLAG_COMMENT = 16;
const WORK_US = 50;
const COMPRESS = label("compress");
const COMPRESS_END = label("compress end");
const DECOMPRESS = label("decompress");
const DECOMPRESS_END = label("decompress end");

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let word = byte;
  for (let i = 0; i < 8; i++) word = word & 1 ? (word >>> 1) ^ 0xedb88320 : word >>> 1;
  return word;
});

/** CRC-32 (IEEE), continued from `sum`; 0 at the start. */
function crc32(bytes: Uint8Array, sum: number): number {
  let word = ~sum;
  for (const byte of bytes) word = (TABLE[(word ^ byte) & 0xff] ?? 0) ^ (word >>> 8);
  return ~word >>> 0;
}

class Stored implements GzipStream {
  readonly #life: Life;
  #begun = false;
  #sum = 0;
  #size = 0;

  constructor(life: Life) {
    this.#life = life;
  }

  push(chunk: Uint8Array): Promise<Uint8Array> {
    return this.#life.later(WORK_US, COMPRESS, () => {
      const blocks = Math.ceil(chunk.length / STORED_BYTES_MAX);
      const out: number[] = this.#header();
      const packed = new Uint8Array(out.length + chunk.length + 5 * blocks);
      packed.set(out);
      let to = out.length;
      for (let at = 0; at < chunk.length; at += STORED_BYTES_MAX) {
        const part = chunk.subarray(at, at + STORED_BYTES_MAX);
        packed.set([0, ...u16(part.length), ...u16(part.length ^ 0xffff)], to);
        packed.set(part, to + 5);
        to += 5 + part.length;
      }
      this.#sum = crc32(chunk, this.#sum);
      this.#size += chunk.length;
      return packed;
    });
  }

  end(): Promise<Uint8Array> {
    return this.#life.later(WORK_US, COMPRESS_END, () => {
      const last = [1, 0, 0, 0xff, 0xff];
      return Uint8Array.from([...this.#header(), ...last, ...u32(this.#sum), ...u32(this.#size)]);
    });
  }

  #header(): number[] {
    if (this.#begun) return [];
    this.#begun = true;
    return [...HEADER];
  }
}

/** Gathers the member and gives it all at the end. */
class Gathered implements GzipStream {
  readonly #life: Life;
  readonly #pieces: Uint8Array[] = [];

  constructor(life: Life) {
    this.#life = life;
  }

  push(chunk: Uint8Array): Promise<Uint8Array> {
    this.#pieces.push(chunk.slice());
    return this.#life.later(WORK_US, DECOMPRESS, () => new Uint8Array(0));
  }

  end(): Promise<Uint8Array> {
    return this.#life.later(WORK_US, DECOMPRESS_END, () => {
      const whole = new Uint8Array(this.#pieces.reduce((sum, piece) => sum + piece.length, 0));
      let at = 0;
      for (const piece of this.#pieces) {
        whole.set(piece, at);
        at += piece.length;
      }
      return member(whole);
    });
  }
}

function member(whole: Uint8Array): Uint8Array {
  try {
    const { bytes, end } = new Inflate(whole, headerBytes(whole)).run();
    if (whole.length !== end + 8) throw new InflateError("unexpected end");
    const trailer = new DataView(whole.buffer, whole.byteOffset + end, 8);
    if (trailer.getUint32(0, true) !== crc32(bytes, 0)) throw new InflateError("checksum differs");
    if (trailer.getUint32(4, true) !== bytes.length) throw new InflateError("length differs");
    return bytes.slice();
  } catch (error) {
    if (!(error instanceof InflateError)) throw error;
    throw new RuntimeError("IO", `Cannot decompress: ${error.message}`);
  }
}

function headerBytes(whole: Uint8Array): number {
  if (whole.length === 0) throw new InflateError("there are no bytes");
  if (whole[0] !== 0x1f || whole[1] !== 0x8b || whole[2] !== 8) {
    throw new InflateError("incorrect header");
  }
  const flags = whole[3] ?? 0;
  let at = HEADER.length;
  if (flags & FLAG_EXTRA) at += 2 + (whole[at] ?? 0) + ((whole[at + 1] ?? 0) << 8);
  for (const flag of [FLAG_NAME, FLAG_COMMENT]) {
    if (flags & flag) at = whole.indexOf(0, at) + 1 || whole.length;
  }
  return flags & FLAG_CHECK ? at + 2 : at;
}

function u16(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff];
}

function u32(value: number): number[] {
  return [...u16(value), ...u16(value >>> 16)];
}

export function simGzip(life: Life): Gzip {
  return { compressor: () => new Stored(life), decompressor: () => new Gathered(life) };
}
