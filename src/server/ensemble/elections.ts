/** Elections of one server, one after the other, and its answers to those that look while it has a role (peer-protocol §6.4). */
import type { Log } from "../../base/log.ts";
import type { Zxid } from "../../base/zxid.ts";
import type { Runtime } from "../../runtime.ts";
import { answerInRole } from "../../zab/election.ts";
import type { Member } from "../../zab/membership.ts";
import { readNotification, writeNotification } from "../../zab/notification.ts";
import { OBSERVER_VOTE, ServerState, type Sid, type Vote } from "../../zab/vote.ts";
import type { ServerOptions } from "../options.ts";
import { type Elected, Electing } from "./electing.ts";
import { ElectionLinks } from "./election_links.ts";
import type { EnsembleOptions } from "./options.ts";
import { configText } from "./peer_view.ts";

export interface ElectionsParts {
  readonly runtime: Runtime;
  readonly log: Log;
  readonly options: ServerOptions;
  readonly ensemble: EnsembleOptions;
  readonly own: Member;
  readonly onBug: (error: unknown) => void;
}

export class Elections {
  readonly links: ElectionLinks;
  readonly #parts: ElectionsParts;
  readonly #config: string;
  #electing: Electing | undefined;
  /** Of the role; undefined while there is none. */
  #current: { state: ServerState; vote: Vote; electionEpoch: number } | undefined;
  #logicalClock = 0;
  #isStopped = false;

  constructor(parts: ElectionsParts) {
    const { runtime: { net, clock }, log, options, ensemble, own } = parts;
    this.#parts = parts;
    this.#config = configText(ensemble.membership);
    const { quorumCnxnTimeoutMs, syncLimitTicks, quorumListenOnAllIps } = ensemble;
    this.links = new ElectionLinks({
      net,
      clock,
      log,
      sid: ensemble.sid,
      ownAddresses: addressesOf(own),
      doors: addressesOf(own).map(({ host, port }) => ({
        host: quorumListenOnAllIps ? undefined : host,
        port,
      })),
      bindAttemptsMax: ensemble.electionPortBindRetry,
      connectTimeoutMs: ensemble.cnxTimeoutMs,
      handshakeTimeoutMs: quorumCnxnTimeoutMs > 0
        ? quorumCnxnTimeoutMs
        : options.tickMs * syncLimitTicks,
      addressesOf: (sid) => {
        const member = ensemble.membership.members.get(sid);
        return member === undefined ? undefined : addressesOf(member);
      },
      onMessage: (sid, message) => this.#onMessage(sid, message),
      onLink: (sid, state) => this.#electing?.onLink(sid, state),
    });
  }

  /** @returns undefined: it was stopped */
  async look(
    own: { readonly lastZxid: Zxid; readonly currentEpoch: number },
  ): Promise<Elected | undefined> {
    if (this.#isStopped) return undefined;
    const { runtime: { clock }, ensemble, own: member, log } = this.#parts;
    const isObserver = member.role === "observer";
    const { sid, membership, minNotificationIntervalMs, maxNotificationIntervalMs } = ensemble;
    const ownVote = { leader: sid, zxid: own.lastZxid, peerEpoch: own.currentEpoch };
    const electing = new Electing(
      clock,
      {
        sid,
        ownVote: isObserver ? OBSERVER_VOTE : ownVote,
        isObserver,
        quorums: [membership.quorum],
        config: this.#config,
        logicalClock: this.#logicalClock,
        minIntervalMs: minNotificationIntervalMs,
        maxIntervalMs: maxNotificationIntervalMs,
        finalizeWaitMs: ensemble.finalizeWaitMs,
      },
      this.links,
      this.#parts.onBug,
    );
    this.#electing = electing;
    const elected = await electing.run();
    this.#electing = undefined;
    this.#logicalClock = electing.logicalClock;
    if (elected === undefined || this.#isStopped) return undefined;
    const { role, vote, electionEpoch } = elected;
    this.#current = { state: ServerState[role], vote, electionEpoch };
    this.links.forgetSent();
    log.info("Elected", { role, leader: vote.leader, electionEpoch });
    return elected;
  }

  /** The role serves: whoever joins must find the same epoch in all votes (peer-protocol §7.6). */
  serves(epoch: number): void {
    const current = this.#current;
    if (current !== undefined) current.vote = { ...current.vote, peerEpoch: epoch };
  }

  leaveRole(): void {
    this.#current = undefined;
  }

  /** For good. */
  stop(): void {
    this.#isStopped = true;
    this.#electing?.stop();
  }

  #onMessage(from: Sid, message: Uint8Array): void {
    const notification = readNotification(message);
    if (notification === undefined) return;
    if (this.#electing !== undefined) {
      return this.#electing.onNotification(from, notification);
    }
    const current = this.#current;
    if (current === undefined) return;
    const isVoter = this.#parts.ensemble.membership.quorum.voters.has(from);
    const own = { ...current, logicalClock: this.#logicalClock, config: this.#config };
    const answer = answerInRole(own, isVoter, notification);
    if (answer !== undefined) this.links.send(from, writeNotification(answer));
  }
}

function addressesOf({ addresses }: Member): { host: string; port: number }[] {
  return addresses.map(({ host, electionPort: port }) => ({ host, port }));
}
