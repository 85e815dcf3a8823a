/**
 * This server leads (docs/internals/ensemble.md): learners' packets, files and the replica's writes become events of the
 * machine, and what it decides is carried out here.
 */
import { messageOf } from "../../base/errors.ts";
import { unreachable } from "../../base/invariant.ts";
import { PEER_STRANGERS_MAX } from "../../base/limits.ts";
import { formatZxid, type Zxid, zxidOf } from "../../base/zxid.ts";
import type { Cancel, Connection } from "../../runtime.ts";
import type { Pending } from "../../storage/journal.ts";
import type { LeaderEffect, LeaderEvent, LinkId } from "../../zab/events.ts";
import { Leader } from "../../zab/leader.ts";
import { PacketType, writeLeaderInfo, writePacket } from "../../zab/packets.ts";
import type { Replica } from "../replica.ts";
import type { LeaderRole, LeaderWrites } from "../role.ts";
import type { ServerTxn } from "../server_txn.ts";
import type { LeadingView } from "../view.ts";
import { type Backlog, SyncRefused } from "./backlog.ts";
import { Handshakes } from "./handshakes.ts";
import { LearnerLink, type LearnerLinkHost } from "./learner_link.ts";
import { LiveFeed } from "./live_feed.ts";
import { MachineDriver } from "./machine_driver.ts";
import { limitsOf, packetBytesMax, type RoleParts } from "./parts.ts";
import { ProposedBytes } from "./proposed_bytes.ts";
import type { QuorumPort } from "./quorum_port.ts";
import { sendUntilHeld, SyncSender, SyncThrottle } from "./sync_sender.ts";

/** So few clients are answered before the followers hear of the commit: to wake them takes as long as the answer. */
const ANSWERED_FIRST_MAX = 8;

export class LeadingRole implements LearnerLinkHost {
  readonly #parts: RoleParts;
  readonly #port: QuorumPort;
  readonly #leader: Leader;
  readonly #driver: MachineDriver<LeaderEvent, LeaderEffect>;
  readonly #feed: LiveFeed;
  readonly #proposedBytes = new ProposedBytes();
  readonly #throttle: SyncThrottle;
  readonly #links = new Map<LinkId, LearnerLink>();
  readonly #syncs = new Map<LinkId, SyncSender>();
  /** Connections that have not said who they are. */
  readonly #handshakes: Handshakes;
  readonly #shaking = new Map<LearnerLink, Cancel>();
  #nextLink = 1;
  #replica: Replica | undefined;
  #servingSinceMs = 0;
  #committed: Zxid;
  #durable: Zxid;
  #released: Zxid;
  #isOver = false;
  #end: (reason: string) => void = () => {};

