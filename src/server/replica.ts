/**
 * One server's tree with sessions, watches and connections, for as long as it is in one role (DESIGN decisions 6 to 9). How a
 * write gets decided is the role's: `writes` is a `Sequencer` (standalone, leader) or a `Forwarder` (learner). The tree and
 * the journal outlive it; everything else ends with it.
 */
import { invariant } from "../base/invariant.ts";
import type { Log } from "../base/log.ts";
import { ZXID_ZERO } from "../base/zxid.ts";
import { Reader } from "../jute/reader.ts";
import type { Clock } from "../runtime.ts";
import type { AuthSchemes } from "../session/auth/schemes.ts";
import { SessionTable } from "../session/sessions.ts";
import type { Journal, Pending } from "../storage/journal.ts";
import type { Tree } from "../tree/tree.ts";
import type { Database } from "../txn/database.ts";
import { Watches } from "../watch/watches.ts";
import { Answers } from "./answers.ts";
import type { Auditor } from "./audit.ts";
import type { ClientConnection } from "./connection.ts";
import { Forwarder } from "./forwarder.ts";
import { Housekeeping } from "./housekeeping.ts";
import { Leading } from "./leading.ts";
import { LearnerSessions } from "./learner_sessions.ts";
import { LocalSessions } from "./local_sessions.ts";
import type { ServerOptions } from "./options.ts";
import { OutputPool } from "./output.ts";
import type { MemoryGuard } from "./memory_guard.ts";
import type { LeaderWrites, LearnerRole, LearnerWrites, Role } from "./role.ts";
import { Sequencer } from "./sequencer.ts";
import type { SessionParts, SessionService } from "./session_service.ts";
import type { ServerTxn } from "./server_txn.ts";
import type { ServerStats } from "./stats.ts";
import type { FourLetterCommands, ServerMode } from "./view.ts";
import type { Writes } from "./writes.ts";

export interface ReplicaParts extends SessionParts {
  readonly options: ServerOptions;
  readonly clock: Clock;
  readonly log: Log;
  readonly db: Database;
  /** Standalone and at a leader. A learner's driver logs what the leader proposes; at a leader it also hears what is durable. */
  readonly journal: Journal<Pending>;
  readonly auth: AuthSchemes;
  readonly stats: ServerStats;
  readonly memory: MemoryGuard;
  /** Undefined: standalone. */
  readonly role?: Role;
  /** Four-letter words that its connections answer. */
  readonly commands?: FourLetterCommands | undefined;
  /** Txns were logged and applied: snapshots are triggered from here. */
  readonly onGroupApplied: (txns: number) => void;
  readonly onFatal: (error: unknown) => void;
}

export class Replica {
  readonly options: ServerOptions;
  readonly clock: Clock;
  readonly log: Log;
  readonly db: Database;
  readonly tree: Tree;
  readonly auth: AuthSchemes;
  readonly stats: ServerStats;
  readonly memory: MemoryGuard;
  readonly mode: ServerMode;
  readonly watches = new Watches((type, watches) => this.stats.watchesFired(type, watches));
  readonly sessions: SessionTable;
  readonly pool = new OutputPool();
  /** One for all connections: requests are decoded one at a time. */
  readonly reader: Reader;
  readonly answers: Answers;
  readonly writes: Writes;
  readonly sessionService: SessionService;
  readonly housekeeping: Housekeeping;
  readonly connections = new Set<ClientConnection>();
  readonly sessionless = new Set<ClientConnection>();
  /** Ended from our side, waiting for the peer's FIN. */
  readonly lingering = new Set<ClientConnection>();
  /** Undefined: no audit log. */
  audit: Auditor | undefined;
  /** Whose input waits. */
  readonly held = new Set<ClientConnection>();
  commands: FourLetterCommands | undefined;
  /** The epoch served begins here: everything before is in the tree, though no txn has this zxid (an Apache leader shows it). */
  epochZxid = ZXID_ZERO;
  /** No new connections, and nothing of its own. */
  isStopping = false;
  /** Of large requests that are not answered. */
  #largeBytes = 0;
  /** When the turn began: txns prepared in it have this time. */
  wallMs = 0;
  readonly #onFatal: (error: unknown) => void;
  readonly #leader: LeaderWrites | undefined;
  readonly #learner: LearnerWrites | undefined;
  readonly #dirty: ClientConnection[] = [];

