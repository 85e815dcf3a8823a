/**
 * Notifications of the election (peer-protocol §6). Written in version 2:
 *
 *     state:int leader:long zxid:long electionEpoch:long peerEpoch:long version:int(2) n:int config[n]
 */
import { utf8DecodeRange, utf8Encode } from "../base/host.ts";
import { invariant } from "../base/invariant.ts";
import { epochOf } from "../base/zxid.ts";
import { Reader } from "../jute/reader.ts";
import { Writer } from "../jute/writer.ts";
import { MIN_VALUE, ServerState, type Sid, type Vote } from "./vote.ts";

export interface Notification {
  readonly state: ServerState;
  readonly vote: Vote;
  readonly electionEpoch: number;
  /** 0: the layouts before 3.5, which carry no configuration. */
  readonly version: number;
  /** Text of the sender's committed configuration. */
  readonly config: string | undefined;
}

const ANCIENT_BYTES = 28;
const V0_BYTES = 40;
const V2_HEAD_BYTES = 44;
const VERSION = 2;

/** `config` must be there: Apache's receiver dies of a text that names no voter (§6.2). */
export function writeNotification(notification: Notification): Uint8Array {
  const { state, vote, electionEpoch, config } = notification;
  invariant(config !== undefined && config !== "", "A notification carries the configuration");
  const w = new Writer(V2_HEAD_BYTES + 512);
  w.int32(state);
  writeLong(w, vote.leader);
  writeLong(w, vote.zxid);
  writeLong(w, electionEpoch);
  writeLong(w, vote.peerEpoch);
  w.int32(VERSION);
  w.buffer(utf8Encode(config));
  return w.written();
}

/** MIN_VALUE exactly: an observer's vote is compared with it. */
export function writeLong(w: Writer, value: number): void {
  if (value === MIN_VALUE) w.int64Halves(-0x8000_0000, 0);
  else w.int64Number(value);
}

/** @returns undefined for what is to be skipped (§6.2) */
export function readNotification(bytes: Uint8Array): Notification | undefined {
  const length = bytes.length;
  if (length < ANCIENT_BYTES) return undefined;
  const r = new Reader().reset(bytes, 0, length);
  const state = r.int32();
  if (!isState(state)) return undefined;
  const leader = r.int64Number() as Sid;
  const zxid = r.zxid();
  const electionEpoch = r.int64Number();
  if (length === ANCIENT_BYTES) {
    const vote = { leader, zxid, peerEpoch: epochOf(zxid) };
    return { state, vote, electionEpoch, version: 0, config: undefined };
  }
  if (length < V0_BYTES) return undefined;
  const vote = { leader, zxid, peerEpoch: r.int64Number() };
  if (length === V0_BYTES) return { state, vote, electionEpoch, version: 0, config: undefined };
  const version = r.int32();
  if (version <= 1) return { state, vote, electionEpoch, version, config: undefined };
  if (length < V2_HEAD_BYTES) return undefined;
  const size = r.int32();
  if (size < 0 || size > r.remaining) return undefined;
  const config = utf8DecodeRange(bytes, r.pos, r.pos + size);
  return { state, vote, electionEpoch, version, config };
}

function isState(state: number): state is ServerState {
  return state >= ServerState.looking && state <= ServerState.observing;
}
