/** Drives a learner machine in the model, as src/server/ensemble does. */
import { type Zxid, zxidOf } from "../../src/base/zxid.ts";
import type { LeaderEvent, LearnerEffect, LearnerEvent } from "../../src/zab/events.ts";
import { Learner } from "../../src/zab/learner.ts";
import { PROTOCOL_VERSION } from "../../src/zab/packets.ts";
import type { Txn } from "./model_disk.ts";
import { ModelLeader } from "./model_leader.ts";
import type { ModelLink } from "./model_link.ts";
import { ModelMachine, TIMES } from "./model_machine.ts";
import type { ModelServer, World } from "./model_world.ts";

export type LearnerPacket =
  | Extract<LearnerEvent, { kind: "leaderInfo" | "diff" | "trunc" | "commit" | "newLeader" }>
  | Extract<LearnerEvent, { kind: "upToDate" | "ping" }>
  | { readonly kind: "proposal"; readonly txn: Txn }
  | { readonly kind: "snap"; readonly zxid: Zxid; readonly log: readonly Txn[] };

const DIALS_MAX = 4;

export class ModelLearner {
  readonly server: ModelServer;
  readonly leader: ModelServer;
  readonly #world: World;
  readonly #machine: Learner;
  readonly #driver: ModelMachine<LearnerEvent, LearnerEffect>;
  readonly #stay: number;
  #link: ModelLink | undefined;
  /** What the leader's connection belongs to. */
  #at: ModelLeader | undefined;
  /** Packets wait while a file is being changed. */
  readonly #inbox: LearnerPacket[] = [];
  #isHeld = false;
  #given: Txn | undefined;
  #snapshot: readonly Txn[] = [];

  constructor(world: World, server: ModelServer, leader: ModelServer) {
    const { disk, isObserver } = server;
    this.#world = world;
    this.server = server;
    this.leader = leader;
    this.#stay = ++server.stay;
    this.#machine = new Learner({
      ...TIMES,
      isObserver,
      acceptedEpoch: disk.acceptedEpoch,
      currentEpoch: disk.currentEpoch,
      lastZxid: disk.last,
      stay: this.#stay,
    });
    this.#driver = new ModelMachine(world.agenda, this.#machine, (effect) => this.#execute(effect));
    disk.onDurable = (through) => this.#dispatch({ kind: "durable", stay: this.#stay, through });
  }

  get isServing(): boolean {
    return this.#machine.isServing && !this.#driver.isStopped;
  }

  begin(): void {
    this.#dispatch({ kind: "start" });
  }

  end(): void {
    this.#driver.stop();
    this.#link?.cut();
  }

  cut(): void {
    this.#link?.cut();
  }

  /** Nothing arrives for so long, either way. */
  clog(forMs: number): void {
    this.#link?.clog(forMs);
  }

  receive(packet: LearnerPacket): void {
    this.#inbox.push(packet);
    this.#pump();
  }

  #pump(): void {
    while (!this.#isHeld && !this.#driver.isStopped) {
      const packet = this.#inbox.shift();
      if (packet === undefined) return;
      if (packet.kind === "proposal") {
        this.#given = packet.txn;
        this.#dispatch({ kind: "proposal", zxid: packet.txn.zxid, isCommitted: false });
      } else {
        if (packet.kind === "snap") this.#snapshot = packet.log;
        this.#dispatch(packet);
      }
    }
  }

  #dispatch(event: LearnerEvent): void {
    this.#driver.dispatch(event);
  }

  #dial(attempt: number): void {
    const { agenda, prng } = this.#world;
    agenda.after(1 + prng.below(5), () => {
      if (this.#driver.isStopped) return;
      const { role } = this.leader;
      if (role instanceof ModelLeader) return this.#connect(role);
      if (attempt >= DIALS_MAX) return this.#dispatch({ kind: "closed" });
      agenda.after(50, () => this.#dial(attempt + 1));
    });
  }

  #connect(leader: ModelLeader): void {
    const link = this.#world.makeLink();
    this.#link = link;
    this.#at = leader;
    link.onClosedAtLearner = () => this.#dispatch({ kind: "closed" });
    leader.accept(link, this);
    this.#dispatch({ kind: "connected" });
  }

  #tell(event: LeaderEvent): void {
    this.#link?.toLeader(() => this.#at?.dispatch(event));
  }

  #execute(effect: LearnerEffect): void {
    const { disk, sid, isObserver } = this.server;
    const link = this.#link?.id ?? 0 as ModelLink["id"];
    switch (effect.kind) {
      case "dial":
        return this.#dial(1);
      case "sendInfo":
        return this.#tell({
          kind: "learnerInfo",
          link,
          sid,
          isObserver,
          acceptedEpoch: effect.acceptedEpoch,
          protocolVersion: PROTOCOL_VERSION,
          configVersion: 0 as Zxid,
        });
      case "storeAcceptedEpoch":
        return disk.storeAccepted(
          effect.epoch,
          () => this.#dispatch({ kind: "acceptedEpochStored" }),
        );
      case "sendAckEpoch":
        return this.#tell({ ...effect, kind: "ackEpoch", link });
      case "storeCurrentEpoch":
        return disk.storeCurrent(
          effect.epoch,
          () => this.#dispatch({ kind: "currentEpochStored" }),
        );
      case "ackNewLeader":
        return this.#tell({ kind: "ack", link, zxid: zxidOf(effect.epoch, 0) });
      case "ack":
        return this.#tell({ kind: "ack", link, zxid: effect.through });
      case "pong":
        return this.#tell({ kind: "heard", link });
      case "serve":
        return this.#world.checker.onLearning(this.server);
      case "leave":
        return this.#world.leave(this.server, effect.reason);
      default:
        return this.#toLog(effect);
    }
  }

  #toLog(
    effect: Extract<
      LearnerEffect,
      { kind: "append" | "skip" | "commit" | "truncate" | "receiveSnapshot" }
    >,
  ): void {
    const { disk } = this.server;
    switch (effect.kind) {
      case "append":
        return disk.append(this.#given as Txn);
      case "skip":
        return this.#world.count("skip");
      case "commit":
        // Before UPTODATE it is the leader's history, which may come to nothing with it; nobody has seen it then.
        if (this.isServing) this.#world.checker.onCommit(this.server, effect.through);
        return;
      case "truncate":
        this.#isHeld = true;
        return disk.replace(
          () => disk.log.filter(({ zxid }) => zxid <= effect.zxid),
          () => this.#release({ kind: "truncated", lastZxid: disk.last }),
        );
      case "receiveSnapshot":
        this.#isHeld = true;
        this.#dispatch({ kind: "snapshotReceived" });
        return disk.replace(
          () => [...this.#snapshot],
          () => this.#release({ kind: "snapshotStored", lastZxid: disk.last }),
        );
    }
  }

  #release(event: LearnerEvent): void {
    this.#world.checker.onReplaced(this.server);
    this.#dispatch(event);
    this.#isHeld = false;
    this.#pump();
  }
}
