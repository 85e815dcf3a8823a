/**
 * This server follows or observes (docs/internals/ensemble.md): the leader's packets, files and groups of the journal become
 * events of the machine, and what it decides is carried out here.
 */
import { messageOf, ProtocolError } from "../../base/errors.ts";
import { unreachable } from "../../base/invariant.ts";
import { type Zxid, ZXID_NONE, zxidOf } from "../../base/zxid.ts";
import type { Cancel, Connection } from "../../runtime.ts";
import type { Pending } from "../../storage/journal.ts";
import type { LearnerEffect, LearnerEvent } from "../../zab/events.ts";
import { Learner } from "../../zab/learner.ts";
import {
  PacketType,
  PROTOCOL_VERSION,
  writeAckEpoch,
  writeLearnerInfo,
  writePacket,
  writePong,
  writeRequest,
  writeRevalidate,
} from "../../zab/packets.ts";
import type { Sid } from "../../zab/vote.ts";
import { Fifo } from "../../base/fifo.ts";
import type { Replica } from "../replica.ts";
import type { LearnerRole } from "../role.ts";
import { TXN_SLACK_BYTES } from "../writes.ts";
import { diallingOf, LeaderDial } from "./dial_leader.ts";
import { LeaderLink, type LeaderLinkHost } from "./leader_link.ts";
import { MachineDriver } from "./machine_driver.ts";
import { limitsOf, packetBytesMax, type RoleParts } from "./parts.ts";
import { takeSnapshot, truncateLog } from "./replace_files.ts";
import { TxnIntake } from "./txn_intake.ts";

/** What the journal must have room for before the next packet is taken; larger txns get a buffer of their own. */
const ROOM_BYTES = 0xfffff + TXN_SLACK_BYTES;

export interface FollowingOptions {
  readonly leader: Sid;
  readonly isObserver: boolean;
  /** The own tail could not be cut off: only a snapshot helps, so nothing is said to be there. */
  readonly mustTakeSnapshot: boolean;
}

export class FollowingRole implements LeaderLinkHost {
  readonly #parts: RoleParts;
  readonly #options: FollowingOptions;
  readonly #driver: MachineDriver<LearnerEvent, LearnerEffect>;
  readonly #learner: Learner;
  readonly #intake: TxnIntake;
  /** SYNC came, and counts once this is applied. */
  readonly #syncs = new Fifo<Zxid>();
  #link: LeaderLink | undefined;
  #replica: Replica | undefined;
  /** UPTODATE came: clients are served when this is applied. */
  #toServe: { readonly epoch: number; readonly through: Zxid } | undefined;
  /** Of the proposal under way, for `append`. */
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #zxid = 0 as Zxid;
  #pingZxid = 0 as Zxid;
  /** Files are being replaced: leaving waits for it. */
  #replacing: Promise<void> = Promise.resolve();
  #syncMode = "";
  #isOver = false;
  /** Of dialling. */
  #giveUp: Cancel = () => {};
  #dialling: LeaderDial | undefined;
  #finish: (reason: string) => void = () => {};

