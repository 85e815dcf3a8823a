/**
 * Requests as bytes, made before the run: a ring of frames that all connections send from, each from a place of its own.
 * A request's xid is its place in the ring plus one, which is what its reply is checked against.
 */
import { Prng } from "../base/random.ts";
import { Writer } from "../jute/writer.ts";
import { Op, Xid } from "../protocol/ops.ts";
import { LOAD_OPS, type LoadOp, type LoadOptions } from "./options.ts";

const RING_BYTES_MAX = 48 * 1024 * 1024;
/** Of all connections together, when each needs bytes of its own. */
const FRESH_BYTES_MAX = 256 * 1024 * 1024;
const RING_FRAMES_MAX = 1 << 20;
const REPLY_HEADER_BYTES = 16;
const STAT_BYTES = 68;
/** Of a reply whose length is not known before. */
export const ANY_LENGTH = -1;
const PERMS_ALL = 31;
export const CLOSE_XID = 0x7fff_fff0;

export interface Ring {
  readonly bytes: Uint8Array;
  /** Where frame i begins; one more at the end. */
  readonly starts: Int32Array;
  /** What the length prefix of its reply must be, or ANY_LENGTH. */
  readonly replyLengths: Int32Array;
  readonly frames: number;
  /** 1 for frames whose path is made new before each use. */
  readonly isCreate: Uint8Array;
  /** Where the digits of a create's path begin in its frame. */
  readonly createDigitsAt: number;
}

/** 15 bytes below /bench, as in the trials of the performance notes. */
export function znodePath(base: string, index: number): string {
  return `${base}/z${String(index).padStart(7, "0")}`;
}

export function connectFrame(timeoutMs = 30_000): Uint8Array {
  return framed((w) => {
    w.int32(0);
    w.int64Number(0);
    w.int32(timeoutMs);
    w.int64Number(0);
    w.buffer(new Uint8Array(16));
    w.bool(false);
  });
}

export function pingFrame(): Uint8Array {
  return framed((w) => {
    w.int32(Xid.ping);
    w.int32(Op.ping);
  });
}

export function closeFrame(): Uint8Array {
  return framed((w) => {
    w.int32(CLOSE_XID);
    w.int32(Op.closeSession);
  });
}

export function setDataFrame(xid: number, path: string, data: Uint8Array): Uint8Array {
  return framed((w) => writeOp(w, "setData", xid, path, data));
}

export function createFrame(xid: number, path: string, data: Uint8Array): Uint8Array {
  return framed((w) => writeOp(w, "create", xid, path, data));
}

export function deleteFrame(xid: number, path: string): Uint8Array {
  return framed((w) => {
    w.int32(xid);
    w.int32(Op.delete);
    w.ustring(path);
    w.int32(-1);
  });
}

/** Without the length in front. */
function writeOp(w: Writer, op: LoadOp, xid: number, path: string, data: Uint8Array): void {
  w.int32(xid);
  w.int32(Op[op]);
  w.ustring(path);
  switch (op) {
    case "getData":
    case "exists":
    case "getChildren":
      return w.bool(false);
    case "setData":
      w.buffer(data);
      return w.int32(-1);
    case "create":
      w.buffer(data);
      w.int32(1);
      w.int32(PERMS_ALL);
      w.ustring("world");
      w.ustring("anyone");
      w.int32(0);
  }
}

function replyLength(op: LoadOp, dataBytes: number, createPathBytes: number): number {
  switch (op) {
    case "getData":
      return REPLY_HEADER_BYTES + 4 + dataBytes + STAT_BYTES;
    case "exists":
    case "setData":
      return REPLY_HEADER_BYTES + STAT_BYTES;
    case "create":
      return REPLY_HEADER_BYTES + 4 + createPathBytes;
    case "getChildren":
      return ANY_LENGTH;
  }
}

