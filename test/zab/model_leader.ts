/** Drives a leader machine in the model, as src/server/ensemble does: history, syncs, and what live links get. */
import { type Zxid, ZXID_NONE, zxidOf } from "../../src/base/zxid.ts";
import type { LeaderEffect, LeaderEvent, LinkId } from "../../src/zab/events.ts";
import { Leader } from "../../src/zab/leader.ts";
import { chooseSync, type SyncOp, SyncWalk } from "../../src/zab/sync_choice.ts";
import type { Txn } from "./model_disk.ts";
import type { LearnerPacket, ModelLearner } from "./model_learner.ts";
import type { ModelLink } from "./model_link.ts";
import { ModelMachine, TIMES } from "./model_machine.ts";
import type { ModelServer, World } from "./model_world.ts";

interface Entry {
  readonly link: ModelLink;
  readonly learner: ModelLearner;
  through: Zxid;
  isLive: boolean;
}

export class ModelLeader {
  readonly server: ModelServer;
  readonly #world: World;
  readonly #machine: Leader;
  readonly #driver: ModelMachine<LeaderEvent, LeaderEffect>;
  readonly #entries = new Map<LinkId, Entry>();
  readonly #stay: number;
  #counter = 0;

  constructor(world: World, server: ModelServer) {
    const { disk, sid } = server;
    this.server = server;
    this.#world = world;
    this.#stay = ++server.stay;
    this.#machine = new Leader({
      ...TIMES,
      sid,
      quorums: [world.quorum],
      acceptedEpoch: disk.acceptedEpoch,
      currentEpoch: disk.currentEpoch,
      lastZxid: disk.last,
      configVersion: 0 as Zxid,
      stay: this.#stay,
    });
    this.#driver = new ModelMachine(world.agenda, this.#machine, (effect) => this.#execute(effect));
    disk.onDurable = (through) => this.dispatch({ kind: "durable", stay: this.#stay, through });
  }

  get isServing(): boolean {
    return this.#machine.isServing && !this.#driver.isStopped;
  }

  begin(): void {
    this.dispatch({ kind: "start" });
  }

  dispatch(event: LeaderEvent): void {
    this.#driver.dispatch(event);
  }

  accept(link: ModelLink, learner: ModelLearner): void {
    this.#entries.set(link.id, { link, learner, through: ZXID_NONE, isLive: false });
    link.onClosedAtLeader = () => {
      this.#entries.delete(link.id);
      this.dispatch({ kind: "closed", link: link.id });
    };
  }

  end(): void {
    this.#driver.stop();
    for (const { link } of this.#entries.values()) link.cut();
    this.#entries.clear();
  }

  write(): void {
    const txn = { zxid: zxidOf(this.#machine.epoch, ++this.#counter), id: this.#world.nextId() };
    this.server.disk.append(txn);
    for (const entry of this.#entries.values()) {
      if (entry.isLive) this.#send(entry, { kind: "proposal", txn });
    }
    this.dispatch({ kind: "proposed", through: txn.zxid });
  }

  #send({ link, learner }: Entry, packet: LearnerPacket): void {
    link.toLearner(() => learner.receive(packet));
  }

  #execute(effect: LeaderEffect): void {
    const { disk } = this.server;
    switch (effect.kind) {
      case "storeAcceptedEpoch":
        return disk.storeAccepted(
          effect.epoch,
          () => this.dispatch({ kind: "acceptedEpochStored" }),
        );
      case "storeCurrentEpoch":
        this.#world.checker.onEpoch(this.server, this.#stay, effect.epoch);
        return disk.storeCurrent(effect.epoch, () => this.dispatch({ kind: "currentEpochStored" }));
      case "serve":
        return this.#world.checker.onLeading(this.server, effect.epoch);
      case "commit":
        this.#world.checker.onCommit(this.server, effect.through);
        for (const entry of this.#entries.values()) {
          if (entry.isLive) this.#send(entry, { kind: "commit", zxid: effect.through });
        }
        return;
      case "leave":
        return this.#world.leave(this.server, effect.reason);
      default:
        return this.#toLink(effect);
    }
  }

  #toLink(effect: Extract<LeaderEffect, { link: LinkId }>): void {
    const entry = this.#entries.get(effect.link);
    if (entry === undefined) return;
    switch (effect.kind) {
      case "sendLeaderInfo":
        return this.#send(entry, {
          kind: "leaderInfo",
          epoch: effect.epoch,
          protocolVersion: 0x10000,
        });
      case "sync":
        return this.#sync(entry, effect.lastZxid, effect.epoch);
      case "goLive":
        return this.#goLive(entry);
      case "ping":
        return this.#send(entry, { kind: "ping" });
      case "drop":
        this.#world.count(`drop ${effect.reason}`);
        this.#entries.delete(effect.link);
        return entry.link.cut();
    }
  }

  // ------------------------------------------------------------------------------ bringing a learner up to date

  #sync(entry: Entry, peerLast: Zxid, epoch: number): void {
    const { committed } = this.#machine;
    const history = this.server.disk.log.filter(({ zxid }) => zxid <= committed);
    const last = history.at(-1)?.zxid ?? 0 as Zxid;
    const { op, txns } = this.#choose(peerLast, history, last);
    this.#world.count(op === undefined ? "snap" : op.kind);
    if (op === undefined) this.#send(entry, { kind: "snap", zxid: last, log: history });
    else this.#send(entry, { kind: op.kind, zxid: op.kind === "trunc" ? op.zxid : last });
    for (const txn of txns) {
      this.#send(entry, { kind: "proposal", txn });
      this.#send(entry, { kind: "commit", zxid: txn.zxid });
    }
    this.#send(entry, { kind: "newLeader", epoch });
    entry.through = last;
    const { agenda, prng } = this.#world, link = entry.link.id;
    const synced = (): void => this.dispatch({ kind: "synced", link, through: last });
    if (prng.chance(1, 2)) synced();
    else agenda.after(prng.below(40), synced);
  }

  /** Memory begins anywhere in the history, and so does what is left of the log in front of it. */
  #choose(
    peerLast: Zxid,
    history: readonly Txn[],
    last: Zxid,
  ): { op: SyncOp | undefined; txns: readonly Txn[] } {
    const { prng } = this.#world;
    const memoryFrom = prng.below(history.length + 1);
    const base = history[memoryFrom - 1]?.zxid ?? 0 as Zxid;
    const choice = chooseSync({
      peerLast,
      last,
      memory: { min: base, max: last },
      forceSnapshot: prng.chance(1, 30),
      mayReadLog: prng.chance(3, 4),
    });
    if (choice.kind === "diff" || choice.kind === "trunc") return { op: choice, txns: [] };
    if (choice.kind === "snap") return { op: undefined, txns: [] };
    if (choice.kind === "walkMemory") {
      const walk = new SyncWalk(peerLast);
      const floor = history.findLast(({ zxid }) => zxid <= peerLast)?.zxid ?? 0 as Zxid;
      walk.take(floor);
      return walkOver(walk, history.filter(({ zxid }) => zxid > peerLast));
    }
    const from = prng.below(memoryFrom + 1);
    const before = from === 0 ? 0 as Zxid : history[from - 1]?.zxid;
    return walkOver(new SyncWalk(peerLast, before), history.slice(from));
  }

  #goLive(entry: Entry): void {
    const { committed } = this.#machine;
    entry.isLive = true;
    this.#send(entry, { kind: "upToDate" });
    for (const txn of this.server.disk.log) {
      if (txn.zxid <= entry.through) continue;
      this.#send(entry, { kind: "proposal", txn });
      if (txn.zxid <= committed) this.#send(entry, { kind: "commit", zxid: txn.zxid });
    }
  }
}

function walkOver(
  walk: SyncWalk,
  history: readonly Txn[],
): { op: SyncOp | undefined; txns: readonly Txn[] } {
  const txns: Txn[] = [];
  for (const txn of history) {
    const verdict = walk.take(txn.zxid);
    if (verdict === "snap") return { op: undefined, txns: [] };
    if (verdict === "send") txns.push(txn);
  }
  const op = walk.end();
  return { op, txns: op === undefined ? [] : txns };
}
