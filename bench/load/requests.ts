/**
 * Requests as bytes, made before the run: a ring of frames that all connections send from, each from a place of its own.
 * A request's xid is its place in the ring plus one, which is what its reply is checked against.
 */
import { Prng } from "../../src/base/random.ts";
import { Writer } from "../../src/jute/writer.ts";
import { Op } from "../../src/protocol/ops.ts";
import type { LoadOptions } from "./options.ts";

export const BASE_PATH = "/bench";
const RING_BYTES_MAX = 8 * 1024 * 1024;
const RING_FRAMES_MAX = 65_536;
const REPLY_HEADER_BYTES = 16;
const STAT_BYTES = 68;
/** Of a reply whose length is not known before. */
export const ANY_LENGTH = -1;
const PERMS_ALL = 31;

export interface Ring {
  readonly bytes: Uint8Array;
  /** Where frame i begins; one more at the end. */
  readonly starts: Int32Array;
  /** What the length prefix of its reply must be, or ANY_LENGTH. */
  readonly replyLengths: Int32Array;
  readonly frames: number;
}

/** 15 bytes, as in the trials of the performance notes. */
export function znodePath(index: number): string {
  return `${BASE_PATH}/z${String(index).padStart(7, "0")}`;
}

export function connectFrame(): Uint8Array {
  return frame((w) => {
    w.int32(0);
    w.int64Number(0);
    w.int32(30_000);
    w.int64Number(0);
    w.buffer(new Uint8Array(16));
    w.bool(false);
  });
}

export function getDataFrame(xid: number, path: string): Uint8Array {
  return frame((w) => {
    w.int32(xid);
    w.int32(Op.getData);
    w.ustring(path);
    w.bool(false);
  });
}

export function setDataFrame(xid: number, path: string, data: Uint8Array): Uint8Array {
  return frame((w) => {
    w.int32(xid);
    w.int32(Op.setData);
    w.ustring(path);
    w.buffer(data);
    w.int32(-1);
  });
}

export function createFrame(xid: number, path: string, data: Uint8Array): Uint8Array {
  return frame((w) => {
    w.int32(xid);
    w.int32(Op.create);
    w.ustring(path);
    w.buffer(data);
    w.int32(1);
    w.int32(PERMS_ALL);
    w.ustring("world");
    w.ustring("anyone");
    w.int32(0);
  });
}

export function getChildrenFrame(xid: number, path: string): Uint8Array {
  return frame((w) => {
    w.int32(xid);
    w.int32(Op.getChildren);
    w.ustring(path);
    w.bool(false);
  });
}

/** Requests of `options.load` over znodes at random, each znode about as often as any other. */
export function ringOf(options: LoadOptions): Ring {
  const random = new Prng(options.seed);
  const data = noise(options.dataBytes, random);
  const order = shuffled(Math.min(options.znodes, RING_FRAMES_MAX), options.znodes, random);
  const frames: Uint8Array[] = [];
  const lengths: number[] = [];
  const atLeast = Math.max(2 * options.window, Math.min(order.length, RING_FRAMES_MAX));
  for (let i = 0, bytes = 0; i < atLeast; i++) {
    if (bytes > RING_BYTES_MAX && i >= 2 * options.window) break;
    const { request, replyLength } = requestOf(
      options,
      i + 1,
      order[i % order.length] as number,
      data,
      random,
    );
    frames.push(request);
    lengths.push(options.constant ? ANY_LENGTH : replyLength);
    bytes += request.length;
  }
  return joined(frames, lengths);
}

function requestOf(
  options: LoadOptions,
  xid: number,
  znode: number,
  data: Uint8Array,
  random: Prng,
): { request: Uint8Array; replyLength: number } {
  const path = znodePath(znode);
  const read = {
    request: getDataFrame(xid, path),
    replyLength: REPLY_HEADER_BYTES + 4 + data.length + STAT_BYTES,
  };
  const write = {
    request: setDataFrame(xid, path, data),
    replyLength: REPLY_HEADER_BYTES + STAT_BYTES,
  };
  switch (options.load) {
    case "getData":
      return read;
    case "setData":
      return write;
    case "mixed":
      return random.below(100) < options.readPercent ? read : write;
    case "create": {
      const fresh = createPath(0, 0, 0);
      return {
        request: createFrame(xid, fresh, data),
        replyLength: REPLY_HEADER_BYTES + 4 + fresh.length,
      };
    }
    case "getChildren":
      return { request: getChildrenFrame(xid, BASE_PATH), replyLength: ANY_LENGTH };
  }
}

const CREATE_RUN_DIGITS = 6;
const CREATE_CONNECTION_DIGITS = 5;
const CREATE_COUNT_DIGITS = 9;
/** Where the digits of a create's path begin in its frame: length, xid, type, path length, then "/bench/c". */
const CREATE_DIGITS_AT = 16 + BASE_PATH.length + 2;

function createPath(run: number, connection: number, count: number): string {
  const digits = (value: number, width: number) => String(value).padStart(width, "0");
  return `${BASE_PATH}/c${digits(run, CREATE_RUN_DIGITS)}${
    digits(connection, CREATE_CONNECTION_DIGITS)
  }${digits(count, CREATE_COUNT_DIGITS)}`;
}

/** Makes the path of a create in the ring's bytes one that was never used: run, connection and count as digits. */
export function patchCreate(
  bytes: Uint8Array,
  frameAt: number,
  run: number,
  connection: number,
  count: number,
): void {
  const at = frameAt + CREATE_DIGITS_AT;
  putDigits(bytes, at, CREATE_RUN_DIGITS, run);
  putDigits(bytes, at + CREATE_RUN_DIGITS, CREATE_CONNECTION_DIGITS, connection);
  putDigits(bytes, at + CREATE_RUN_DIGITS + CREATE_CONNECTION_DIGITS, CREATE_COUNT_DIGITS, count);
}

function putDigits(bytes: Uint8Array, at: number, width: number, value: number): void {
  for (let i = at + width - 1; i >= at; i--) {
    bytes[i] = 0x30 + (value % 10);
    value = Math.floor(value / 10);
  }
}

export function noise(count: number, random: Prng): Uint8Array {
  const bytes = new Uint8Array(count);
  random.fill(bytes);
  return bytes;
}

/** `count` different numbers below `limit` in random order (with repeats when that is simpler: limit beyond the ring). */
function shuffled(count: number, limit: number, random: Prng): number[] {
  if (limit > count) return Array.from({ length: count }, () => random.below(limit));
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const other = random.below(i + 1);
    [order[i], order[other]] = [order[other] as number, order[i] as number];
  }
  return order;
}

/** Frames end to end. */
export function joined(frames: readonly Uint8Array[], replyLengths: readonly number[]): Ring {
  const starts = new Int32Array(frames.length + 1);
  for (const [i, one] of frames.entries()) starts[i + 1] = (starts[i] as number) + one.length;
  const bytes = new Uint8Array(starts[frames.length] as number);
  for (const [i, one] of frames.entries()) bytes.set(one, starts[i] as number);
  return { bytes, starts, replyLengths: Int32Array.from(replyLengths), frames: frames.length };
}

function frame(body: (w: Writer) => void): Uint8Array {
  const w = new Writer(256);
  w.int32(0);
  body(w);
  w.patchInt32(0, w.pos - 4);
  return w.written().slice();
}
