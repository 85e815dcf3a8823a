/** Drives a session: the socket, the one timer and the flushes around the pure machine and the pipeline (docs/internals/client.md). */
import { messageOf, ProtocolError } from "../base/errors.ts";
import { unreachable } from "../base/invariant.ts";
import { Prng } from "../base/random.ts";
import type { Cancel, Connection, MonotonicMs, Runtime } from "../runtime.ts";
import { Credentials } from "./credentials.ts";
import type { Host } from "./connect_string.ts";
import { unanswered, ZkError } from "./errors.ts";
import { FrameSplitter } from "./frames.ts";
import { FLUSH_BYTES, SET_WATCHES_BYTES } from "./limits.ts";
import { closeSession } from "./operations.ts";
import type { Chroot } from "./paths.ts";
import { isServersFault, Pipeline } from "./pipeline.ts";
import {
  connectFrame,
  pingFrame,
  readAcceptance,
  SET_WATCHES_HEAD_BYTES,
  setWatchesFrame,
} from "./preamble.ts";
import { probeWritable } from "./probe.ts";
import {
  type EndReason,
  type MachineConfig,
  type SessionEffect,
  type SessionEvent,
  SessionMachine,
  type SessionState,
} from "./session_machine.ts";
import { guarded } from "./watch_events.ts";
import { WatchRegistry } from "./watch_registry.ts";

export interface DriverConfig extends MachineConfig {
  readonly frameBytesMax: number;
  readonly replyBytesMax: number;
}

export type StateListener = (state: SessionState) => void;

/** Rounds of microtasks without a new request after which a turn's requests are taken to be complete. */
const QUIET_ROUNDS = 2;

/**
 * For a session that is continued: servers know the answers to their clients by session and xid, and what the client before
 * this one asked for may still be on its way.
 */
function someXid(random: Runtime["random"]): number {
  return random.uint32() >>> 2;
}

export class Driver {
  readonly runtime: Runtime;
  readonly pipeline: Pipeline;
  readonly registry: WatchRegistry;
  readonly credentials: Credentials;
  /** What went wrong with the last connection, for the errors of those who wait. */
  lastFailure = "";
  readonly #config: DriverConfig;
  readonly #machine: SessionMachine;
  readonly #listeners = new Set<StateListener>();
  readonly #ended: Promise<void>;
  #settleEnd: () => void = () => {};
  #connection: Connection | undefined;
  /** Number of the attempt whose socket is wanted; 0: none. */
  #attempt = 0;
  #isHandshaken = false;
  #isBlocked = false;
  #isFlushAsked = false;
  #quietRounds = 0;
  #bytesAtLook = 0;
  #cancelTimer: Cancel | undefined;
  #timerAtMs = Infinity;
  #events: SessionEvent[] = [];
  #isStepping = false;

  constructor(runtime: Runtime, config: DriverConfig, chroot: Chroot) {
    this.runtime = runtime;
    this.#config = config;
    this.#machine = new SessionMachine(config, new Prng(runtime.random.uint32()));
    this.registry = new WatchRegistry(chroot);
    this.credentials = new Credentials(
      runtime.clock,
      config.frameBytesMax,
      (frame) => this.#write(frame),
    );
    this.pipeline = new Pipeline(this.registry, runtime.clock, config, {
      onQueued: () => this.#askFlush(),
      onAuthReply: (err) => {
        if (!this.credentials.onReply(err)) {
          this.#step({ kind: "authRefused", attempt: this.#attempt });
        }
      },
    }, config.session === undefined ? 0 : someXid(runtime.random));
    this.#ended = new Promise((resolve) => this.#settleEnd = resolve);
  }

  get state(): SessionState {
    return this.#machine.state;
  }
  get machine(): SessionMachine {
    return this.#machine;
  }
  /** `host:port` of the server now connected. */
  get server(): string | undefined {
    const remote = this.#isHandshaken ? this.#connection?.remote : undefined;
    return remote === undefined ? undefined : `${remote.host}:${remote.port}`;
  }

  start(): void {
    this.#step({ kind: "start" });
  }

  /** Resolves when the session is closed, or known to be over. */
  close(): Promise<void> {
    this.#step({ kind: "close" });
    return this.#ended;
  }