  constructor(parts: RoleParts, options: FollowingOptions) {
    const { ensemble, epochs, history, stay } = parts;
    this.#parts = parts;
    this.#options = options;
    this.#intake = new TxnIntake(parts);
    const { initLimitMs, syncLimitMs } = limitsOf(parts.options, ensemble);
    this.#learner = new Learner({
      isObserver: options.isObserver,
      acceptedEpoch: epochs.accepted,
      currentEpoch: epochs.current,
      lastZxid: options.mustTakeSnapshot ? ZXID_NONE : history.lastZxid,
      initLimitMs,
      syncLimitMs,
      stay,
    });
    this.#driver = new MachineDriver(
      parts.runtime.clock,
      this.#learner,
      (effect) => this.#execute(effect),
      (error) => this.onBug(error),
    );
  }

  /** Resolves with the reason for which the role is over; `leave` must follow. */
  run(): Promise<string> {
    return new Promise((resolve) => {
      this.#finish = resolve;
      this.#listen();
      this.#driver.dispatch({ kind: "start" });
    });
  }

  get leader(): Sid {
    return this.#options.leader;
  }

  /** From outside: `run` resolves. */
  stop(reason: string): void {
    this.#over(reason);
  }

  /** Nothing is answered, forwarded or acknowledged any more. Resolves when no file is being changed. */
  async leave(reason: string): Promise<void> {
    this.#over(reason);
    this.#driver.stop();
    this.#replica?.end(reason);
    this.#link?.close(reason);
    await this.#replacing;
    this.#intake.close();
    const { journal } = this.#parts.storage;
    journal.onDurable = () => {};
    journal.onRoom = () => {};
  }

  get replica(): Replica | undefined {
    return this.#replica;
  }
  get phase(): string {
    if (this.#learner.isServing) return "broadcast";
    return this.#syncMode === "" ? "discovery" : `synchronization - ${this.#syncMode}`;
  }

  // ------------------------------------------------------------------------------ effects

  #execute(effect: LearnerEffect): void {
    switch (effect.kind) {
      case "append":
        return this.#intake.append(this.#zxid, this.#bytes, this.#start, this.#end);
      case "skip":
        return;
      case "commit":
        return this.#intake.commit(effect.through);
      case "ack":
        return this.#ack(effect.from, effect.through);
      case "pong":
        return this.#pong();
      case "dial":
        return this.#dial();
      case "leave":
        return this.#over(effect.reason);
      default:
        return this.#executeRare(effect);
    }
  }

  #executeRare(
    effect: Exclude<
      LearnerEffect,
      { kind: "append" | "skip" | "commit" | "ack" | "pong" | "dial" | "leave" }
    >,
  ): void {
    const { epochs, ensemble } = this.#parts;
    switch (effect.kind) {
      case "sendInfo":
        return this.#send((w) => {
          const type = this.#options.isObserver ? PacketType.observerInfo : PacketType.followerInfo;
          writeLearnerInfo(w, type, zxidOf(effect.acceptedEpoch, 0), {
            sid: ensemble.sid,
            protocolVersion: PROTOCOL_VERSION,
            configVersion: ensemble.membership.version,
          });
        });
      case "storeAcceptedEpoch":
        return this.#store(epochs.storeAccepted(effect.epoch), "acceptedEpochStored");
      case "storeCurrentEpoch":
        return this.#store(epochs.storeCurrent(effect.epoch), "currentEpochStored");
      case "sendAckEpoch":
        return this.#send((w) => writeAckEpoch(w, effect.lastZxid, effect.currentEpoch));
      case "ackNewLeader":
        return this.#send((w) => writePacket(w, PacketType.ack, zxidOf(effect.epoch, 0)));
      case "truncate":
        this.#syncMode = "trunc";
        this.#link?.hold();
        return this.#replace(() => this.#truncate(effect.zxid));
      case "receiveSnapshot":
        this.#syncMode = "snap";
        return this.#replace(() => this.#receive(effect.zxid));
      case "serve":
        this.#toServe = { epoch: effect.epoch, through: this.#intake.committed };
        return;
      default:
        return unreachable(effect);
    }
  }

  #over(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#giveUp();
    this.#finish(reason);
  }

  #send(write: (w: LeaderLink["output"]["w"]) => void): void {
    const link = this.#link;
    if (link === undefined || link.isGone) return;
    write(link.output.w);
    link.output.flush();
  }

  #store(storing: Promise<void>, kind: "acceptedEpochStored" | "currentEpochStored"): void {
    storing.then(() => {
      if (!this.#isOver) this.#driver.dispatch({ kind });
    }).catch((error: unknown) => this.onBug(error));
  }

  #dial(): void {
    const { runtime, ensemble, options, log } = this.#parts, { leader } = this.#options;
    this.#dialling ??= new LeaderDial(runtime, {
      ...diallingOf(ensemble, options.tickMs, leader),
      isOver: () => this.#isOver,
      onPending: (giveUp) => this.#giveUp = giveUp,
    });
    this.#dialling.next().then((connection) => {
      if (this.#isOver) return connection?.close();
      if (connection !== undefined) return this.#connected(connection);
      log.info("Cannot reach the leader", { leader });
      this.#driver.dispatch({ kind: "closed" });
    }).catch((error: unknown) => this.onBug(error));
  }

  #connected(connection: Connection): void {
    const { options, stats } = this.#parts;
    this.#link = new LeaderLink(connection, this, packetBytesMax(options), stats.counters);
    this.#driver.dispatch({ kind: "connected" });
  }

  // ------------------------------------------------------------------------------ files replaced

  #replace(work: () => Promise<void>): void {
    this.#replacing = work().catch((error: unknown) => {
      if (error instanceof ProtocolError) this.#link?.close(messageOf(error));
      else this.onBug(error);
    });
  }

  async #truncate(through: Zxid): Promise<void> {
    const lastZxid = await truncateLog(this.#parts, through);
    this.#replaced({ kind: "truncated", lastZxid });
  }

  async #receive(zxid: Zxid): Promise<void> {
    const link = this.#link as LeaderLink;
    const isDone = await takeSnapshot(this.#parts, link, zxid, {
      isWanted: () => !this.#isOver && !link.isGone,
      onReceived: () => this.#driver.dispatch({ kind: "snapshotReceived" }),
    });
    if (!isDone) return;
    this.#replaced({ kind: "snapshotStored", lastZxid: zxid });
  }

  #replaced(event: LearnerEvent): void {
    this.#intake.reset();
    this.#listen();
    if (this.#isOver) return;
    this.#driver.dispatch(event);
    this.#link?.release();
  }

  #listen(): void {
    const { journal } = this.#parts.storage;
    journal.onDurable = (entries) => this.#onDurable(entries);
    journal.onRoom = () => this.#link?.resume();
    journal.onFailure = (error) => this.#parts.onFatal(error);
  }

  // ------------------------------------------------------------------------------ txns

  onProposal(
    zxid: Zxid,
    isCommitted: boolean,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    this.#zxid = zxid;
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#driver.dispatch({ kind: "proposal", zxid, isCommitted });
  }

  #onDurable(entries: readonly Pending[]): void {
    const last = entries[entries.length - 1];
    if (last === undefined || this.#isOver) return;
    this.#intake.durable(last.zxid);
    this.#driver.dispatch({ kind: "durable", stay: this.#parts.stay, through: last.zxid });
    this.#guard(() => this.endTurn());
    if (!this.#isOver) this.#link?.output.flush();
  }

  /** What a leader sent turned out to be no txn: the log has it, the tree has not. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof ProtocolError) this.#link?.close(messageOf(error));
      else throw error;
    }
  }

  #ack(from: Zxid, through: Zxid): void {
    if (this.#link?.isGone === false) this.#link.ack(this.#parts.history, from, through);
  }

  endTurn(): void {
    if (this.#isOver) return;
    const replica = this.#replica, syncs = this.#syncs;
    this.#parts.storage.journal.flush();
    this.#intake.applyReady();
    while ((syncs.peek() ?? Infinity) <= this.#intake.applied) {
      syncs.shift();
      replica?.learner.syncReached();
    }
    replica?.learner.endTurn();
    this.#serveIfReady();
  }

  #serveIfReady(): void {
    const next = this.#toServe;
    if (next === undefined || this.#intake.applied < next.through) return;
    this.#toServe = undefined;
    const send = (write: (w: LeaderLink["output"]["w"]) => void): void => {
      if (!this.#isOver && this.#link !== undefined) write(this.#link.output.w);
    };
    const link = this.#link as LeaderLink;
    const role: LearnerRole = {
      kind: "learner",
      isObserver: this.#options.isObserver,
      sendRequest: (request) => send((w) => writeRequest(w, request)),
      sendRevalidate: (id, timeoutMs) => send((w) => writeRevalidate(w, id, timeoutMs)),
      flush: () => link.output.flush(),
      received: () => this.#parts.history.lastZxid,
      get isCongested() {
        return link.output.isClogged;
      },
    };
    this.#replica = this.#parts.makeReplica(role);
    this.#intake.serve(this.#replica);
    this.#parts.onServing(this.#replica, next.epoch);
  }

  // ------------------------------------------------------------------------------ as the link sees it

  get mustWait(): boolean {
    return !this.#parts.storage.journal.hasRoom(ROOM_BYTES);
  }

  dispatch(event: LearnerEvent): void {
    if (event.kind === "diff") this.#syncMode = "diff";
    if (!this.#isOver) this.#driver.dispatch(event);
  }

  onPing(zxid: Zxid): void {
    this.#pingZxid = zxid;
    this.dispatch({ kind: "ping" });
  }

  #pong(): void {
    const touches = this.#replica?.learner.takeTouches() ?? [];
    const { juteMaxBufferBytes } = this.#parts.options;
    this.#send((w) => writePong(w, this.#pingZxid, touches, juteMaxBufferBytes));
  }

  onSync(): void {
    this.dispatch({ kind: "heard" });
    this.#syncs.push(this.#intake.committed);
  }

  onRevalidated(sessionId: bigint, isValid: boolean): void {
    this.dispatch({ kind: "heard" });
    this.#replica?.learner.revalidated(sessionId, isValid);
  }

  onDrained(): void {
    if (!this.#isOver) this.#replica?.learner.endTurn();
  }

  onGone(reason: string): void {
    if (this.#isOver) return;
    this.#parts.log.info("The connection to the leader is gone", {
      leader: this.#options.leader,
      reason,
    });
    this.#driver.dispatch({ kind: "closed" });
  }

  onBug(error: unknown): void {
    this.#parts.onFatal(error);
  }
}
