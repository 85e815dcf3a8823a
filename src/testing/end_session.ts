/**
 * Ends a session as its expiry does, through the server's own door: a connection takes the session up, which drops the
 * client's, and closes it. The client learns at its next connection that the session is gone.
 */
import { Reader } from "../jute/reader.ts";
import { viewOf, Writer } from "../jute/writer.ts";
import { Op } from "../protocol/ops.ts";
import { ConnectRequest, ConnectResponse } from "../protocol/records.ts";
import type { Connection } from "../runtime.ts";
import { passwordOf } from "../session/password.ts";

const TIMEOUT_MS = 60_000;
const HEADER_BYTES = 8;

/** @throws {Error} the server has no such session, or ended the connection */
export function endSession(connection: Connection, id: bigint): Promise<void> {
  const name = `0x${BigInt.asUintN(64, id).toString(16)}`;
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      connection.close();
      reject(new Error(`Cannot expire session ${name}: ${why}`));
    };
    let received = new Uint8Array(0);
    let isAccepted = false;
    connection.onData((chunk) => {
      const all = new Uint8Array(received.length + chunk.length);
      all.set(received);
      all.set(chunk, received.length);
      received = all;
      for (let end = frameEnd(received); end > 0; end = frameEnd(received)) {
        const frame = received.subarray(4, end);
        received = received.slice(end);
        if (isAccepted) {
          connection.close();
          return resolve();
        }
        isAccepted = ConnectResponse.read(new Reader().reset(frame, 0, frame.length)).timeOut > 0;
        if (!isAccepted) return fail("the server has no such session; it ended before");
      }
    });
    // The session's client may come back for it, and so end this connection, before the answer to the close leaves. Once
    // the session was taken up its close is on the way all the same: both came in one write.
    const ended = (why: string): void => {
      if (isAccepted) resolve();
      else fail(why);
    };
    connection.onEnd(() => ended("the server ended the connection"));
    connection.onClose(() => ended("the connection was lost"));
    connection.write(takeUpAndClose(id));
  });
}

/** @returns 0 when the first frame is not whole */
function frameEnd(bytes: Uint8Array): number {
  if (bytes.length < 4) return 0;
  const end = 4 + viewOf(bytes).getInt32(0);
  return bytes.length < end ? 0 : end;
}

/** Both in one write: nobody comes between. */
function takeUpAndClose(id: bigint): Uint8Array {
  const w = new Writer(64);
  w.int32(0);
  ConnectRequest.write(w, {
    protocolVersion: 0,
    lastZxidSeen: 0,
    timeOut: TIMEOUT_MS,
    sessionId: id,
    passwd: passwordOf(id),
  });
  w.bool(false);
  w.patchInt32(0, w.pos - 4);
  w.int32(HEADER_BYTES);
  w.int32(1);
  w.int32(Op.closeSession);
  return w.written();
}