  /** @returns what takes the listener away */
  onState(listener: StateListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  // ------------------------------------------------------------------------------ machine

  #step(event: SessionEvent): void {
    // A listener called by an effect may cause the next event: it waits until all effects of this one are done.
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        const { effects, wakeAtMs } = this.#machine.step(next, this.#now());
        for (const effect of effects) this.#execute(effect);
        this.#arm(wakeAtMs);
      }
    } finally {
      this.#isStepping = false; // a bug that throws must not make every later event wait
    }
  }

  #execute(effect: SessionEffect): void {
    switch (effect.kind) {
      case "connect":
        return this.#connect(effect.attempt, effect.host, effect.timeoutMs);
      case "hello": {
        const { lastZxid } = this.pipeline;
        return this.#write(
          connectFrame(effect.session, effect.timeoutMs, lastZxid, this.#config.readOnly),
        );
      }
      case "resume":
        return this.#resume();
      case "ping":
        return this.#write(pingFrame());
      case "goodbye":
        return this.#sayGoodbye();
      case "drop":
        return this.#drop(effect.attempt);
      case "lose":
        this.credentials.onLost();
        return this.pipeline.loseSent(`the connection broke${this.#because()}`);
      case "end":
        return this.#end(effect.reason);
      case "state":
        for (const listener of [...this.#listeners]) guarded(() => listener(effect.state));
        return;
      case "probe":
        return probeWritable(this.runtime, effect.host, (host) => {
          this.#step({ kind: "writable", host });
        });
      default:
        unreachable(effect);
    }
  }

  #arm(atMs: number | undefined): void {
    // A timer that rings early looks again: no re-arming for each ping put off.
    if (atMs !== undefined && atMs >= this.#timerAtMs) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerAtMs = Infinity;
    if (atMs === undefined) return;
    this.#timerAtMs = atMs;
    this.#cancelTimer = this.runtime.clock.wakeAt(atMs as MonotonicMs, () => {
      this.#timerAtMs = Infinity;
      this.#cancelTimer = undefined;
      // What lies in the socket is heard first: a program that was busy for long must not take itself for cut off.
      this.runtime.clock.soon(() => this.#step({ kind: "wake" }));
    });
  }

  #now(): number {
    return this.runtime.clock.monotonicMs();
  }

  // ------------------------------------------------------------------------------ socket

  #connect(attempt: number, { host, port }: Host, timeoutMs: number): void {
    this.#attempt = attempt;
    this.runtime.net.connect({ host, port, timeoutMs }).then(
      (connection) => {
        if (attempt !== this.#attempt) return connection.close();
        this.#adopt(attempt, connection);
        this.#step({ kind: "opened", attempt });
      },
      (error: unknown) => this.#onGone(attempt, messageOf(error)),
    );
  }

  #adopt(attempt: number, connection: Connection): void {
    this.#connection = connection;
    this.#isHandshaken = false;
    this.#isBlocked = false;
    const frames = new FrameSplitter(this.#config.replyBytesMax, {
      onFrame: (bytes, start, end) => {
        this.#onFrame(attempt, bytes, start, end);
        return attempt === this.#attempt;
      },
      onTooLong: (bytes, start, frameBytes) => {
        if (!this.#isHandshaken) {
          throw new ProtocolError(`Frame of ${frameBytes} bytes where a session was to be granted`);
        }
        this.pipeline.receiveTooLong(bytes, start, frameBytes);
        return attempt === this.#attempt;
      },
    });
    connection.onData((chunk) => {
      if (attempt === this.#attempt) this.#onChunk(attempt, frames, chunk);
    });
    connection.onEnd(() => {
      connection.close();
      this.#onGone(attempt, "the server closed it");
    });
    connection.onClose((error) => this.#onGone(attempt, error?.message ?? "it was closed"));
    connection.onDrain(() => {
      if (attempt !== this.#attempt) return;
      this.#isBlocked = false;
      this.#flush();
    });
  }

  #onChunk(attempt: number, frames: FrameSplitter, chunk: Uint8Array): void {
    // Before the handshake it may be anyone who talks: that keeps no session.
    if (this.#isHandshaken) this.#machine.heard(this.#now());
    try {
      // Node's chunks are Buffers, whose `slice` does not copy.
      frames.push(
        chunk.constructor === Uint8Array
          ? chunk
          : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length),
      );
    } catch (error) {
      if (isServersFault(error)) {
        this.#connection?.close();
        return this.#onGone(attempt, messageOf(error));
      }
      this.#fail(error);
    }
  }

  #onFrame(attempt: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.#isHandshaken) return this.pipeline.receive(bytes, start, end);
    const acceptance = readAcceptance(bytes, start, end);
    this.#isHandshaken = true;
    this.#step({ kind: "accepted", attempt, ...acceptance });
  }

  #onGone(attempt: number, why: string): void {
    if (attempt !== this.#attempt) return;
    this.lastFailure = why;
    this.#attempt = 0;
    this.#connection = undefined;
    this.#isHandshaken = false;
    this.#step({ kind: "closed", attempt });
  }

  #drop(attempt: number): void {
    if (attempt !== this.#attempt) return;
    this.#attempt = 0;
    this.#connection?.close();
    this.#connection = undefined;
    this.#isHandshaken = false;
  }

  #because(): string {
    return this.lastFailure === "" ? "" : ` (${this.lastFailure})`;
  }

  // ------------------------------------------------------------------------------ out

  #write(bytes: Uint8Array, done?: () => void): void {
    if (this.#connection === undefined) return done?.();
    this.#machine.sent(this.#now());
    if (!this.#connection.write(bytes, done)) this.#isBlocked = true;
  }

  #resume(): void {
    this.credentials.sendAll();
    this.registry.tellGap();
    const pathBytesMax = this.#config.frameBytesMax - SET_WATCHES_HEAD_BYTES;
    for (const paths of this.registry.chunks(Math.min(SET_WATCHES_BYTES, pathBytesMax))) {
      this.pipeline.catchUpsPending++;
      this.#write(setWatchesFrame(this.pipeline.lastZxid, paths));
    }
    this.#flush();
  }

  #askFlush(): void {
    if (this.#isFlushAsked || this.#isBlocked || this.#machine.phase !== "connected") return;
    this.#isFlushAsked = true;
    this.#quietRounds = 0;
    this.#bytesAtLook = 0;
    void Promise.resolve().then(this.#look);
  }

  /** Waits until a turn has issued all its requests: they leave in one write. */
  readonly #look = (): void => {
    const { queuedBytes } = this.pipeline;
    if (queuedBytes === this.#bytesAtLook) this.#quietRounds++;
    else this.#quietRounds = 0;
    this.#bytesAtLook = queuedBytes;
    if (this.#quietRounds < QUIET_ROUNDS && queuedBytes < FLUSH_BYTES) {
      return void Promise.resolve().then(this.#look);
    }
    this.#isFlushAsked = false;
    this.#flush();
  };

  #flush(): void {
    const { phase } = this.#machine, attempt = this.#attempt;
    if (this.#isBlocked || (phase !== "connected" && phase !== "closing")) return;
    // A connection may end inside a write: what is left is for the next one.
    while (attempt !== 0 && attempt === this.#attempt) {
      const run = this.pipeline.takeUnsent();
      if (run === undefined) return;
      this.#write(run.bytes, run.done);
    }
  }

  /** Behind all that is queued; the answer, or the end of the connection, ends the session. */
  #sayGoodbye(): void {
    const attempt = this.#attempt;
    this.pipeline.callLast(closeSession, refusalFor("closed", "")).then(
      () => this.#step({ kind: "closeAnswered", attempt }),
      () => {}, // the connection ended instead, which ends the session as well
    );
    this.#flush();
  }

  // ------------------------------------------------------------------------------ end

  #end(reason: EndReason): void {
    const refusal = refusalFor(reason, this.#because());
    this.pipeline.end(refusal);
    this.credentials.end(refusal);
    this.registry.end(reason, reason === "closed" ? undefined : refusal("watch", undefined, false));
    this.#settleEnd();
  }

  /** A bug of ours: nothing this client says can be relied on any more. */
  #fail(error: unknown): void {
    this.lastFailure = `internal error: ${messageOf(error)}`;
    const refusal = (op: string, path: string | undefined, wasSent: boolean) =>
      unanswered("INTERNAL", op, path, wasSent, `${this.lastFailure}; please report it`, error);
    this.pipeline.end(refusal);
    const attempt = this.#attempt;
    this.#drop(attempt);
    this.#step({ kind: "close" });
    this.#step({ kind: "closed", attempt });
  }
}

/** Why calls are refused once the session has ended. */
function refusalFor(reason: EndReason, because: string) {
  return (op: string, path: string | undefined, wasSent: boolean): ZkError => {
    switch (reason) {
      case "expired":
        return unanswered("SESSION_EXPIRED", op, path, wasSent);
      case "authFailed":
        return unanswered("AUTH_FAILED", op, path, wasSent);
      case "closed": {
        const why = `this client is closed${because}; connect anew`;
        return unanswered("CLOSED", op, path, wasSent, why);
      }
      default:
        return unreachable(reason);
    }
  };
}
