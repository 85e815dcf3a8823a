/**
 * The session of one client, as a pure machine: which server to ask when, when to ping, when to give a connection up, when
 * the session is over. No socket, timer or promise inside (docs/internals/client.md; client-protocol §2.5, operations §9.2).
 * Invariants: final phases never change; an event of an attempt that is not the present one changes nothing.
 */
import { invariant, unreachable } from "../base/invariant.ts";
import type { Prng } from "../base/random.ts";
import type { Host } from "./connect_string.ts";
import { HostOrder } from "./host_order.ts";
import {
  CLOSE_TIMEOUT_MS,
  PING_PAUSE_MS_MAX,
  PROBE_PAUSE_MS_MAX,
  PROBE_PAUSE_MS_MIN,
  ROUND_PAUSE_MS_MIN,
} from "./limits.ts";

export interface MachineConfig {
  readonly hosts: readonly Host[];
  /** Asked for; the server grants what it likes. */
  readonly sessionTimeoutMs: number;
  /** Whether a server that is cut off from the others will do. */
  readonly readOnly: boolean;
  /** Longest random pause before the next server is tried, and the added pause after a fruitless round. */
  readonly jitterMs: number;
  /** Continues a session instead of beginning one. */
  readonly session?: SessionIdentity | undefined;
}

export interface SessionIdentity {
  readonly id: bigint;
  readonly password: Uint8Array;
}

export type EndReason = "expired" | "authFailed" | "closed";
/** What callers see. `connecting`: never connected yet; the last three are final. */
export type SessionState =
  | "connecting"
  | "connected"
  | "connectedReadOnly"
  | "disconnected"
  | EndReason;
export type Phase =
  | "idle"
  | "connecting"
  | "handshaking"
  | "connected"
  | "waiting"
  | "closing"
  | EndReason;

export type SessionEvent =
  | { readonly kind: "start" }
  | { readonly kind: "opened"; readonly attempt: number }
  | { readonly kind: "closed"; readonly attempt: number }
  | {
    readonly kind: "accepted";
    readonly attempt: number;
    readonly timeoutMs: number;
    readonly sessionId: bigint;
    readonly password: Uint8Array;
    readonly readOnly: boolean;
  }
  | { readonly kind: "authRefused"; readonly attempt: number }
  /** A probe found a server that takes writes. */
  | { readonly kind: "writable"; readonly host: Host }
  | { readonly kind: "close" }
  | { readonly kind: "closeAnswered"; readonly attempt: number }
  | { readonly kind: "wake" };

export type SessionEffect =
  | {
    readonly kind: "connect";
    readonly attempt: number;
    readonly host: Host;
    readonly timeoutMs: number;
  }
  /** Send the ConnectRequest; session id 0 begins a session. */
  | { readonly kind: "hello"; readonly session: SessionIdentity; readonly timeoutMs: number }
  /** The session is there: credentials, watches, then what is queued. */
  | { readonly kind: "resume" }
  | { readonly kind: "ping" }
  | { readonly kind: "goodbye" }
  | { readonly kind: "drop"; readonly attempt: number }
  /** Requests that were sent get no answer any more. */
  | { readonly kind: "lose" }
  | { readonly kind: "end"; readonly reason: EndReason }
  | { readonly kind: "state"; readonly state: SessionState }
  | { readonly kind: "probe"; readonly host: Host };

export interface SessionStep {
  readonly effects: readonly SessionEffect[];
  /** When to call again with `wake`; undefined: nothing to wait for. */
  readonly wakeAtMs: number | undefined;
}

const NO_SESSION: SessionIdentity = { id: 0n, password: new Uint8Array(16) };

export class SessionMachine {
  readonly #config: MachineConfig;
  readonly #prng: Prng;
  readonly #hosts: HostOrder;
  #phase: Phase = "idle";
  #state: SessionState = "connecting";
  #session: SessionIdentity;
  /** Granted; before that what was asked for. */
  #timeoutMs: number;
  /** False while only read-only servers were met: such a session is not carried on (client-protocol §2.7). */
  #isLasting: boolean;
  #isReadOnly = false;
  #attempt = 0;
  /** Attempts that failed since the last connection. */
  #failures = 0;
  #heardAtMs = 0;
  #sentAtMs = 0;
  /** First bytes sent since anything was heard, before which silence says nothing; Infinity: none. */
  #askedAtMs = Infinity;
  /** When the connection was lost, or this machine last came back from standing still. */
  #leftAtMs = -Infinity;
  /** End of the present phase: of an attempt, a pause, a farewell. */
  #untilMs = 0;
  #probeAtMs = 0;
  #probePauseMs = PROBE_PAUSE_MS_MIN;
  #effects: SessionEffect[] = [];

  constructor(config: MachineConfig, prng: Prng) {
    invariant(config.hosts.length > 0, "There is a host to connect to");
    this.#config = config;
    this.#prng = prng;
    this.#hosts = new HostOrder(config.hosts, prng);
    this.#session = config.session ?? NO_SESSION;
    this.#isLasting = config.session !== undefined;
    this.#timeoutMs = config.sessionTimeoutMs;
  }

