/** The text of a zoo.cfg for a server of an ensemble: the same keys that Apache's server reads. */
import { formatMember, type Member } from "../zab/membership.ts";

export interface EnsembleConfig {
  readonly dataDir: string;
  readonly clientPort: number;
  /** Undefined: every address. */
  readonly clientAddress?: string | undefined;
  readonly members: readonly Member[];
  readonly extra?: readonly string[];
}

/** As Apache's sample has them. */
const TICK_MS = 2000;
const INIT_LIMIT_TICKS = 10;
const SYNC_LIMIT_TICKS = 5;

export function zooCfgOf(config: EnsembleConfig): string {
  return [
    `tickTime=${TICK_MS}`,
    `initLimit=${INIT_LIMIT_TICKS}`,
    `syncLimit=${SYNC_LIMIT_TICKS}`,
    `dataDir=${config.dataDir}`,
    `clientPort=${config.clientPort}`,
    ...(config.clientAddress === undefined ? [] : [`clientPortAddress=${config.clientAddress}`]),
    ...config.members.map((member) => `server.${member.sid}=${formatMember(member)}`),
    ...(config.extra ?? []),
    "",
  ].join("\n");
}
