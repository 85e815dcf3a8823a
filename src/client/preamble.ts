/** Frames that the driver itself sends: the handshake, pings, credentials, watches (client-protocol §2.1, §2.9, §6.7). */
import { Reader } from "../jute/reader.ts";
import { Writer } from "../jute/writer.ts";
import { Op, Xid } from "../protocol/ops.ts";
import {
  AuthPacket,
  ConnectRequest,
  ConnectResponse,
  SetWatches,
  SetWatches2,
} from "../protocol/records.ts";
import type { SessionIdentity } from "./session_machine.ts";
import type { WatchPaths } from "./watch_registry.ts";

function framed(write: (w: Writer) => void): Uint8Array {
  const w = new Writer(64);
  w.int32(0);
  write(w);
  w.patchInt32(0, w.pos - 4);
  return w.written();
}

export function connectFrame(
  session: SessionIdentity,
  timeoutMs: number,
  lastZxidSeen: number,
  readOnly: boolean,
): Uint8Array {
  return framed((w) => {
    ConnectRequest.write(w, {
      protocolVersion: 0,
      lastZxidSeen,
      timeOut: timeoutMs,
      sessionId: session.id,
      passwd: session.password,
    });
    w.bool(readOnly);
  });
}

export interface Acceptance {
  /** 0 or less: the session is gone. */
  readonly timeoutMs: number;
  readonly sessionId: bigint;
  readonly password: Uint8Array;
  readonly readOnly: boolean;
}

/** @throws {JuteError} it is no ConnectResponse */
export function readAcceptance(bytes: Uint8Array, start: number, end: number): Acceptance {
  const r = new Reader().reset(bytes, start, end);
  const { timeOut, sessionId, passwd } = ConnectResponse.read(r);
  const readOnly = r.remaining > 0 && r.bool();
  return { timeoutMs: timeOut, sessionId, password: passwd ?? new Uint8Array(16), readOnly };
}

export function pingFrame(): Uint8Array {
  return framed((w) => {
    w.int32(Xid.ping);
    w.int32(Op.ping);
  });
}

export function authFrame(scheme: string, auth: Uint8Array): Uint8Array {
  return framed((w) => {
    w.int32(Xid.auth);
    w.int32(Op.auth);
    AuthPacket.write(w, { type: 0, scheme, auth });
  });
}

/** Of a setWatches frame all but its paths: xid, op, zxid and five counts. */
export const SET_WATCHES_HEAD_BYTES = 36;

/** The older form where it suffices: servers before 3.6 know no other. */
export function setWatchesFrame(relativeZxid: number, paths: WatchPaths): Uint8Array {
  const hasLasting = paths.persistent.length + paths.recursive.length > 0;
  const oneShot = {
    relativeZxid,
    dataWatches: paths.data,
    existWatches: paths.exists,
    childWatches: paths.child,
  };
  return framed((w) => {
    w.int32(Xid.setWatches);
    w.int32(hasLasting ? Op.setWatches2 : Op.setWatches);
    if (!hasLasting) return SetWatches.write(w, oneShot);
    SetWatches2.write(w, {
      ...oneShot,
      persistentWatches: paths.persistent,
      persistentRecursiveWatches: paths.recursive,
    });
  });
}
