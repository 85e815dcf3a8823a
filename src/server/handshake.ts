/** The first frame of a connection and its answer (client-protocol §2.1). */
import type { Zxid } from "../base/zxid.ts";
import type { Reader } from "../jute/reader.ts";
import { Writer } from "../jute/writer.ts";

export interface ConnectRequest {
  readonly lastZxidSeen: Zxid;
  readonly timeoutMs: number;
  readonly sessionId: bigint;
  readonly password: Uint8Array | null;
  readonly readOnly: boolean;
  /** Clients of the 3.4 era do not send the byte, and do not expect one. */
  readonly hasReadOnly: boolean;
}

const PASSWORD_BYTES = 16;
const NO_PASSWORD = new Uint8Array(PASSWORD_BYTES);

/** @throws {JuteError} a frame that ends before the record does */
export function readConnectRequest(r: Reader): ConnectRequest {
  r.int32(); // protocolVersion: ignored
  const lastZxidSeen = r.zxid();
  const timeoutMs = r.int32();
  const sessionId = r.int64();
  const password = r.buffer();
  const hasReadOnly = r.remaining > 0;
  return {
    lastZxidSeen,
    timeoutMs,
    sessionId,
    password,
    hasReadOnly,
    readOnly: hasReadOnly && r.bool(),
  };
}

/** A whole frame. A session that is gone: timeout 0, id 0, a password of zeros (§2.2). */
export function connectResponse(
  session:
    | { readonly id: bigint; readonly timeoutMs: number; readonly password: Uint8Array }
    | undefined,
  hasReadOnly: boolean,
): Uint8Array {
  const w = new Writer(48);
  w.int32(0);
  w.int32(0);
  w.int32(session?.timeoutMs ?? 0);
  w.int64(session?.id ?? 0n);
  w.buffer(session?.password ?? NO_PASSWORD);
  if (hasReadOnly) w.bool(false);
  w.patchInt32(0, w.pos - 4);
  return w.written();
}
