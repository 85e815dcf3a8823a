/** The client protocol as the campaign speaks it: requests to bytes, frames to replies and events. */
import { Reader } from "../../src/jute/reader.ts";
import { Writer } from "../../src/jute/writer.ts";
import { Op, Xid } from "../../src/protocol/ops.ts";
import { NO_RESULT } from "./requests.ts";
import type { PartRequest, PartResult, Request, Result, Stat } from "./requests.ts";

const TYPE_OF: Readonly<Record<Request["op"] | "check", number>> = {
  create: Op.create,
  delete: Op.delete,
  setData: Op.setData,
  check: Op.check,
  multi: Op.multi,
  getData: Op.getData,
  exists: Op.exists,
  getChildren: Op.getChildren2,
  addWatch: Op.addWatch,
  removeWatches: Op.removeWatches,
  setWatches: Op.setWatches2,
  sync: Op.sync,
  ping: Op.ping,
  close: Op.closeSession,
};
const ANY_WATCH = 3;
const FIELD_BYTES_MAX = 8 * 1024 * 1024;

const writer = new Writer(4096);
const reader = new Reader(FIELD_BYTES_MAX);

export interface ConnectAsk {
  readonly lastZxidSeen: number;
  readonly timeoutMs: number;
  readonly sessionId: bigint;
  readonly password: Uint8Array;
}

export interface ConnectAnswer {
  readonly timeoutMs: number;
  readonly sessionId: bigint;
  readonly password: Uint8Array;
}

export const NO_PASSWORD = new Uint8Array(16);

function framed(write: (w: Writer) => void): Uint8Array {
  writer.pos = 0;
  writer.int32(0);
  write(writer);
  writer.patchInt32(0, writer.pos - 4);
  return writer.written().slice();
}

export function connectFrame(ask: ConnectAsk): Uint8Array {
  return framed((w) => {
    w.int32(0);
    w.int64Number(ask.lastZxidSeen);
    w.int32(ask.timeoutMs);
    w.int64(ask.sessionId);
    w.buffer(ask.password);
    w.bool(false);
  });
}

export function requestFrame(xid: number, request: Request): Uint8Array {
  return framed((w) => {
    w.int32(request.op === "ping" ? Xid.ping : xid);
    w.int32(TYPE_OF[request.op]);
    writeBody(w, request);
  });
}

function writeBody(w: Writer, request: Request): void {
  switch (request.op) {
    case "create":
    case "delete":
    case "setData":
      return writePart(w, request);
    case "multi":
      for (const part of request.parts) {
        writeMultiHeader(w, TYPE_OF[part.op], false);
        writePart(w, part);
      }
      return writeMultiHeader(w, -1, true);
    case "getData":
    case "exists":
    case "getChildren":
      w.ustring(request.path);
      return w.bool(request.watch);
    case "addWatch":
      w.ustring(request.path);
      return w.int32(request.recursive ? 1 : 0);
    case "removeWatches":
      w.ustring(request.path);
      return w.int32(ANY_WATCH);
    case "setWatches": {
      w.int64Number(request.relativeZxid);
      const { data, exist, child, persistent, recursive } = request;
      for (const paths of [data, exist, child, persistent, recursive]) {
        w.int32(paths.length);
        for (const path of paths) w.ustring(path);
      }
      return;
    }
    case "sync":
      return w.ustring("/");
    case "ping":
    case "close":
      return;
  }
}

function writeMultiHeader(w: Writer, type: number, done: boolean): void {
  w.int32(type);
  w.bool(done);
  w.int32(-1);
}

function writePart(w: Writer, part: PartRequest): void {
  w.ustring(part.path);
  if (part.op === "create") {
    w.ustring(part.data);
    w.int32(1);
    w.int32(31);
    w.ustring("world");
    w.ustring("anyone");
    return w.int32(part.flags);
  }
  if (part.op === "setData") w.ustring(part.data);
  w.int32(part.version);
}

export function readConnectAnswer(frame: Uint8Array): ConnectAnswer {
  const r = reader.reset(frame, 0, frame.length);
  r.int32();
  const timeoutMs = r.int32(), sessionId = r.int64(), password = r.buffer() ?? NO_PASSWORD;
  return { timeoutMs, sessionId, password };
}

export interface Header {
  readonly xid: number;
  readonly zxid: number;
  readonly err: number;
}

/** Leaves the reader behind the header, for `readResult` or `readEvent`. */
export function readHeader(bytes: Uint8Array, start: number, end: number): Header {
  const r = reader.reset(bytes, start, end);
  return { xid: r.int32(), zxid: r.int64Number(), err: r.int32() };
}

export function readEvent(): { type: number; path: string } {
  const type = reader.int32();
  reader.int32();
  return { type, path: reader.ustring() ?? "" };
}

/** Of the frame whose header was read last; only for a reply without an error. */
export function readResult(op: Request["op"]): Result {
  const r = reader;
  switch (op) {
    case "create":
      return { path: r.ustring() ?? "" };
    case "setData":
    case "exists":
      return { stat: readStat(r) };
    case "getData": {
      const data = r.ustring() ?? "";
      return { data, stat: readStat(r) };
    }
    case "getChildren": {
      const children: string[] = [];
      for (let left = r.vectorCount(); left > 0; left--) children.push(r.ustring() ?? "");
      return { children: children.sort(), stat: readStat(r) };
    }
    case "multi":
      return { parts: readParts(r) };
    default:
      return NO_RESULT;
  }
}

function readParts(r: Reader): PartResult[] {
  const parts: PartResult[] = [];
  for (;;) {
    const type = r.int32(), done = r.bool(), err = r.int32();
    if (done) return parts;
    if (type === -1) parts.push({ err: r.int32() });
    else if (type === Op.create) parts.push({ err, path: r.ustring() ?? "" });
    else if (type === Op.setData) parts.push({ err, stat: readStat(r) });
    else parts.push({ err });
  }
}

function readStat(r: Reader): Stat {
  return {
    czxid: r.int64Number(),
    mzxid: r.int64Number(),
    ctime: r.int64Number(),
    mtime: r.int64Number(),
    version: r.int32(),
    cversion: r.int32(),
    aversion: r.int32(),
    owner: r.int64(),
    dataLength: r.int32(),
    numChildren: r.int32(),
    pzxid: r.int64Number(),
  };
}
