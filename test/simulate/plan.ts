/**
 * Everything that one seed decides, drawn before anything runs: servers and their settings, clients and what they do, and
 * the faults with their times. A plan is plain data: a violation is shrunk by making plans with less in them.
 */
import { Prng } from "../../src/base/random.ts";
import { drawFaults, type Fault } from "./faults.ts";

export type ErrandKind =
  | "create"
  | "delete"
  | "setData"
  | "cas"
  | "multi"
  | "failingMulti"
  | "ephemeral"
  | "sequential"
  | "getData"
  | "exists"
  | "getChildren"
  | "sync"
  | "watch"
  | "persistent"
  | "recursive"
  | "removeWatches"
  | "move"
  | "steal"
  | "sleep"
  | "close";

export interface ClientPlan {
  readonly name: string;
  /** Index of its machine. */
  readonly machine: number;
  readonly timeoutMs: number;
  /** Requests under way at once. */
  readonly depth: number;
  readonly thinkMs: readonly number[];
  readonly errands: number;
  readonly weights: Readonly<Record<ErrandKind, number>>;
}

export interface ServerPlan {
  /** Voters and observers. */
  readonly count: number;
  /** The last so many. */
  readonly observers: number;
  readonly tickMs: number;
  readonly initLimitTicks: number;
  readonly syncLimitTicks: number;
  readonly finalizeWaitMs: number;
  readonly minNotificationIntervalMs: number;
  readonly commitLogCount: number;
  readonly snapshotSizeFactor: number;
  readonly snapCount: number;
  readonly preAllocBytes: number;
  readonly txnLogSizeLimitBytes: number;
  readonly fileFormat: 2 | 3;
  readonly leaderServes: boolean;
}

export interface Plan {
  readonly seed: string;
  readonly servers: ServerPlan;
  readonly clientMachines: number;
  readonly clients: readonly ClientPlan[];
  /** Paths are drawn from so many names. */
  readonly registers: number;
  readonly folders: number;
  readonly dataBytes: readonly number[];
  /** Times that a sync takes, microseconds. */
  readonly syncUs: readonly number[];
  readonly faults: readonly Fault[];
  /** Clients and faults end here. */
  readonly workMs: number;
}

export const WORK_MS = 10_000;

const WEIGHTS: Readonly<Record<ErrandKind, number>> = {
  create: 8,
  delete: 5,
  setData: 12,
  cas: 12,
  multi: 5,
  failingMulti: 2,
  ephemeral: 5,
  sequential: 5,
  getData: 16,
  exists: 5,
  getChildren: 5,
  sync: 4,
  watch: 8,
  persistent: 1,
  recursive: 1,
  removeWatches: 1,
  move: 1,
  steal: 1,
  sleep: 1,
  close: 1,
};
const FEW: readonly ErrandKind[] = ["move", "steal", "sleep", "close"];
const THINK_MS: readonly (readonly number[])[] = [
  [0, 1, 5, 20],
  [10, 20, 50, 100],
  [0, 0, 100, 400],
  [30, 60],
];
const DATA_BYTES: readonly (readonly number[])[] = [
  [0],
  [0, 0, 100],
  [0, 100, 1000],
  [0, 0, 0, 0, 0, 0, 0, 20_000],
];
const SYNC_US: readonly (readonly number[])[] = [
  [120, 200, 300, 700],
  [120, 200, 300, 700, 3000, 20_000],
  [1000, 5000],
  [20, 40],
  [200, 200, 200, 60_000],
];

export function seedParts(seed: string): [number, number] {
  const bits = BigInt.asUintN(64, BigInt(seed));
  return [Number(bits & 0xffff_ffffn), Number(bits >> 32n)];
}

/** A generator for one purpose; purposes do not disturb each other. */
export function prngOf(seed: string, purpose: number): Prng {
  return new Prng(...seedParts(seed), 0x73696d00 + purpose);
}

export function drawPlan(seed: string): Plan {
  const random = prngOf(seed, 0);
  const servers = drawServers(random);
  const clientMachines = 1 + random.below(3);
  const clientCount = 2 + random.below(5);
  const clients = Array.from(
    { length: clientCount },
    (_, index) => drawClient(random, servers, index, clientMachines),
  );
  const faults = drawFaults(prngOf(seed, 1), servers, clientMachines, WORK_MS);
  return {
    seed,
    servers: { ...servers, fileFormat: faults.some(tears) ? 3 : servers.fileFormat },
    clientMachines,
    clients,
    registers: 1 + random.below(8),
    folders: 1 + random.below(3),
    dataBytes: pick(random, DATA_BYTES),
    syncUs: pick(random, SYNC_US),
    faults,
    workMs: WORK_MS,
  };
}

/**
 * A server that lost its power in the middle of a group that reached the disk out of order does not start on a log of format
 * 2, as Apache's does not (DESIGN decision 4): format 3 is there for that.
 */
function tears(fault: Fault): boolean {
  return (fault.kind === "crash" || fault.kind === "crashAll") &&
    (fault.fate === "any" || fault.fate === "tear");
}

function drawServers(random: Prng): ServerPlan {
  const observers = random.chance(1, 6) ? 1 : 0;
  return {
    count: (random.chance(1, 8) ? 5 : 3) + observers,
    observers,
    tickMs: pick(random, [100, 200, 300]),
    initLimitTicks: pick(random, [5, 10]),
    syncLimitTicks: pick(random, [2, 3, 5]),
    finalizeWaitMs: pick(random, [20, 100, 200]),
    minNotificationIntervalMs: pick(random, [50, 200]),
    commitLogCount: pick(random, [2, 10, 50, 500]),
    snapshotSizeFactor: pick(random, [-1, 0.33, 100]),
    snapCount: pick(random, [10, 50, 200, 100_000]),
    preAllocBytes: pick(random, [0, 4096, 65_536]),
    txnLogSizeLimitBytes: pick(random, [-1, -1, 20_000]),
    fileFormat: random.chance(1, 4) ? 2 : 3,
    leaderServes: !random.chance(1, 8),
  };
}

function drawClient(
  random: Prng,
  { tickMs }: ServerPlan,
  index: number,
  machines: number,
): ClientPlan {
  return {
    name: `c${index + 1}`,
    machine: random.below(machines),
    timeoutMs: tickMs * pick(random, [2, 3, 5, 10, 20]),
    depth: pick(random, [1, 1, 4, 16]),
    thinkMs: pick(random, THINK_MS),
    errands: pick(random, [20, 60, 150, 300]),
    weights: drawWeights(random),
  };
}

/** Each kind is left out, as usual, or more frequent than usual. */
function drawWeights(random: Prng): Record<ErrandKind, number> {
  const weights = { ...WEIGHTS };
  for (const kind of Object.keys(weights) as ErrandKind[]) {
    const usual = 4 * WEIGHTS[kind];
    if (FEW.includes(kind)) weights[kind] = random.chance(1, 2) ? usual / 4 : 0;
    else weights[kind] = pick(random, [0, usual, usual, 3 * usual]);
  }
  // A client that can do nothing has nothing to say.
  if (weights.setData + weights.getData === 0) weights.setData = weights.getData = 20;
  return weights;
}

export function pick<T>(random: Prng, table: readonly T[]): T {
  return table[random.below(table.length)] as T;
}
