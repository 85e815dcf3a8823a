/** What every role of an ensemble's server is given. */
import type { Log } from "../../base/log.ts";
import type { Runtime } from "../../runtime.ts";
import type { Epochs } from "../../storage/epochs.ts";
import type { StorageContext } from "../../storage/host.ts";
import type { ServerOptions } from "../options.ts";
import type { Persistence } from "../persistence.ts";
import type { Replica } from "../replica.ts";
import type { Role } from "../role.ts";
import type { ServerStats } from "../stats.ts";
import type { History } from "./history.ts";
import type { EnsembleOptions } from "./options.ts";

export interface RoleParts {
  readonly runtime: Runtime;
  readonly context: StorageContext;
  readonly log: Log;
  readonly options: ServerOptions;
  readonly ensemble: EnsembleOptions;
  readonly stats: ServerStats;
  readonly storage: Persistence;
  readonly epochs: Epochs;
  readonly history: History;
  /** Text of the committed configuration. */
  readonly configText: string;
  /** Counted per process: what an older one began says nothing to this. */
  readonly stay: number;
  readonly makeReplica: (role: Role) => Replica;
  /** The replica takes clients; the vote has the new epoch. */
  readonly onServing: (replica: Replica, epoch: number) => void;
  /** The disk, or a bug: the process stops. */
  readonly onFatal: (error: unknown) => void;
}

/** Ticks as milliseconds. */
export function limitsOf(
  { tickMs }: ServerOptions,
  { initLimitTicks, syncLimitTicks }: EnsembleOptions,
): { tickMs: number; initLimitMs: number; syncLimitMs: number } {
  return { tickMs, initLimitMs: tickMs * initLimitTicks, syncLimitMs: tickMs * syncLimitTicks };
}

/** The longest request, as a learner forwards it, has some bytes more, however little the operator lets a txn grow. */
const PACKET_EXTRA_BYTES_MIN = 64;

/** jute.maxbuffer with its extra: what a packet's data may be. */
export function packetBytesMax({ juteMaxBufferBytes, juteExtraBytes }: ServerOptions): number {
  return juteMaxBufferBytes + Math.max(juteExtraBytes, PACKET_EXTRA_BYTES_MIN);
}