  get phase(): Phase {
    return this.#phase;
  }
  get state(): SessionState {
    return this.#state;
  }
  get session(): SessionIdentity {
    return this.#session;
  }
  get timeoutMs(): number {
    return this.#timeoutMs;
  }
  get isFinal(): boolean {
    return this.#phase === "expired" || this.#phase === "authFailed" || this.#phase === "closed";
  }

  /** Bytes came, or left: no step, because a wake that comes too early looks again. */
  heard(nowMs: number): void {
    this.#heardAtMs = nowMs;
    this.#askedAtMs = Infinity;
  }
  sent(nowMs: number): void {
    this.#sentAtMs = nowMs;
    if (this.#askedAtMs === Infinity) this.#askedAtMs = nowMs;
  }

  step(event: SessionEvent, nowMs: number): SessionStep {
    this.#effects = [];
    if (!this.isFinal && this.#isPresent(event)) this.#take(event, nowMs);
    return { effects: this.#effects, wakeAtMs: this.#wakeAtMs() };
  }

  #isPresent(event: SessionEvent): boolean {
    return !("attempt" in event) || event.attempt === this.#attempt;
  }

  #take(event: SessionEvent, nowMs: number): void {
    switch (event.kind) {
      case "start":
        invariant(this.#phase === "idle", "Starts once", { phase: this.#phase });
        this.heard(nowMs);
        return this.#connect(this.#hosts.next(), nowMs);
      case "opened":
        return this.#opened();
      case "closed":
        return this.#closed(nowMs);
      case "accepted":
        return this.#accepted(event, nowMs);
      case "authRefused":
        this.#do({ kind: "drop", attempt: this.#attempt });
        return this.#end("authFailed");
      case "writable":
        if (this.#phase !== "connected" || !this.#isReadOnly) return;
        this.#leave(nowMs);
        return this.#connect(event.host, nowMs);
      case "close":
        return this.#close(nowMs);
      case "closeAnswered":
        if (this.#phase !== "closing") return;
        this.#do({ kind: "drop", attempt: this.#attempt });
        return this.#end("closed");
      case "wake":
        return this.#wake(nowMs);
      default:
        unreachable(event);
    }
  }

  // ------------------------------------------------------------------------------ connecting

  #connect(host: Host, nowMs: number): void {
    this.#attempt++;
    this.#phase = "connecting";
    const timeoutMs = Math.max(1, Math.floor(this.#timeoutMs / this.#config.hosts.length));
    this.#untilMs = nowMs + timeoutMs;
    this.#do({ kind: "connect", attempt: this.#attempt, host, timeoutMs });
  }

  #opened(): void {
    if (this.#phase !== "connecting") return;
    this.#phase = "handshaking";
    this.#do({
      kind: "hello",
      session: this.#isLasting ? this.#session : NO_SESSION,
      timeoutMs: this.#config.sessionTimeoutMs,
    });
  }

  #accepted(event: SessionEvent & { readonly kind: "accepted" }, nowMs: number): void {
    if (this.#phase !== "handshaking") return;
    const continues = this.#isLasting;
    const isOther = continues && event.sessionId !== this.#session.id;
    if (event.timeoutMs <= 0 || isOther) {
      this.#do({ kind: "drop", attempt: this.#attempt });
      // Without a session to lose this is a server that has none to give: the next one may.
      if (continues) return this.#end("expired");
      this.#failures++;
      return this.#pause(nowMs);
    }
    this.#phase = "connected";
    this.#failures = 0;
    this.#session = { id: event.sessionId, password: event.password };
    this.#timeoutMs = event.timeoutMs;
    this.#isReadOnly = event.readOnly;
    this.#isLasting = this.#isLasting || !event.readOnly;
    this.heard(nowMs);
    this.#sentAtMs = nowMs;
    this.#probePauseMs = PROBE_PAUSE_MS_MIN;
    this.#probeAtMs = nowMs + this.#probePauseMs;
    // Queued requests leave before anyone who hears of the state can add to them: order is kept.
    this.#do({ kind: "resume" });
    this.#show(event.readOnly ? "connectedReadOnly" : "connected");
  }

  // ------------------------------------------------------------------------------ losing

  #closed(nowMs: number): void {
    switch (this.#phase) {
      case "connecting":
      case "handshaking":
        this.#failures++;
        return this.#pause(nowMs);
      case "connected":
        this.#leave(nowMs);
        return this.#pause(nowMs);
      case "closing":
        return this.#end("closed");
      default: // waiting: it was dropped by us
    }
  }

  /** The connection is no more; the session may be. */
  #leave(nowMs: number): void {
    this.#leftAtMs = nowMs;
    this.#do({ kind: "drop", attempt: this.#attempt });
    this.#do({ kind: "lose" });
    this.#show("disconnected");
  }

  #pause(nowMs: number): void {
    const { jitterMs, hosts } = this.#config;
    const isRoundOver = this.#failures > 0 && this.#failures % hosts.length === 0;
    this.#phase = "waiting";
    this.#untilMs = nowMs + this.#prng.below(jitterMs + 1) +
      (isRoundOver ? Math.max(jitterMs, ROUND_PAUSE_MS_MIN) : 0);
  }

