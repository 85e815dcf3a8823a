/**
 * A server that answers from constants: what the generator reaches against it is the ceiling of the generator, the door
 * and the loopback together.
 *
 *   bun run bench/load/constant_server.ts PORT REPLY_BODY_BYTES      (1096 for a read of 1 KiB, 68 for a write)
 */
import process from "node:process";
import type { Connection } from "../../src/runtime.ts";
import { hostRuntime } from "../../test/support/runtime.ts";
import { FrameWalker } from "../../src/load/walker.ts";

/** Length, xid and type: shorter than a ping. */
const HEAD_BYTES = 12;
const REPLIES_PER_BUFFER = 100;
const REPLY_HEAD_BYTES = 20;

interface ReplyBuffer {
  readonly bytes: Uint8Array;
  readonly release: () => void;
}

class Answers {
  readonly replyBytes: number;
  readonly #free: ReplyBuffer[] = [];

  constructor(bodyBytes: number) {
    this.replyBytes = REPLY_HEAD_BYTES + bodyBytes;
  }

  /** All its replies are made but for their xids. */
  take(): ReplyBuffer {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const bytes = new Uint8Array(this.replyBytes * REPLIES_PER_BUFFER);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < bytes.length; at += this.replyBytes) {
      view.setInt32(at, this.replyBytes - 4);
    }
    const buffer: ReplyBuffer = { bytes, release: () => this.#free.push(buffer) };
    return buffer;
  }
}

function serve(connection: Connection, answers: Answers): void {
  let isConnected = false;
  let buffer: ReplyBuffer | undefined;
  let replies = 0;
  const flush = (): void => {
    if (buffer === undefined) return;
    const sent = buffer;
    buffer = undefined;
    connection.write(sent.bytes.subarray(0, replies * answers.replyBytes), sent.release);
    replies = 0;
  };
  const walker = new FrameWalker(HEAD_BYTES, {
    onHead(bytes, at) {
      if (!isConnected) {
        isConnected = true;
        connection.write(connectResponse());
        return;
      }
      buffer ??= answers.take();
      const into = buffer.bytes, xidAt = replies * answers.replyBytes + 4;
      for (let i = 0; i < 4; i++) into[xidAt + i] = bytes[at + 4 + i] as number;
      if (++replies === REPLIES_PER_BUFFER) flush();
    },
  });
  connection.onData((chunk) => {
    walker.walk(chunk);
    flush();
  });
  connection.onEnd(() => connection.end());
}

function connectResponse(): Uint8Array {
  const bytes = new Uint8Array(41);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, 37);
  view.setInt32(8, 30_000);
  view.setInt32(16, 1);
  view.setInt32(20, 16);
  return bytes;
}

const answers = new Answers(Number(process.argv[3] ?? 1096));
const { net } = await hostRuntime();
const port = Number(process.argv[2] ?? 0);
const listener = await net.listen(
  { host: "127.0.0.1", port },
  (connection) => serve(connection, answers),
);
console.log(`answering constants on ${listener.address.port}`);
