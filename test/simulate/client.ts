/**
 * A client: one session at a time, connected to one server after the other, as Apache's clients do it: pings after a third
 * of the timeout, another server after two thirds of silence, watches set again before anything else, a new session when
 * the old one is gone. What it asks for is drawn by an `Errands`.
 */
import type { Prng } from "../../src/base/random.ts";
import type { Cancel, MonotonicMs, Runtime } from "../../src/runtime.ts";
import { type Call, newLink, newSession, type Session } from "./history.ts";
import { Line } from "./line.ts";
import type { ClientPlan } from "./plan.ts";
import type { Recorder } from "./recorder.ts";
import type { Request } from "./requests.ts";
import { Socket } from "./socket.ts";
import { WatchList } from "./watch_list.ts";
import { type ConnectAnswer, connectFrame, NO_PASSWORD, readConnectAnswer } from "./wire.ts";

export interface ServerAddress {
  readonly sid: number;
  readonly host: string;
  readonly port: number;
}

/** What the client does between connects. */
export type Errand =
  | { readonly kind: "request"; readonly request: Request; readonly thinkMs: number }
  /** The connection is dropped, another server is asked. */
  | { readonly kind: "move" }
  /** Another server is asked while the old connection is kept, and used: it must not be obeyed. */
  | { readonly kind: "steal" }
  /** Nothing is sent, not even pings; the connection is dropped or kept. */
  | { readonly kind: "sleep"; readonly ms: number; readonly drop: boolean }
  | { readonly kind: "done" };

export interface Errands {
  next(client: Client): Errand;
  /** Of those sent on an old connection. */
  ghost(): Request;
  replied(call: Call): void;
}

const CONNECT_MS = 300;
const RETRY_MS: readonly number[] = [1, 5, 20, 50];
const GHOST_MS: readonly number[] = [0, 1, 5, 30, 100];

export class Client {
  readonly plan: ClientPlan;
  readonly #runtime: Runtime;
  readonly #servers: readonly ServerAddress[];
  readonly #recorder: Recorder;
  readonly #errands: Errands;
  readonly #random: Prng;
  #session: Session | undefined;
  #password: Uint8Array = NO_PASSWORD;
  #watches = new WatchList();
  #lastZxid = 0;
  #sessions = 0;
  #xid = 0;
  #line: Line | undefined;
  #attempt = 0;
  #isAsleep = false;
  #isBusy = false;
  #isStopped = false;
  #isGone = false;
  #timer: Cancel = () => {};

  constructor(
    plan: ClientPlan,
    runtime: Runtime,
    servers: readonly ServerAddress[],
    parts: { readonly recorder: Recorder; readonly errands: Errands; readonly random: Prng },
  ) {
    this.plan = plan;
    this.#runtime = runtime;
    this.#servers = servers;
    this.#recorder = parts.recorder;
    this.#errands = parts.errands;
    this.#random = parts.random;
  }

  get session(): Session | undefined {
    return this.#session;
  }
  get watches(): WatchList {
    return this.#watches;
  }
  get sid(): number | undefined {
    return this.#line?.link.sid;
  }
  get isConnected(): boolean {
    return this.#line !== undefined;
  }

  start(): void {
    this.#after(this.#random.below(20), () => this.#connect(this.#anyServer(undefined)));
    this.#beat();
  }

  /** No further errands; the session is kept alive until `abandon`. */
  stop(): void {
    this.#isStopped = true;
  }

