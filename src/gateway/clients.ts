/**
 * The gateway's sessions with ZooKeeper: one for each address and its credentials, shared by their requests and streams
 * and closed when idle; and those that HTTP clients ask for by themselves, which own ephemeral nodes and live on
 * heartbeats.
 */
import type { Client } from "../client/client.ts";
import type { ConnectOptions } from "../client/options.ts";
import type { SessionState } from "../client/session_machine.ts";
import type { Clock, Random } from "../runtime.ts";
import { Alarm } from "../server/alarm.ts";
import type { Caller } from "./guard.ts";
import { Problem } from "./problem.ts";

export type Connect = (host: string, options: ConnectOptions) => Promise<Client>;

export interface ClientsParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly connect: Connect;
  /** Whether it is worth asking. */
  readonly isServing: () => boolean;
  readonly sessionsMax: number;
  /** Of a request: jute.maxbuffer of the servers, who close the connection at a longer one. */
  readonly frameBytesMax: number;
}

/** The least that a client takes for it. */
const FRAME_BYTES_MIN = 1024;
/** A shared client without users is closed after it. */
const IDLE_MS = 60_000;
const SHARED_MAX = 1024;
const SESSION_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5_000;
const TOKEN_BYTES = 24;
const FINAL: ReadonlySet<SessionState> = new Set(["expired", "closed", "authFailed"]);

interface Shared {
  readonly client: Promise<Client>;
  /** Streams on it. */
  users: number;
  idleSinceMs: number;
}

export interface HttpSession {
  readonly token: string;
  readonly client: Client;
  readonly timeoutMs: number;
  /** Of the caller: nobody else may use it. */
  readonly owner: string;
  deadlineMs: number;
}

export class Clients {
  readonly #parts: ClientsParts;
  readonly #shared = new Map<string, Shared>();
  readonly #sessions = new Map<string, HttpSession>();
  /** For all deadlines. */
  readonly #alarm: Alarm;
  #opening = 0;
  #isClosed = false;

