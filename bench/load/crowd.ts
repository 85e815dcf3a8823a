/**
 * Many idle sessions, and watches that all fire at once. A program of its own, which its parent leads by lines:
 *
 *   bun run bench/load/crowd.ts PORT SESSIONS ZNODES
 *
 * It opens the sessions and writes `open`. At each line `fire` on its input every session leaves a data watch on each of
 * the znodes (`watching`), one multi sets them all, and `fired MS` says how long the last event took. It goes with its input.
 */
import process from "node:process";
import { Writer } from "../../src/jute/writer.ts";
import { connectFrame, createFrame } from "../../src/load/requests.ts";
import { FrameWalker, int32At } from "../../src/load/walker.ts";
import { Op } from "../../src/protocol/ops.ts";
import type { Connection, Runtime } from "../../src/runtime.ts";
import { hostRuntime } from "../../test/support/runtime.ts";

const OPEN_AT_A_TIME = 200;
const PING_EVERY_MS = 10_000;
const EVENT_XID = -1;
const PING_XID = -2;
const HEAD_BYTES = 20;

const pathOf = (index: number): string => `/crowd${index}`;

function frame(body: (w: Writer) => void): Uint8Array {
  const w = new Writer(256);
  w.int32(0);
  body(w);
  w.patchInt32(0, w.pos - 4);
  return w.written().slice();
}

const PING = frame((w) => {
  w.int32(PING_XID);
  w.int32(Op.ping);
});

/** getData of each znode, with a watch. */
function watchFrames(znodes: number): Uint8Array {
  const frames = Array.from({ length: znodes }, (_, i) =>
    frame((w) => {
      w.int32(i + 1);
      w.int32(Op.getData);
      w.ustring(pathOf(i));
      w.bool(true);
    }));
  const bytes = new Uint8Array(frames.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of frames) {
    bytes.set(one, at);
    at += one.length;
  }
  return bytes;
}

/** One multi that sets every znode. */
function multiFrame(znodes: number): Uint8Array {
  return frame((w) => {
    w.int32(1);
    w.int32(Op.multi);
    for (let i = 0; i < znodes; i++) {
      w.int32(Op.setData);
      w.bool(false);
      w.int32(-1);
      w.ustring(pathOf(i));
      w.buffer(new Uint8Array(8));
      w.int32(-1);
    }
    w.int32(-1);
    w.bool(true);
    w.int32(-1);
  });
}

class Crowd {
  readonly #runtime: Runtime;
  readonly #port: number;
  readonly #connections: Connection[] = [];
  #replies = 0;
  #events = 0;
  #wanted = { replies: Infinity, events: Infinity };
  #onWanted: () => void = () => {};

  constructor(runtime: Runtime, port: number) {
    this.#runtime = runtime;
    this.#port = port;
  }

  async open(sessions: number): Promise<void> {
    // From the start: a slow server's first sessions must not end before its last ones are there.
    setInterval(() => {
      for (const connection of this.#connections) connection.write(PING);
    }, PING_EVERY_MS);
    for (let from = 0; from < sessions; from += OPEN_AT_A_TIME) {
      const count = Math.min(OPEN_AT_A_TIME, sessions - from);
      await Promise.all(Array.from({ length: count }, () => this.#openOne()));
    }
  }

  async #openOne(): Promise<void> {
    const port = this.#port;
    const net = await this.#runtime.net.connect({ host: "127.0.0.1", port, timeoutMs: 20_000 });
    await new Promise<void>((resolve) => {
      let hasSession = false;
      const walker = new FrameWalker(HEAD_BYTES, {
        onHead: (bytes, at) => {
          if (hasSession) return this.#count(int32At(bytes, at + 4), int32At(bytes, at + 16));
          if (int32At(bytes, at + 8) === 0) fail("the server refused a session");
          hasSession = true;
          resolve();
        },
      });
      net.onData((chunk) => walker.walk(chunk));
      net.onClose(() => fail("the server closed a connection"));
      net.write(connectFrame());
    });
    this.#connections.push(net);
  }

  #count(xid: number, error: number): void {
    if (xid === PING_XID) return;
    if (xid === EVENT_XID) this.#events++;
    else if (error === 0) this.#replies++;
    else fail(`the server answered with error ${error}`);
    const { replies, events } = this.#wanted;
    if (this.#replies >= replies && this.#events >= events) this.#onWanted();
  }

  #until(replies: number, events: number): Promise<void> {
    this.#replies = 0;
    this.#events = 0;
    this.#wanted = { replies, events };
    return new Promise((resolve) => {
      this.#onWanted = () => {
        this.#wanted = { replies: Infinity, events: Infinity };
        resolve();
      };
    });
  }

  async create(znodes: number): Promise<void> {
    const done = this.#until(znodes, 0);
    for (let i = 0; i < znodes; i++) {
      this.#connections[0]?.write(createFrame(i + 1, pathOf(i), new Uint8Array(8)));
    }
    await done;
  }

  async watch(znodes: number): Promise<void> {
    const frames = watchFrames(znodes);
    const done = this.#until(this.#connections.length * znodes, 0);
    for (const connection of this.#connections) connection.write(frames);
    await done;
  }

  /** @returns milliseconds from the multi to the last event */
  async fire(znodes: number): Promise<number> {
    const done = this.#until(1, this.#connections.length * znodes);
    const began = performance.now();
    this.#connections[0]?.write(multiFrame(znodes));
    await done;
    return performance.now() - began;
  }
}

function fail(why: string): never {
  console.error(why);
  process.exit(1);
}

const [port = 0, sessions = 0, znodes = 0] = process.argv.slice(2).map(Number);
const crowd = new Crowd(await hostRuntime(), port);
await crowd.open(sessions);
await crowd.create(znodes);
console.log("open");
let turn = Promise.resolve();
process.stdin.on("data", (chunk: unknown) => {
  for (const line of String(chunk).trim().split("\n")) {
    if (line !== "fire") fail(`cannot do "${line}"`);
    turn = turn.then(async () => {
      await crowd.watch(znodes);
      console.log("watching");
      console.log(`fired ${(await crowd.fire(znodes)).toFixed(2)}`);
    });
  }
});
process.stdin.on("end", () => process.exit(0));
