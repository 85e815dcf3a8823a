/**
 * Packets between learner and leader (peer-protocol §8), without any framing around them:
 *
 *     type:int zxid:long data:buffer authinfo:vector<Id>
 */
import { utf8Encode } from "../base/host.ts";
import type { Zxid } from "../base/zxid.ts";
import { Reader } from "../jute/reader.ts";
import type { Writer } from "../jute/writer.ts";
import type { Identity } from "../protocol/acl.ts";
import { writeLong } from "./notification.ts";
import type { Sid } from "./vote.ts";

export const PacketType = {
  request: 1,
  proposal: 2,
  ack: 3,
  commit: 4,
  ping: 5,
  revalidate: 6,
  sync: 7,
  inform: 8,
  commitAndActivate: 9,
  newLeader: 10,
  followerInfo: 11,
  upToDate: 12,
  diff: 13,
  trunc: 14,
  snap: 15,
  observerInfo: 16,
  leaderInfo: 17,
  ackEpoch: 18,
  informAndActivate: 19,
} as const;

/** Of 3.5 and later. */
export const PROTOCOL_VERSION = 0x10000;
/** Behind the snapshot's stream (§8.2). */
export const SNAPSHOT_SIGNATURE = "BenWasHere";
/** Type, zxid, length and authinfo: a packet without data, and what surrounds the data of others. */
export const PACKET_BYTES_MIN = 20;
/** In front of a packet's data. */
export const PACKET_HEAD_BYTES = 16;

/** Without data: ACK, COMMIT, PING, SYNC, UPTODATE, DIFF, TRUNC, SNAP. */
export function writePacket(w: Writer, type: number, zxid: number): void {
  w.int32(type);
  writeLong(w, zxid);
  w.int32(-1);
  w.int32(-1);
}

export function writeDataPacket(
  w: Writer,
  type: number,
  zxid: number,
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): void {
  w.int32(type);
  writeLong(w, zxid);
  w.span(bytes, start, end);
  w.int32(-1);
}

/** A packet whose data `write` makes. */
function writeMade(w: Writer, type: number, zxid: number, write: () => void): void {
  w.int32(type);
  writeLong(w, zxid);
  const lengthAt = w.pos;
  w.int32(0);
  write();
  w.patchInt32(lengthAt, w.pos - lengthAt - 4);
  w.int32(-1);
}

export interface LearnerInfo {
  readonly sid: Sid;
  readonly protocolVersion: number;
  readonly configVersion: Zxid;
}

export function writeLearnerInfo(
  w: Writer,
  type: number,
  acceptedEpochZxid: Zxid,
  info: LearnerInfo,
): void {
  writeMade(w, type, acceptedEpochZxid, () => {
    w.int64Number(info.sid);
    w.int32(info.protocolVersion);
    w.int64Number(info.configVersion);
  });
}

/** Old learners send less of it (§8.1). @param fallbackSid for one that names no sid */
export function readLearnerInfo(data: Uint8Array, fallbackSid: Sid): LearnerInfo {
  const r = new Reader().reset(data, 0, data.length);
  const sid = data.length >= 8 ? r.int64Number() as Sid : fallbackSid;
  const protocolVersion = data.length >= 12 ? r.int32() : 0;
  const configVersion = data.length >= 20 ? r.zxid() : 0 as Zxid;
  return { sid, protocolVersion, configVersion };
}

export function writeLeaderInfo(w: Writer, epochZxid: Zxid): void {
  writeMade(w, PacketType.leaderInfo, epochZxid, () => w.int32(PROTOCOL_VERSION));
}

/** @param currentEpoch -1: the epoch was promised before, do not count it */
export function writeAckEpoch(w: Writer, lastZxid: Zxid, currentEpoch: number): void {
  writeMade(w, PacketType.ackEpoch, lastZxid, () => w.int32(currentEpoch));
}

export function writeNewLeader(w: Writer, epochZxid: Zxid, config: string): void {
  writeDataPacket(w, PacketType.newLeader, epochZxid, utf8Encode(config));
}

/** The record follows as the client sent it. */
export function writeRequest(
  w: Writer,
  request: {
    readonly sessionId: bigint;
    readonly cxid: number;
    readonly type: number;
    readonly bytes: Uint8Array;
    readonly start: number;
    readonly end: number;
    readonly identities: readonly Identity[];
  },
): void {
  const { sessionId, cxid, type, bytes, start, end, identities } = request;
  w.int32(PacketType.request);
  w.int64Number(-1);
  w.int32(16 + end - start);
  w.int64(sessionId);
  w.int32(cxid);
  w.int32(type);
  w.raw(bytes, start, end);
  w.int32(identities.length);
  for (const { scheme, id } of identities) {
    w.ustring(scheme);
    w.ustring(id);
  }
}

/** What a REQUEST begins with; its record is the rest of the data. @throws {JuteError} */
export function readRequestHead(
  r: Reader,
): { readonly sessionId: bigint; readonly cxid: number; readonly type: number } {
  return { sessionId: r.int64(), cxid: r.int32(), type: r.int32() };
}

/** Ids per client: more than any client authenticates as (hostile input ends here). */
const IDENTITIES_MAX = 4096;

/** @param r at authinfo. @throws {JuteError} */
export function readIdentities(r: Reader): Identity[] {
  const count = Math.min(r.vectorCount(), IDENTITIES_MAX);
  const identities: Identity[] = [];
  for (let i = 0; i < count; i++) {
    identities.push({ scheme: r.ustring() ?? "", id: r.ustring() ?? "" });
  }
  return identities;
}

interface Touch {
  readonly id: bigint;
  readonly timeoutMs: number;
}
const TOUCH_BYTES = 12;

/**
 * Sessions that gave a sign of life since the last PING; an empty buffer when there are none, not null.
 * @param dataBytesMax more of them make another packet: who reads it takes no larger one
 */
export function writePong(
  w: Writer,
  zxid: Zxid,
  touches: readonly Touch[],
  dataBytesMax: number,
): void {
  const count = Math.max(1, Math.floor(dataBytesMax / TOUCH_BYTES));
  for (let at = 0; at === 0 || at < touches.length; at += count) {
    writeMade(w, PacketType.ping, zxid, () => {
      for (const { id, timeoutMs } of touches.slice(at, at + count)) {
        w.int64(id);
        w.int32(timeoutMs);
      }
    });
  }
}

/** @throws {JuteError} a length that is no multiple of 12 */
export function readTouches(data: Uint8Array): [sessionId: bigint, timeoutMs: number][] {
  const r = new Reader().reset(data, 0, data.length);
  const touches: [bigint, number][] = [];
  while (r.remaining > 0) touches.push([r.int64(), r.int32()]);
  return touches;
}

export function writeRevalidate(w: Writer, sessionId: bigint, timeoutMs: number): void {
  writeMade(w, PacketType.revalidate, -1, () => {
    w.int64(sessionId);
    w.int32(timeoutMs);
  });
}

export function writeRevalidated(w: Writer, zxid: number, sessionId: bigint, valid: boolean): void {
  writeMade(w, PacketType.revalidate, zxid, () => {
    w.int64(sessionId);
    w.bool(valid);
  });
}
