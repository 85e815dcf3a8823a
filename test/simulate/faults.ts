/** The faults of a plan: drawn with their times, and what each does to the simulation. */
import type { Prng } from "../../src/base/random.ts";
import type { CrashFate, FileOperation, Way } from "../../runtimes/sim/index.ts";

/** A server by number, or by what it is at that moment. */
export type Target = number | "leader" | "follower";
/** A machine of the clients: `client0`. */
export type Place = Target | `client${number}`;

export type Fault = { readonly atMs: number } & FaultDeed;

export type FaultDeed =
  | {
    readonly kind: "crash";
    readonly target: Target;
    readonly fate: CrashFate;
    readonly downMs: number;
  }
  | { readonly kind: "kill"; readonly target: Target; readonly downMs: number }
  | { readonly kind: "crashAll"; readonly fate: CrashFate; readonly downMs: readonly number[] }
  | { readonly kind: "killAll"; readonly downMs: readonly number[] }
  | { readonly kind: "pause"; readonly target: Target; readonly forMs: number }
  | { readonly kind: "isolate"; readonly target: Target; readonly way: Way; readonly forMs: number }
  | {
    readonly kind: "partition";
    readonly target: Target;
    readonly from: Place;
    readonly way: Way;
    readonly forMs: number;
  }
  | {
    readonly kind: "clog";
    readonly target: Target;
    readonly from: Place;
    readonly way: Way;
    readonly forMs: number;
  }
  | {
    readonly kind: "slowLink";
    readonly target: Target;
    readonly from: Place;
    readonly extraMs: number;
    readonly bytesPerMs: number;
    readonly forMs: number;
  }
  | {
    readonly kind: "cut";
    readonly target: Target;
    readonly from: Place;
    readonly told: "both" | "first" | "second";
  }
  | {
    readonly kind: "resetAfter";
    readonly target: Target;
    readonly from: Place;
    readonly bytes: number;
  }
  | {
    readonly kind: "slowSync";
    readonly target: Target;
    readonly byMs: number;
    readonly forMs: number;
  }
  | {
    readonly kind: "diskFull";
    readonly target: Target;
    readonly freeBytes: number;
    readonly forMs: number;
  }
  | {
    readonly kind: "failFile";
    readonly target: Target;
    readonly operation: FileOperation;
    readonly skip: number;
  }
  | { readonly kind: "rot"; readonly target: Target; readonly skip: number }
  | { readonly kind: "wallJump"; readonly target: Target; readonly byMs: number }
  | {
    readonly kind: "clockRate";
    readonly target: Target;
    readonly local: number;
    readonly forMs: number;
  };

export type FaultName = FaultDeed["kind"];

const WAYS: readonly Way[] = ["both", "both", "from", "to"];
const FATES: readonly CrashFate[] = ["any", "any", "keep", "lose", "tear"];
const DOWN_MS: readonly number[] = [1, 50, 300, 1000, 3000];
const FOR_MS: readonly number[] = [20, 100, 300, 800, 2000, 4000];
const FILE_OPERATIONS: readonly FileOperation[] = [
  "write",
  "syncData",
  "sync",
  "open",
  "rename",
  "syncDir",
];
const KINDS: readonly FaultName[] = [
  "crash",
  "kill",
  "crashAll",
  "killAll",
  "pause",
  "isolate",
  "partition",
  "clog",
  "slowLink",
  "cut",
  "resetAfter",
  "slowSync",
  "diskFull",
  "failFile",
  "rot",
  "wallJump",
  "clockRate",
];
/** Seldom: they end a server, or do little. */
const RARE: readonly FaultName[] = [
  "crashAll",
  "killAll",
  "diskFull",
  "failFile",
  "rot",
  "clockRate",
  "wallJump",
];

export function drawFaults(
  random: Prng,
  servers: { readonly count: number },
  clientMachines: number,
  workMs: number,
): Fault[] {
  const count = one(random, [0, 1, 2, 4, 6, 8, 12, 20]);
  // Two of three kinds are left out, so that those drawn come often and together.
  const kinds = KINDS.filter((kind) => random.chance(1, RARE.includes(kind) ? 6 : 3));
  if (kinds.length === 0) return [];
  const faults: Fault[] = [];
  const draw = { random, servers: servers.count, clientMachines };
  for (let left = count; left > 0; left--) {
    const atMs = random.below(workMs - 500);
    faults.push({ atMs, ...drawDeed(one(random, kinds), draw) });
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

interface Draw {
  readonly random: Prng;
  readonly servers: number;
  readonly clientMachines: number;
}

function drawDeed(kind: FaultName, draw: Draw): FaultDeed {
  const { random } = draw;
  const target = targetOf(draw);
  const forMs = one(random, FOR_MS), downMs = one(random, DOWN_MS);
  switch (kind) {
    case "crash":
      return { kind, target, fate: one(random, FATES), downMs };
    case "kill":
      return { kind, target, downMs };
    case "crashAll":
      return { kind, fate: one(random, FATES), downMs: downs(draw) };
    case "killAll":
      return { kind, downMs: downs(draw) };
    case "pause":
      return { kind, target, forMs };
    case "isolate":
      return { kind, target, way: one(random, WAYS), forMs };
    case "partition":
    case "clog":
      return { kind, target, from: placeOf(draw), way: one(random, WAYS), forMs };
    case "slowLink":
      return {
        kind,
        target,
        from: placeOf(draw),
        extraMs: one(random, [1, 10, 50]),
        bytesPerMs: one(random, [50, 200, 1000]),
        forMs,
      };
    case "cut":
      return { kind, target, from: placeOf(draw), told: one(random, ["both", "first", "second"]) };
    case "resetAfter":
      return { kind, target, from: placeOf(draw), bytes: one(random, [1, 30, 500, 5000]) };
    default:
      return drawLocalDeed(kind, draw, target, forMs);
  }
}

function drawLocalDeed(
  kind: Exclude<
    FaultName,
    | "crash"
    | "kill"
    | "crashAll"
    | "killAll"
    | "pause"
    | "isolate"
    | "partition"
    | "clog"
    | "slowLink"
    | "cut"
    | "resetAfter"
  >,
  { random }: Draw,
  target: Target,
  forMs: number,
): FaultDeed {
  switch (kind) {
    case "slowSync":
      return { kind, target, byMs: one(random, [5, 50, 200, 1000]), forMs };
    case "diskFull":
      return { kind, target, freeBytes: one(random, [0, 50, 1000, 10_000]), forMs };
    case "failFile":
      return {
        kind,
        target,
        operation: one(random, FILE_OPERATIONS),
        skip: one(random, [0, 1, 5]),
      };
    case "rot":
      return { kind, target, skip: random.below(6) };
    case "wallJump":
      return { kind, target, byMs: one(random, [-3_600_000, -1000, -10, 10, 1000, 3_600_000]) };
    case "clockRate":
      return { kind, target, local: one(random, [98, 99, 101, 102]), forMs };
  }
}

function targetOf({ random, servers }: Draw): Target {
  const drawn = random.below(8);
  return drawn < 3 ? "leader" : drawn < 4 ? "follower" : 1 + random.below(servers);
}

function placeOf(draw: Draw): Place {
  const { random, clientMachines } = draw;
  return random.chance(1, 4) ? `client${random.below(clientMachines)}` : targetOf(draw);
}

function downs({ random, servers }: Draw): number[] {
  return Array.from({ length: servers }, () => one(random, DOWN_MS));
}

function one<T>(random: Prng, table: readonly T[]): T {
  return table[random.below(table.length)] as T;
}