  /** As if the client's machine were gone. */
  abandon(): void {
    this.#isGone = true;
    this.#attempt++;
    if (this.#session !== undefined) this.#session.abandonedUs ??= this.#recorder.nowUs;
    this.#line?.close();
  }

  // ------------------------------------------------------------------------------ connecting

  #anyServer(not: number | undefined): ServerAddress {
    const all = this.#servers;
    const others = all.length === 1 ? all : all.filter(({ sid }) => sid !== not);
    return others[this.#random.below(others.length)] as ServerAddress;
  }

  #connect(server: ServerAddress): void {
    const attempt = ++this.#attempt;
    const retry = (): void => {
      if (attempt !== this.#attempt) return;
      const waitMs = RETRY_MS[this.#random.below(RETRY_MS.length)] ?? 1;
      this.#after(waitMs, () => {
        if (attempt === this.#attempt) this.#connect(this.#anyServer(server.sid));
      });
    };
    const { host, port } = server;
    this.#runtime.net.connect({ host, port, timeoutMs: CONNECT_MS }).then((net) => {
      let line: Line | undefined;
      const lastZxidSeen = this.#lastZxid;
      const socket = new Socket(net, {
        onFrame: (bytes, start, end) => {
          if (line !== undefined) return line.take(bytes, start, end);
          if (attempt !== this.#attempt) return socket.close();
          line = this.#answered(
            { server, lastZxidSeen },
            socket,
            readConnectAnswer(bytes.subarray(start, end)),
          );
        },
        onGone: () => {
          if (line === undefined) return retry();
          line.link.endUs = this.#recorder.nowUs;
          if (line === this.#line) this.#lost();
        },
      });
      if (attempt !== this.#attempt) return socket.close();
      socket.send(connectFrame({
        lastZxidSeen,
        timeoutMs: this.#session?.timeoutMs ?? this.plan.timeoutMs,
        sessionId: this.#session?.id ?? 0n,
        password: this.#password,
      }));
      this.#after(CONNECT_MS, () => {
        if (line === undefined) socket.close();
      });
    }, retry);
  }

  #answered(
    asked: { readonly server: ServerAddress; readonly lastZxidSeen: number },
    socket: Socket,
    answer: ConnectAnswer,
  ): Line | undefined {
    const recorder = this.#recorder;
    if (answer.timeoutMs <= 0) {
      this.#expired();
      socket.close();
      return undefined;
    }
    const session = this.#session ?? this.#begun(answer);
    if (answer.sessionId !== session.id) {
      recorder.violation(
        "session",
        `${session.name} came back as 0x${answer.sessionId.toString(16)}`,
      );
    }
    const old = this.#line;
    const link = newLink(session, {
      sid: asked.server.sid,
      openSeq: recorder.next(),
      openUs: recorder.nowUs,
      lastZxidSeen: asked.lastZxidSeen,
    });
    const line: Line = new Line(link, socket, recorder, {
      onReply: (call) => this.#replied(line, call),
      onEvent: (type, path) => {
        if (line === this.#line) this.#watches.event(type, path);
      },
    });
    this.#line = line;
    this.#isBusy = false;
    if (old !== undefined) this.#haunt(old);
    if (!this.#watches.isEmpty) line.send(++this.#xid, this.#watches.request(this.#lastZxid));
    // Whether the last one did it is unknown: the session still lives.
    if (session.closeCall !== undefined) {
      session.closeCall = line.send(++this.#xid, { op: "close" });
    }
    this.#pump();
    return line;
  }

  #begun({ sessionId, timeoutMs, password }: ConnectAnswer): Session {
    const session = newSession(`${this.plan.name}.${++this.#sessions}`, sessionId, timeoutMs);
    this.#recorder.sessions.push(session);
    this.#session = session;
    this.#password = password;
    return session;
  }

  #expired(): void {
    if (this.#session !== undefined) this.#session.expiredUs = this.#recorder.nowUs;
    this.#forget();
    this.#attempt++;
    this.#after(1, () => this.#again(undefined));
  }

  #forget(): void {
    this.#session = undefined;
    this.#password = NO_PASSWORD;
    this.#watches = new WatchList();
    // A client that begins a new session keeps what it saw: it must not go back in time.
  }

  #lost(): void {
    const sid = this.#line?.link.sid;
    this.#line = undefined;
    if (this.#session?.closeCall?.reply !== undefined) this.#forget();
    if (!this.#isAsleep && !this.#isGone) this.#again(sid);
  }

  #again(not: number | undefined): void {
    if (this.#isStopped && this.#session === undefined) return;
    this.#connect(this.#anyServer(this.#random.chance(1, 2) ? not : undefined));
  }

  // ------------------------------------------------------------------------------ an open connection

  #replied(line: Line, call: Call): void {
    const { reply, request } = call;
    if (reply === undefined || line !== this.#line) return;
    if (reply.zxid > 0 && request.op !== "ping") {
      this.#lastZxid = Math.max(this.#lastZxid, reply.zxid);
    }
    this.#watches.replied(request, reply.err);
    this.#errands.replied(call);
    this.#pump();
  }

  #pump(): void {
    const line = this.#line;
    if (line === undefined || this.#isBusy || this.#isStopped || this.#isAsleep) return;
    if (line.waiting >= this.plan.depth || this.#session?.closeCall !== undefined) return;
    const errand = this.#errands.next(this);
    switch (errand.kind) {
      case "request": {
        const call = line.send(++this.#xid, errand.request);
        if (errand.request.op === "close") line.link.session.closeCall = call;
        this.#isBusy = true;
        const attempt = this.#attempt;
        this.#after(errand.thinkMs, () => {
          if (attempt !== this.#attempt) return;
          this.#isBusy = false;
          this.#pump();
        });
        return;
      }
      case "move":
        return line.close();
      case "steal":
        this.#isBusy = true;
        return this.#connect(this.#anyServer(line.link.sid));
      case "sleep":
        return this.#sleep(errand.ms, errand.drop);
      case "done":
        this.#isStopped = true;
    }
  }

  #sleep(ms: number, drop: boolean): void {
    this.#isAsleep = true;
    if (drop) this.#line?.close();
    this.#after(ms, () => {
      if (this.#isGone) return;
      this.#isAsleep = false;
      if (this.#line === undefined) this.#again(undefined);
      else this.#pump();
    });
  }

  /** The old connection is used once more behind our back; the server must not take it for the session's. */
  #haunt(old: Line): void {
    old.link.supersededSeq = this.#recorder.next();
    for (let left = this.#random.below(3) + 1; left > 0; left--) {
      old.send(++this.#xid, this.#errands.ghost());
    }
    const waitMs = GHOST_MS[this.#random.below(GHOST_MS.length)] ?? 0;
    this.#after(waitMs, () => old.close());
  }

  #beat(): void {
    const timeoutMs = this.#session?.timeoutMs ?? this.plan.timeoutMs;
    this.#timer();
    this.#timer = this.#after(timeoutMs / 6, () => {
      if (this.#isGone) return;
      const line = this.#line;
      if (line !== undefined && !this.#isAsleep) {
        const { nowUs } = this.#recorder;
        if (nowUs - line.lastHeardUs > timeoutMs * 2000 / 3) line.close();
        else if (nowUs - line.lastSentUs >= timeoutMs * 1000 / 3) line.send(-2, { op: "ping" });
      }
      this.#beat();
    });
  }

  #after(ms: number, run: () => void): Cancel {
    const { clock } = this.#runtime;
    return clock.wakeAt((clock.monotonicMs() + ms) as MonotonicMs, run);
  }
}