  constructor(parts: ReplicaParts) {
    const { options, db, role } = parts;
    this.options = options;
    this.clock = parts.clock;
    this.log = parts.log;
    this.db = db;
    this.tree = db.tree;
    this.auth = parts.auth;
    this.stats = parts.stats;
    this.memory = parts.memory;
    this.mode = modeOf(role);
    this.commands = parts.commands;
    this.#onFatal = parts.onFatal;
    this.reader = new Reader(options.juteMaxBufferBytes + options.juteExtraBytes);
    this.sessions = new SessionTable(options.tickMs);
    this.housekeeping = new Housekeeping(this);
    this.answers = new Answers(this, parts.ids);
    for (const id of db.sessions.keys()) parts.ids.observe(id);
    if (role?.kind === "learner") {
      const { writes, sessions, learner } = this.#learnerParts(role, parts);
      this.writes = writes;
      this.sessionService = sessions;
      this.#learner = learner;
      return;
    }
    const sequencer = new Sequencer(this, { ...parts, role });
    const sessions = new LocalSessions(this, parts);
    this.writes = sequencer;
    this.sessionService = sessions;
    if (role !== undefined) this.#leader = new Leading(this, sequencer, sessions);
    const now = this.nowMs();
    for (const [id, timeoutMs] of db.sessions) this.sessions.track(id, timeoutMs, now);
  }

  #learnerParts(
    role: LearnerRole,
    parts: ReplicaParts,
  ): { writes: Writes; sessions: SessionService; learner: LearnerWrites } {
    const writes = new Forwarder(this, role, parts.onGroupApplied);
    const sessions = new LearnerSessions(this, parts, writes);
    const learner: LearnerWrites = {
      apply: (txn) => writes.apply(txn),
      syncReached: () => writes.syncReached(),
      endTurn: () => writes.endTurn(),
      revalidated: (id, isValid) => sessions.revalidated(id, isValid),
      takeTouches: () => sessions.takeTouches(),
    };
    return { writes, sessions, learner };
  }

  /** For the driver of a leading replica. */
  get leader(): LeaderWrites {
    invariant(this.#leader !== undefined, "The replica leads", { mode: this.mode });
    return this.#leader;
  }

  /** For the driver of a following or observing replica. */
  get learner(): LearnerWrites {
    invariant(this.#learner !== undefined, "The replica learns", { mode: this.mode });
    return this.#learner;
  }

  /**
   * The role is over (DESIGN decision 9): every client is cut off, nothing is answered or forwarded, no timer is left. The
   * tree is as the last txn applied left it, and another replica may take it over, with what the log has beyond it.
   */
  end(reason: string): void {
    this.isStopping = true;
    this.housekeeping.stop();
    this.writes.end();
    for (const connection of [...this.connections]) connection.close(reason);
    for (const connection of [...this.lingering]) connection.destroy();
    this.#dirty.length = 0;
  }

  /** A chunk, a timer: txns prepared in one turn have one time. @returns monotonic ms */
  beginTurn(): number {
    this.housekeeping.onTurn();
    this.wallMs = this.clock.wallMs();
    return this.nowMs();
  }

  nowMs(): number {
    return this.clock.monotonicMs();
  }

  admitsLargeRequest(length: number): boolean {
    const { largeRequestThresholdBytes: threshold, largeRequestMaxBytes } = this.options;
    return threshold < 0 || length <= threshold ||
      this.#largeBytes + length <= largeRequestMaxBytes;
  }

  /** A large request counts against largeRequestMaxBytes until its txn is answered. */
  countLarge(txn: ServerTxn, length: number): void {
    const { largeRequestThresholdBytes: threshold } = this.options;
    if (threshold <= 0 || length <= threshold) return;
    txn.largeBytes = length;
    this.#largeBytes += length;
  }

  answered(txn: ServerTxn): void {
    this.#largeBytes -= txn.largeBytes;
  }

  // ------------------------------------------------------------------------------ output

  markDirty(connection: ClientConnection): void {
    if (connection.isDirty) return;
    connection.isDirty = true;
    this.#dirty.push(connection);
  }

  /** Connections that got replies or notifications in this turn send them. */
  flushDirty(): void {
    for (const connection of this.#dirty) connection.flush();
    this.#dirty.length = 0;
  }

  resumeHeld(): void {
    for (const connection of [...this.held]) connection.tryResume();
  }

  // ------------------------------------------------------------------------------ connections

  onConnectionGone(connection: ClientConnection): void {
    this.connections.delete(connection);
    this.sessionless.delete(connection);
    this.lingering.delete(connection);
    this.held.delete(connection);
    this.watches.drop(connection);
    this.sessionService.onGone(connection);
  }

  onConnectionBug(error: unknown): void {
    this.stats.counters.unrecoverableErrors++;
    this.#onFatal(error);
  }
}

function modeOf(role: Role | undefined): ServerMode {
  if (role === undefined) return "standalone";
  if (role.kind === "leader") return "leader";
  return role.isObserver ? "observer" : "follower";
}