  constructor(parts: ClientsParts) {
    this.#parts = parts;
    this.#alarm = new Alarm(parts.clock, () => this.#dropOverdue());
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** The client for a request. @param token of a session that the caller opened */
  async get(caller: Caller, token: string | undefined): Promise<Client> {
    if (token !== undefined) return this.heartbeat(caller, token).client;
    const shared = this.#sharedOf(caller);
    shared.idleSinceMs = this.#nowMs();
    return await shared.client;
  }

  /** For a stream: the client is not closed before `release`. */
  async hold(
    caller: Caller,
    token: string | undefined,
  ): Promise<{ readonly client: Client; readonly release: () => void }> {
    if (token !== undefined) {
      return { client: this.heartbeat(caller, token).client, release: () => {} };
    }
    const shared = this.#sharedOf(caller);
    shared.users++;
    let isHeld = true;
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      shared.users--;
      shared.idleSinceMs = this.#nowMs();
      this.#alarm.by(shared.idleSinceMs + IDLE_MS);
    };
    try {
      return { client: await shared.client, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  // ------------------------------------------------------------------------------ sessions of HTTP clients

  async open(caller: Caller, timeoutMs: number): Promise<HttpSession> {
    this.#demandServer();
    const { sessionsMax, random } = this.#parts;
    if (this.#sessions.size + this.#opening >= sessionsMax) {
      throw new Problem("TOO_MANY_SESSIONS", `There are ${sessionsMax} already (http.maxSessions)`);
    }
    this.#opening++;
    try {
      const client = await this.#connect(caller, timeoutMs);
      const bytes = new Uint8Array(TOKEN_BYTES);
      random.fill(bytes);
      const token = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      const granted = client.session.timeoutMs;
      const session: HttpSession = {
        token,
        client,
        timeoutMs: granted,
        owner: ownerOf(caller),
        deadlineMs: this.#nowMs() + granted,
      };
      this.#sessions.set(token, session);
      client.onState((state) => FINAL.has(state) && this.#sessions.delete(token));
      this.#alarm.by(session.deadlineMs);
      return session;
    } finally {
      this.#opening--;
    }
  }

  /** Every request with the session is one. @throws {Problem} NO_SESSION */
  heartbeat(caller: Caller, token: string): HttpSession {
    this.#demandServer();
    const session = this.#sessions.get(token);
    const nowMs = this.#nowMs();
    if (session === undefined || session.owner !== ownerOf(caller) || nowMs >= session.deadlineMs) {
      throw new Problem(
        "NO_SESSION",
        "There is no such session: it expired, was closed, or is another's",
      );
    }
    session.deadlineMs = nowMs + session.timeoutMs;
    return session;
  }

  async closeSession(caller: Caller, token: string): Promise<void> {
    const session = this.heartbeat(caller, token);
    this.#sessions.delete(token);
    await session.client.close();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#alarm.stop();
    const all = [...this.#shared.values()].map(({ client }) => client.then((one) => one.close()));
    const own = [...this.#sessions.values()].map(({ client }) => client.close());
    this.#shared.clear();
    this.#sessions.clear();
    await Promise.allSettled([...all, ...own]);
  }

  // ------------------------------------------------------------------------------ inside

  #demandServer(): void {
    if (this.#isClosed) throw new Problem("UNAVAILABLE", "The HTTP door is closing");
    if (!this.#parts.isServing()) throw new Problem("UNAVAILABLE", "The server does not serve now");
  }

  #sharedOf(caller: Caller): Shared {
    this.#demandServer();
    const key = `${caller.host}\n${ownerOf(caller)}`;
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    if (this.#shared.size >= SHARED_MAX && !this.#dropIdle(this.#nowMs())) {
      throw new Problem("TOO_MANY_SESSIONS", "Too many addresses and credentials at once");
    }
    const client = this.#connect(caller, SESSION_TIMEOUT_MS);
    const shared: Shared = { client, users: 0, idleSinceMs: this.#nowMs() };
    this.#shared.set(key, shared);
    const forget = (): void => {
      if (this.#shared.get(key) === shared) this.#shared.delete(key);
    };
    client.then(
      (one) => void one.onState((state) => FINAL.has(state) && forget()),
      forget, // told to whoever asked
    );
    this.#alarm.by(shared.idleSinceMs + IDLE_MS);
    return shared;
  }

  #connect(caller: Caller, sessionTimeoutMs: number): Promise<Client> {
    return this.#parts.connect(caller.host, {
      auth: caller.credentials,
      sessionTimeoutMs,
      timeoutMs: CONNECT_TIMEOUT_MS,
      reconnectJitterMs: 100,
      frameBytesMax: Math.max(FRAME_BYTES_MIN, this.#parts.frameBytesMax),
    });
  }

  /** @returns whether one was there to drop: the one idle for longest */
  #dropIdle(beforeMs: number): boolean {
    let found: readonly [string, Shared] | undefined;
    for (const entry of this.#shared) {
      const [, { users, idleSinceMs }] = entry;
      if (users > 0 || idleSinceMs > beforeMs) continue;
      if (found === undefined || idleSinceMs < found[1].idleSinceMs) found = entry;
    }
    if (found === undefined) return false;
    this.#shared.delete(found[0]);
    found[1].client.then((client) => client.close(), () => {});
    return true;
  }

  /** What is held needs no alarm: its release sets one. */
  #dropOverdue(): void {
    const nowMs = this.#nowMs();
    while (this.#dropIdle(nowMs - IDLE_MS));
    let nextMs = Infinity;
    for (const { users, idleSinceMs } of this.#shared.values()) {
      if (users === 0) nextMs = Math.min(nextMs, idleSinceMs + IDLE_MS);
    }
    for (const [token, { client, deadlineMs }] of this.#sessions) {
      if (deadlineMs > nowMs) nextMs = Math.min(nextMs, deadlineMs);
      else {
        this.#sessions.delete(token);
        void client.close();
      }
    }
    if (nextMs < Infinity) this.#alarm.by(nextMs);
  }

  #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }
}

function ownerOf({ credentials }: Caller): string {
  return JSON.stringify(credentials.map(({ scheme, data }) => [scheme, data]));
}
