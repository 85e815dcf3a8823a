/** A write on its way through the journal, or a request that must wait for those before it (sync, a refused body). */
import type { Zxid } from "../base/zxid.ts";
import { JuteError, type Reader } from "../jute/reader.ts";
import { Code } from "../protocol/codes.ts";
import type { NodeState } from "../txn/overlay.ts";
import { NOTHING, type PreparedTxn } from "../txn/request.ts";
import type { ClientConnection } from "./connection.ts";

const NO_BYTES = new Uint8Array(0);

export class ServerTxn implements PreparedTxn {
  // Filled by the preparing stage.
  zxid = 0 as Zxid;
  txnType = 0;
  err = 0;
  crc = -1;
  changes: readonly NodeState[] = NOTHING;
  retainedAcls: readonly number[] = NOTHING;
  // Where the payload is until it is applied: filled by the journal, at a leader by its role.
  bytes: Uint8Array = NO_BYTES;
  start = 0;
  end = 0;

  /** Who waits for the answer; undefined for the server's own (expiry, reaper). */
  readonly connection: ClientConnection | undefined;
  readonly xid: number;
  readonly type: number;
  readonly sessionId: bigint;
  readonly arrivedMs: number;
  /** False: nothing is logged, it only keeps its place among those that are. */
  isLogged = true;
  /** Reads of the same connection that came after it and wait for it. */
  readsBehind = 0;
  /** Counts against largeRequestMaxBytes until it is answered. */
  largeBytes = 0;
  /** A body known at once, such as the path that sync echoes. */
  reply: Uint8Array = NO_BYTES;

  constructor(
    connection: ClientConnection | undefined,
    sessionId: bigint,
    xid: number,
    type: number,
    arrivedMs: number,
  ) {
    this.connection = connection;
    this.sessionId = sessionId;
    this.xid = xid;
    this.type = type;
    this.arrivedMs = arrivedMs;
  }

  /** A sync's answer is the path that came with it (client-protocol §3.7), or that it cannot be read. */
  readSync(body: Reader): void {
    try {
      const start = body.pos;
      body.bufferSpan();
      this.reply = body.bytes.slice(start, body.pos);
    } catch (error) {
      if (!(error instanceof JuteError)) throw error;
      this.err = Code.marshallingError;
    }
  }
}