/** Requests of the mix over znodes at random, each znode about as often as any other. */
export function ringOf(options: LoadOptions): Ring {
  const { base, window, znodes, constant, connections } = options;
  const random = new Prng(options.seed);
  const data = noise(options.dataBytes, random);
  const order = shuffled(Math.min(znodes, RING_FRAMES_MAX), znodes, random);
  const drawn = drawer(options, random);
  const atLeast = Math.max(2 * window, Math.min(order.length, RING_FRAMES_MAX));
  const bytesMax = hasCreates(options)
    ? Math.min(RING_BYTES_MAX, FRESH_BYTES_MAX / connections)
    : RING_BYTES_MAX;
  const fresh = createPath(base, 0, 0, 0), freshBytes = jutedBytes(fresh);
  const w = new Writer(64 * 1024);
  const starts: number[] = [0], lengths: number[] = [], creates: number[] = [];
  for (let i = 0; i < atLeast; i++) {
    if (w.pos > bytesMax && i >= 2 * window) break;
    const op = drawn(), start = w.pos;
    w.int32(0);
    writeOp(w, op, i + 1, pathOf(options, op, order[i % order.length] as number, fresh), data);
    w.patchInt32(start, w.pos - start - 4);
    starts.push(w.pos);
    lengths.push(constant ? ANY_LENGTH : replyLength(op, data.length, freshBytes));
    creates.push(op === "create" ? 1 : 0);
  }
  return {
    bytes: w.written().slice(),
    starts: Int32Array.from(starts),
    replyLengths: Int32Array.from(lengths),
    frames: lengths.length,
    isCreate: Uint8Array.from(creates),
    createDigitsAt: CREATE_PATH_AT + freshBytes - RUN_DIGITS - CONNECTION_DIGITS - COUNT_DIGITS,
  };
}

export function hasCreates({ mix }: LoadOptions): boolean {
  return (mix.create ?? 0) > 0;
}

function pathOf({ base }: LoadOptions, op: LoadOp, znode: number, fresh: string): string {
  if (op === "create") return fresh;
  return op === "getChildren" ? base : znodePath(base, znode);
}

/** Draws operations by their weights. */
function drawer({ mix }: LoadOptions, random: Prng): () => LoadOp {
  const total = LOAD_OPS.reduce((sum, op) => sum + (mix[op] ?? 0), 0);
  return () => {
    let at = random.below(total);
    for (const op of LOAD_OPS) {
      at -= mix[op] ?? 0;
      if (at < 0) return op;
    }
    return "getData";
  };
}

const RUN_DIGITS = 6;
const CONNECTION_DIGITS = 5;
const COUNT_DIGITS = 9;

/** In a frame: after length, xid, type and the path's own length. */
const CREATE_PATH_AT = 16;

function jutedBytes(text: string): number {
  const w = new Writer(256);
  w.ustring(text);
  return w.pos - 4;
}

/** The path of create `count` of a connection. */
export function createPath(base: string, run: number, connection: number, count: number): string {
  const digits = (value: number, width: number) => String(value).padStart(width, "0");
  return `${base}/c${digits(run, RUN_DIGITS)}${digits(connection, CONNECTION_DIGITS)}${
    digits(count, COUNT_DIGITS)
  }`;
}

/** Makes the path of create `frame` in the ring's bytes one that was never used: run, connection and count as digits. */
export function patchCreate(
  ring: Ring,
  frame: number,
  run: number,
  connection: number,
  count: number,
): void {
  const { bytes } = ring, at = (ring.starts[frame] as number) + ring.createDigitsAt;
  putDigits(bytes, at, RUN_DIGITS, run);
  putDigits(bytes, at + RUN_DIGITS, CONNECTION_DIGITS, connection);
  putDigits(bytes, at + RUN_DIGITS + CONNECTION_DIGITS, COUNT_DIGITS, count);
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

/** Frames end to end, none of them made new, whose replies may be of any length. */
export function joined(frames: readonly Uint8Array[]): Ring {
  const starts = new Int32Array(frames.length + 1);
  for (const [i, one] of frames.entries()) starts[i + 1] = (starts[i] as number) + one.length;
  const bytes = new Uint8Array(starts[frames.length] as number);
  for (const [i, one] of frames.entries()) bytes.set(one, starts[i] as number);
  return {
    bytes,
    starts,
    replyLengths: new Int32Array(frames.length).fill(ANY_LENGTH),
    frames: frames.length,
    isCreate: new Uint8Array(frames.length),
    createDigitsAt: 0,
  };
}

function framed(body: (w: Writer) => void): Uint8Array {
  const w = new Writer(256);
  w.int32(0);
  body(w);
  w.patchInt32(0, w.pos - 4);
  return w.written().slice();
}
