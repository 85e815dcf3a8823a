/** What the operators' doors see of an ensemble's server beside its replica (server/view.ts). */
import { formatMembership, type Member, type Membership } from "../../zab/membership.ts";
import type { Sid } from "../../zab/vote.ts";
import type { LeadingView, QuorumView } from "../view.ts";
import type { EnsembleOptions } from "./options.ts";

export interface PeerState {
  readonly name: "looking" | "leading" | "following" | "observing";
  /** Undefined: as the name says. */
  readonly phase: string | undefined;
  readonly leader: Sid | undefined;
  readonly leading: LeadingView | undefined;
}

export function quorumView(
  options: EnsembleOptions,
  own: Member,
  state: PeerState,
  historyBytes: number,
): QuorumView {
  const { membership } = options;
  return {
    peerState: state.phase === undefined ? state.name : `${state.name} - ${state.phase}`,
    quorumSize: membership.quorum.voters.size,
    initLimitTicks: options.initLimitTicks,
    syncLimitTicks: options.syncLimitTicks,
    electionAlg: 3,
    electionPort: own.addresses[0]?.electionPort ?? 0,
    quorumPorts: own.addresses.map(({ quorumPort }) => quorumPort),
    leaderSid: state.leader,
    isObserver: own.role === "observer",
    membership: configText(membership),
    historyBytes,
    leading: state.leading,
  };
}

/** As it travels, and as `/zookeeper/config` has it. */
export function configText(membership: Membership): string {
  return formatMembership(membership);
}
