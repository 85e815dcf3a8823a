/**
 * After the faults: a client of each server that writes, so that all are seen to work again, and then reads the whole tree
 * there. What it does stands in the history as everything else does, and is checked with it.
 */
import type { Sim } from "../../runtimes/sim/index.ts";
import type { Runtime } from "../../src/runtime.ts";
import type { ServerAddress } from "./client.ts";
import { type Call, newLink, newSession } from "./history.ts";
import { Line } from "./line.ts";
import type { Recorder } from "./recorder.ts";
import type { Request } from "./requests.ts";
import { Socket } from "./socket.ts";
import { connectFrame, NO_PASSWORD, readConnectAnswer } from "./wire.ts";

const RETRY_MS = 20;
const CONNECT_MS = 500;
const TIMEOUT_MS = 3000;
const PING_MS = 500;

export class Auditor {
  readonly server: ServerAddress;
  readonly #sim: Sim;
  readonly #runtime: Runtime;
  readonly #recorder: Recorder;
  #line: Line | undefined;
  #xid = 0;
  #writes = 0;
  #hasWritten = false;
  #onReply: (call: Call) => void = () => {};

  constructor(sim: Sim, runtime: Runtime, recorder: Recorder, server: ServerAddress) {
    this.#sim = sim;
    this.#runtime = runtime;
    this.#recorder = recorder;
    this.server = server;
  }

  /** The server took a session and a write. */
  get hasWritten(): boolean {
    return this.#hasWritten;
  }

  start(): void {
    this.#connect();
    this.#beat();
  }

  /** Tries until a write is answered. */
  #connect(): void {
    const { host, port, sid } = this.server;
    const again = (): void => void this.#sim.after(RETRY_MS * 1000, "audit", () => this.#connect());
    this.#runtime.net.connect({ host, port, timeoutMs: CONNECT_MS }).then((net) => {
      let line: Line | undefined;
      const socket = new Socket(net, {
        onFrame: (bytes, start, end) => {
          if (line !== undefined) return line.take(bytes, start, end);
          const { sessionId, timeoutMs } = readConnectAnswer(bytes.subarray(start, end));
          const recorder = this.#recorder;
          const session = newSession(`audit${sid}.${this.#writes}`, sessionId, timeoutMs);
          recorder.sessions.push(session);
          const facts = { sid, openSeq: recorder.next(), openUs: recorder.nowUs, lastZxidSeen: 0 };
          line = new Line(newLink(session, facts), socket, recorder, {
            onReply: (call) => this.#onReply(call),
            onEvent: () => {},
          });
          this.#line = line;
          this.#write();
        },
        onGone: () => {
          this.#line = undefined;
          again();
        },
      });
      socket.send(connectFrame({
        lastZxidSeen: 0,
        timeoutMs: TIMEOUT_MS,
        sessionId: 0n,
        password: NO_PASSWORD,
      }));
      this.#sim.after(CONNECT_MS * 1000, "audit late", () => {
        if (line === undefined) socket.close();
      });
    }, again);
  }

  #write(): void {
    this.#onReply = ({ reply }) => {
      if (reply?.err === 0) this.#hasWritten = true;
    };
    const path = `/audit${this.server.sid}.${++this.#writes}`;
    this.#send({ op: "create", path, data: "", flags: 0 });
  }

  /** A sync, then every path; calls back when the last answer is there. */
  read(paths: readonly string[], done: () => void): void {
    let left = 1 + 2 * paths.length;
    this.#onReply = () => {
      if (--left === 0) done();
    };
    this.#send({ op: "sync" });
    for (const path of paths) {
      this.#send({ op: "getData", path, watch: false });
      this.#send({ op: "getChildren", path, watch: false });
    }
  }

  /** So that its session does not expire. */
  #beat(): void {
    if (this.#hasWritten) this.#line?.send(-2, { op: "ping" });
    this.#sim.after(PING_MS * 1000, "audit ping", () => this.#beat());
  }

  #send(request: Request): void {
    this.#line?.send(++this.#xid, request);
  }
}
