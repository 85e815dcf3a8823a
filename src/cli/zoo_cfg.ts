/** The text of a zoo.cfg for a server of an ensemble: the same keys that Apache's server reads. */
import { formatProperty } from "../config/properties.ts";
import { formatMember, type Member } from "../zab/membership.ts";

export interface EnsembleConfig {
  readonly dataDir: string;
  readonly clientPort: number;
  /** Undefined: every address. */
  readonly clientAddress?: string | undefined;
  readonly members: readonly Member[];
  readonly extra?: Readonly<Record<string, string>>;
}

/** As Apache's sample has them. */
const TICK_MS = 2000;
const INIT_LIMIT_TICKS = 10;
const SYNC_LIMIT_TICKS = 5;

/** Plain ASCII. @throws {UsageError} a value that the file cannot hold */
export function zooCfgOf({ clientAddress, ...config }: EnsembleConfig): string {
  const entries = {
    tickTime: String(TICK_MS),
    initLimit: String(INIT_LIMIT_TICKS),
    syncLimit: String(SYNC_LIMIT_TICKS),
    dataDir: config.dataDir,
    clientPort: String(config.clientPort),
    ...(clientAddress === undefined ? {} : { clientPortAddress: clientAddress }),
    ...Object.fromEntries(
      config.members.map((member) => [`server.${member.sid}`, formatMember(member)]),
    ),
    ...config.extra,
  };
  const lines = Object.entries(entries).map(([key, value]) => formatProperty(key, value));
  return [...lines, ""].join("\n");
}