  #end(reason: EndReason): void {
    this.#phase = reason;
    this.#do({ kind: "end", reason });
    this.#show(reason);
  }

  #close(nowMs: number): void {
    if (this.#phase === "closing") return;
    if (this.#phase !== "connected") {
      if (this.#phase !== "idle") this.#do({ kind: "drop", attempt: this.#attempt });
      return this.#end("closed");
    }
    this.#phase = "closing";
    this.#untilMs = nowMs + CLOSE_TIMEOUT_MS;
    this.#do({ kind: "goodbye" });
  }

  // ------------------------------------------------------------------------------ time

  #wake(nowMs: number): void {
    // As late as this the program stood still, asked nobody and heard nobody: it still may; a silent server gains so once.
    const isLate = nowMs - (this.#wakeAtMs() ?? nowMs) > this.#timeoutMs / 6;
    const isSpared = this.#isBetweenServers() || this.#leftAtMs <= this.#heardAtMs;
    if (isLate && isSpared) this.#leftAtMs = nowMs;
    if (this.#isOver(nowMs)) {
      if (this.#phase !== "waiting") this.#do({ kind: "drop", attempt: this.#attempt });
      return this.#end("expired");
    }
    switch (this.#phase) {
      case "connecting":
      case "handshaking":
        if (nowMs < this.#untilMs) return;
        this.#do({ kind: "drop", attempt: this.#attempt });
        this.#failures++;
        return this.#pause(nowMs);
      case "waiting":
        return nowMs < this.#untilMs ? undefined : this.#connect(this.#hosts.next(), nowMs);
      case "connected":
        return this.#tend(nowMs);
      case "closing":
        if (nowMs < this.#untilMs) return;
        this.#do({ kind: "drop", attempt: this.#attempt });
        return this.#end("closed");
      default: // idle and final phases wait for nothing
    }
  }

  #tend(nowMs: number): void {
    if (nowMs >= this.#silentAtMs()) {
      this.#leave(nowMs);
      return this.#pause(nowMs);
    }
    if (nowMs >= this.#pingAtMs()) {
      this.sent(nowMs);
      this.#do({ kind: "ping" });
    }
    if (this.#isReadOnly && nowMs >= this.#probeAtMs) {
      this.#probePauseMs = Math.min(this.#probePauseMs * 2, PROBE_PAUSE_MS_MAX);
      this.#probeAtMs = nowMs + this.#probePauseMs;
      this.#do({ kind: "probe", host: this.#hosts.next() });
    }
  }

  // The server expires the session after one timeout and a tick: 4/3 without a word is the end (operations §9.2). At least
  // 2/3 are for finding another server, which a program that stood still would not have otherwise.
  #isOver(nowMs: number): boolean {
    return this.#isBetweenServers() && nowMs >= this.#overAtMs();
  }
  #isBetweenServers(): boolean {
    return this.#isLasting &&
      (this.#phase === "connecting" || this.#phase === "handshaking" || this.#phase === "waiting");
  }
  #overAtMs(): number {
    return Math.max(
      this.#heardAtMs + Math.ceil(this.#timeoutMs * 4 / 3),
      this.#leftAtMs + Math.ceil(this.#timeoutMs * 2 / 3),
    );
  }
  /** A server that was asked has at least a third of the timeout, however long this program was busy before. */
  #silentAtMs(): number {
    return Math.max(
      this.#heardAtMs + Math.ceil(this.#timeoutMs * 2 / 3),
      Math.max(this.#askedAtMs, this.#leftAtMs) + Math.ceil(this.#timeoutMs / 3),
    );
  }
  #pingAtMs(): number {
    return this.#sentAtMs + Math.min(PING_PAUSE_MS_MAX, Math.floor(this.#timeoutMs / 3));
  }

  #wakeAtMs(): number | undefined {
    switch (this.#phase) {
      case "connecting":
      case "handshaking":
      case "waiting":
        return this.#isLasting ? Math.min(this.#untilMs, this.#overAtMs()) : this.#untilMs;
      case "connected": {
        const atMs = Math.min(this.#silentAtMs(), this.#pingAtMs());
        return this.#isReadOnly ? Math.min(atMs, this.#probeAtMs) : atMs;
      }
      case "closing":
        return this.#untilMs;
      default:
        return undefined;
    }
  }

  // ------------------------------------------------------------------------------ effects

  #do(effect: SessionEffect): void {
    this.#effects.push(effect);
  }

  #show(state: SessionState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#do({ kind: "state", state });
  }
}
