/** What the shared cases of the door's conformance suite are given, and small helpers that need the door alone. */
import assert from "node:assert/strict";
import type { Connection, Listener, MonotonicMs, Runtime } from "../../src/runtime.ts";
import { RuntimeError } from "../../src/runtime.ts";
import type { RuntimeErrorCode } from "../../src/runtime.ts";

export interface Case {
  readonly name: string;
  /** Why the simulator does not run it. */
  readonly notInSim?: string;
  /** @param scratch an empty directory of its own */
  run(runtime: Runtime, scratch: string): Promise<void>;
}

export function after(runtime: Runtime, ms: number): Promise<void> {
  return new Promise((resolve) => {
    runtime.clock.wakeAt(runtime.clock.monotonicMs() + ms as MonotonicMs, resolve);
  });
}

/** Asks again until it holds; a case that never does fails by the runner's time limit with `what`. */
export async function until(runtime: Runtime, what: string, holds: () => boolean): Promise<void> {
  const deadline = runtime.clock.monotonicMs() + 60_000;
  while (!holds()) {
    assert.ok(runtime.clock.monotonicMs() < deadline, `Never happened: ${what}`);
    await after(runtime, 2);
  }
}

export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => resolve = settle);
  return { promise, resolve };
}

export async function failsWith(
  code: RuntimeErrorCode,
  text: RegExp,
  work: Promise<unknown>,
): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof RuntimeError, `not a RuntimeError: ${String(error)}`);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, text);
    return true;
  });
}

/** Everything one end of a connection saw. */
export class Recorder {
  readonly connection: Connection;
  readonly pieces: Uint8Array[] = [];
  bytes = 0;
  ends = 0;
  closes = 0;
  drains = 0;
  error: RuntimeError | undefined;
  readonly ended: Promise<void>;
  readonly closed: Promise<void>;

  constructor(connection: Connection) {
    this.connection = connection;
    const ended = deferred<void>();
    const closed = deferred<void>();
    this.ended = ended.promise;
    this.closed = closed.promise;
    connection.onData((chunk) => {
      this.pieces.push(chunk.slice());
      this.bytes += chunk.length;
    });
    connection.onEnd(() => {
      this.ends++;
      ended.resolve();
    });
    connection.onDrain(() => this.drains++);
    connection.onClose((error) => {
      this.closes++;
      this.error = error;
      closed.resolve();
    });
  }

  all(): Uint8Array {
    return concat(this.pieces);
  }
}

export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

export interface Pair {
  readonly listener: Listener;
  readonly client: Recorder;
  readonly server: Recorder;
}

/** A listener and one connection to it; `use` may close what it likes, the rest is closed after it. */
export async function withPair(
  runtime: Runtime,
  use: (pair: Pair) => Promise<void>,
): Promise<void> {
  const accepted = deferred<Recorder>();
  const listener = await runtime.net.listen(
    { host: "127.0.0.1", port: 0 },
    (connection) => accepted.resolve(new Recorder(connection)),
  );
  const client = new Recorder(
    await runtime.net.connect({ host: "127.0.0.1", port: listener.address.port }),
  );
  const server = await accepted.promise;
  try {
    await use({ listener, client, server });
  } finally {
    client.connection.close();
    server.connection.close();
    await Promise.all([client.closed, server.closed, listener.close()]);
  }
}

/** Bytes that differ everywhere in a known way, so that order and loss show. */
export function pattern(length: number, start = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const at = start + i;
    bytes[i] = (at ^ (at >>> 8) ^ Math.imul(at >>> 16, 31)) & 0xff;
  }
  return bytes;
}

export function sameBytes(found: Uint8Array, wanted: Uint8Array, what: string): void {
  assert.equal(found.length, wanted.length, `${what}: length`);
  for (let i = 0; i < wanted.length; i++) {
    if (found[i] !== wanted[i]) {
      assert.fail(`${what}: byte ${i} is ${found[i]}, expected ${wanted[i]}`);
    }
  }
}
export function text(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

export function bytesOf(ascii: string): Uint8Array {
  return Uint8Array.from(ascii, (char) => char.charCodeAt(0));
}