  constructor(parts: RoleParts, port: QuorumPort) {
    const { options, ensemble, epochs, history, stay } = parts;
    this.#parts = parts;
    this.#port = port;
    this.#throttle = new SyncThrottle(ensemble);
    this.#handshakes = new Handshakes(parts.runtime.clock, limitsOf(options, ensemble).initLimitMs);
    this.#committed = this.#durable = this.#released = history.lastZxid;
    this.#feed = new LiveFeed(history);
    this.#leader = new Leader({
      sid: ensemble.sid,
      quorums: [ensemble.membership.quorum],
      acceptedEpoch: epochs.accepted,
      currentEpoch: epochs.current,
      lastZxid: history.lastZxid,
      configVersion: ensemble.membership.version,
      ...limitsOf(options, ensemble),
      stay,
    });
    this.#driver = new MachineDriver(
      parts.runtime.clock,
      this.#leader,
      (effect) => this.#execute(effect),
      (error) => this.onBug(error),
    );
  }

  /** Resolves with the reason for which the role is over; `leave` must follow. */
  run(): Promise<string> {
    const { journal } = this.#parts.storage;
    return new Promise((resolve) => {
      this.#end = resolve;
      journal.onDurable = (entries) => this.#onDurable(entries);
      journal.onFailure = (error) => this.#parts.onFatal(error);
      this.#driver.dispatch({ kind: "start" });
      if (!this.#isOver) this.#port.lead((connection, first) => this.#accept(connection, first));
    });
  }

  /** From outside: `run` resolves. */
  stop(reason: string): void {
    this.#over(reason);
  }

  /** Nothing is answered, proposed or released any more. */
  leave(reason: string): void {
    this.#over(reason);
    this.#driver.stop();
    this.#port.refuse();
    this.#replica?.end(reason);
    for (const link of [...this.#links.values()]) link.close("this server leads no more");
    this.#feed.close();
    this.#parts.storage.journal.onDurable = () => {};
  }

  get replica(): Replica | undefined {
    return this.#replica;
  }
  get phase(): string {
    return this.#leader.isServing ? "broadcast" : "discovery";
  }
  get view(): LeadingView {
    const live = [...this.#links.values()].filter(({ isLive }) => isLive);
    const { voters } = this.#parts.ensemble.membership.quorum;
    const voting = live.filter(({ isObserver, sid }) => !isObserver && voters.has(sid)).length;
    const observers = live.filter(({ isObserver }) => isObserver).length;
    return {
      learners: [...this.#links.values()].filter(({ isIdentified }) => isIdentified).length,
      syncedFollowers: voting,
      syncedNonVotingFollowers: live.length - voting - observers,
      syncedObservers: observers,
      pendingSyncs: this.#syncs.size,
      sinceMs: this.#servingSinceMs,
      observers: () =>
        [...this.#links.values()].filter(({ isObserver }) => isObserver).map(({ view }) => view),
      resetObservers: () => {
        for (const link of this.#links.values()) if (link.isObserver) link.resetCounts();
      },
    };
  }

  // ------------------------------------------------------------------------------ effects

  #execute(effect: LeaderEffect): void {
    switch (effect.kind) {
      case "commit":
        return this.#commit(effect.through);
      case "ping":
        return this.#to(effect.link, ({ output }) => {
          writePacket(output.w, PacketType.ping, this.#parts.history.lastZxid);
        });
      case "storeAcceptedEpoch":
        return this.#store(this.#parts.epochs.storeAccepted(effect.epoch), "acceptedEpochStored");
      case "storeCurrentEpoch":
        return this.#store(this.#parts.epochs.storeCurrent(effect.epoch), "currentEpochStored");
      case "sendLeaderInfo":
        return this.#to(effect.link, ({ output }) => {
          writeLeaderInfo(output.w, zxidOf(effect.epoch, 0));
        });
      case "sync":
        return this.#to(effect.link, (link) => this.#sync(link, effect.lastZxid, effect.epoch));
      case "serve":
        return this.#serve(effect.epoch);
      case "goLive":
        return this.#to(effect.link, (link) => this.#goLive(link));
      case "drop":
        return this.#links.get(effect.link)?.close(`the leader drops it: ${effect.reason}`);
      case "leave":
        return this.#over(effect.reason);
      default:
        return unreachable(effect);
    }
  }

  #to(id: LinkId, send: (link: LearnerLink) => void): void {
    const link = this.#links.get(id);
    if (link === undefined || link.isGone) return;
    send(link);
    link.output.flush();
  }

  #over(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end(reason);
  }

  #store(storing: Promise<void>, kind: "acceptedEpochStored" | "currentEpochStored"): void {
    storing.then(() => {
      if (!this.#isOver) this.#driver.dispatch({ kind });
    }).catch((error: unknown) => this.#parts.onFatal(error));
  }

  #serve(epoch: number): void {
    const bytes = this.#proposedBytes;
    const role: LeaderRole = {
      kind: "leader",
      firstZxid: zxidOf(epoch, 1),
      sequenced: (txn) => this.#sequenced(txn),
      flush: () => this.#flush(),
      counterFull: () => this.#driver.dispatch({ kind: "counterFull" }),
      get isCongested() {
        return bytes.isTooMuch;
      },
    };
    this.#replica = this.#parts.makeReplica(role);
    this.#servingSinceMs = this.#parts.runtime.clock.monotonicMs();
    this.#parts.onServing(this.#replica, epoch);
  }

  // ------------------------------------------------------------------------------ broadcast

  #sequenced(txn: ServerTxn): void {
    const { history } = this.#parts;
    history.append(txn.zxid, txn.bytes, txn.start, txn.end);
    txn.bytes = history.bytesOfLast;
    txn.start = history.startOfLast;
    txn.end = history.endOfLast;
    this.#proposedBytes.add(txn.zxid, txn.end - txn.start);
  }

  #flush(): void {
    if (this.#isOver) return;
    this.#feed.flush();
    this.#driver.dispatch({ kind: "proposed", through: this.#parts.history.lastZxid });
  }

  #commit(through: Zxid): void {
    const areFew = through - this.#committed <= ANSWERED_FIRST_MAX;
    this.#committed = through;
    this.#feed.commit(through);
    if (areFew) this.#release();
    if (this.#isOver) return;
    this.#feed.flush();
    this.#release();
  }

  #onDurable(entries: readonly Pending[]): void {
    const last = entries[entries.length - 1];
    if (last === undefined) return;
    this.#durable = last.zxid;
    if (this.#isOver) return;
    this.#driver.dispatch({ kind: "durable", stay: this.#parts.stay, through: last.zxid });
    this.#release();
    // What came while this group was written goes next.
    this.#parts.storage.journal.flush();
  }

  /** Rule 1: committed, and on this disk. */
  #release(): void {
    const through = Math.min(this.#committed, this.#durable) as Zxid;
    if (through <= this.#released || this.#isOver) return;
    this.#released = through;
    this.#proposedBytes.release(through);
    this.#replica?.leader.release(through);
    this.#parts.history.applied(through);
  }

  // ------------------------------------------------------------------------------ links

  #accept(connection: Connection, first: readonly Uint8Array[]): void {
    const id = this.#nextLink++ as LinkId;
    const { options, runtime } = this.#parts;
    const establishedMs = runtime.clock.wallMs();
    const link = new LearnerLink(id, connection, this, packetBytesMax(options), establishedMs);
    this.#links.set(id, link);
    this.#shaking.set(link, this.#handshakes.add(connection, (reason) => link.close(reason)));
    for (const chunk of first) link.feed(chunk);
  }

  #sync(link: LearnerLink, lastZxid: Zxid, epoch: number): void {
    const { context, storage, history, ensemble, stats, log, configText } = this.#parts;
    const sender = new SyncSender(
      {
        context,
        storage,
        history,
        options: ensemble,
        stats,
        log,
        configText,
        isServing: () => this.#replica !== undefined,
        committed: () => this.#committed,
        onProgress: () => {
          if (!this.#isOver && !link.isGone) this.dispatch({ kind: "heard", link: link.id });
        },
      },
      this.#throttle,
      link,
    );
    this.#syncs.set(link.id, sender);
    sender.run(lastZxid, epoch).then((isDone) => {
      this.#syncs.delete(link.id);
      const { backlog } = link;
      if (!isDone || this.#isOver || link.isGone || backlog === undefined) return;
      this.#driver.dispatch({ kind: "synced", link: link.id, through: backlog.through });
    }).catch((error: unknown) => this.#syncFailed(link, error));
  }

  #syncFailed(link: LearnerLink, error: unknown): void {
    this.#syncs.delete(link.id);
    if (error instanceof SyncRefused) return link.close(error.message);
    if (this.#isOver) return;
    this.#parts.log.error("Cannot sync a learner", { sid: link.sid, error: messageOf(error) });
    this.#parts.onFatal(error);
  }

  #goLive(link: LearnerLink): void {
    const { backlog } = link;
    if (backlog === undefined) return;
    link.goLive();
    writePacket(link.output.w, PacketType.upToDate, -1);
    if (backlog.cursor !== undefined) return this.#feedLink(link, backlog);
    sendUntilHeld(link, backlog)
      .then(() => this.#feedLink(link, backlog))
      .catch((error: unknown) => this.#syncFailed(link, error));
  }

  #feedLink(link: LearnerLink, backlog: Backlog): void {
    if (this.#isOver || link.isGone) return;
    this.#feed.add(link, backlog.through, backlog);
    link.backlog = undefined;
  }

  // ------------------------------------------------------------------------------ as the links see it

  get writes(): LeaderWrites | undefined {
    return this.#replica?.leader;
  }
  get committed(): Zxid {
    return this.#committed;
  }
  get isOverloaded(): boolean {
    return this.#proposedBytes.isFarTooMuch;
  }

  dispatch(event: LeaderEvent): void {
    if (event.kind === "learnerInfo") this.#identified(event.link);
    if (!this.#isOver) this.#driver.dispatch(event);
  }

  #identified(id: LinkId): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    this.#shaken(link);
    this.#makeRoomFor(link);
    if (link.isGone) return;
    const { sid, remote } = link;
    this.#parts.log.info("Learner connected", { sid, peer: `${remote.host}:${remote.port}` });
  }

  #shaken(link: LearnerLink): void {
    this.#shaking.get(link)?.();
    this.#shaking.delete(link);
  }

  /** Servers outside the configuration are served up to a bound; those that are not up to date yet go first. */
  #makeRoomFor(link: LearnerLink): void {
    const { members } = this.#parts.ensemble.membership;
    if (members.has(link.sid)) return;
    const isStranger = ({ sid, isIdentified }: LearnerLink): boolean =>
      isIdentified && !members.has(sid);
    const strangers = [...this.#links.values()].filter(isStranger);
    if (strangers.length <= PEER_STRANGERS_MAX) return;
    const oldest = strangers.find(({ isLive }) => !isLive) ?? link;
    oldest.close("too many servers outside the configuration");
  }

  onDrained(link: LearnerLink): void {
    this.#feed.drained(link);
  }

  onGone(link: LearnerLink, reason: string): void {
    this.#shaken(link);
    this.#links.delete(link.id);
    this.#syncs.get(link.id)?.stop();
    this.#feed.remove(link);
    if (link.isIdentified) {
      const through = formatZxid(this.#committed);
      this.#parts.log.info("Learner is gone", { sid: link.sid, reason, committed: through });
    }
    if (this.#isOver) return;
    if (link.isLive) this.#replica?.leader.forgetOrigin(link);
    this.#driver.dispatch({ kind: "closed", link: link.id });
  }

  onBug(error: unknown): void {
    this.#parts.onFatal(error);
  }
}
