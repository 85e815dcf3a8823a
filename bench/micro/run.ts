/**
 * The micro-benchmarks on the runtime that runs this; `npm run bench -- micro` starts it on each. One line of JSON:
 * nanoseconds and bytes allocated per call, and per request of the whole server (bench/load/whole_server.ts) CPU time, file
 * syncs, bytes written to the log, sent, copied, and allocated.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Mix } from "../../src/load/options.ts";
import type { Runtime } from "../../src/runtime.ts";
import { hostRuntime } from "../../test/support/runtime.ts";
import { median } from "../figures.ts";
import { WholeServer } from "../load/whole_server.ts";
import { type MicroCase, microCases } from "./cases.ts";
import { countCopies } from "./copies.ts";

const ROUNDS = 11;
const ROUND_NS = 10e6;
const ALLOCATING_CALLS = 2000;

export interface CaseFigure {
  readonly ns: number;
  /** Bytes a call; null where the engine does not tell exactly (Bun). */
  readonly allocatedBytes: number | null;
}

export interface RequestFigure {
  readonly cpuNs: number;
  readonly syncs: number;
  readonly logBytes: number;
  readonly sentBytes: number;
  /** By `set`, `slice` and `copyWithin` of typed arrays. */
  readonly copiedBytes: number;
  readonly copies: number;
  readonly allocatedBytes: number | null;
}

export interface MicroRecord {
  readonly runtime: string;
  readonly version: string;
  readonly cases: Readonly<Record<string, CaseFigure>>;
  readonly requests: Readonly<Record<string, RequestFigure>>;
}

/** Keeps results alive, so that no engine drops the work. */
let sink = 0;

/** So far, of all the process's threads. Not wall time: others on the machine take that. */
function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function nanosecondsOnce({ once }: MicroCase, calls: number): number {
  const before = cpuNs();
  for (let i = 0; i < calls; i++) sink = (sink + once()) | 0;
  return cpuNs() - before;
}

/** The lower quartile of rounds, each calibrated to about ROUND_NS: what disturbs a round only ever makes it longer. */
function nanosecondsOf(one: MicroCase): number {
  let calls = 1;
  while (nanosecondsOnce(one, calls) < ROUND_NS) calls *= 2;
  const rounds = Array.from({ length: ROUNDS }, () => nanosecondsOnce(one, calls) / calls);
  return rounds.sort((a, b) => a - b)[ROUNDS >> 2] as number;
}

/** Bytes of the heap by `calls` calls: the median of rounds, because a collection in one makes it negative. */
function allocatedBy(work: () => void, calls: number): number | null {
  if ("Bun" in globalThis) return null;
  const rounds = Array.from({ length: ROUNDS }, () => {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < calls; i++) work();
    return (process.memoryUsage().heapUsed - before) / calls;
  });
  return Math.max(0, median(rounds));
}

async function allocatedByRequests(server: WholeServer): Promise<number | null> {
  if ("Bun" in globalThis) return null;
  const rounds: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const before = process.memoryUsage().heapUsed;
    await server.drive(ALLOCATING_CALLS);
    rounds.push((process.memoryUsage().heapUsed - before) / ALLOCATING_CALLS);
  }
  return Math.max(0, median(rounds));
}

const LOADS: Readonly<Record<string, { mix: Mix; dataBytes: number; requests: number }>> = {
  "getData of 1 KiB": { mix: { getData: 1 }, dataBytes: 1024, requests: 400_000 },
  "setData of 1 KiB": { mix: { setData: 1 }, dataBytes: 1024, requests: 200_000 },
  "create of 100 bytes": { mix: { create: 1 }, dataBytes: 100, requests: 100_000 },
  "getChildren of 1,000": { mix: { getChildren: 1 }, dataBytes: 100, requests: 20_000 },
};

async function requestFigure(
  host: Runtime,
  { mix, dataBytes, requests }: (typeof LOADS)[string],
): Promise<RequestFigure> {
  const folder = mkdtempSync(join(tmpdir(), "menagerie-micro-"));
  const server = await WholeServer.start(host, folder, { mix, dataBytes });
  try {
    await server.drive(requests / 4);
    const cpuBefore = process.cpuUsage();
    await server.drive(requests);
    const { user, system } = process.cpuUsage(cpuBefore);
    const allocatedBytes = await allocatedByRequests(server);
    const before = { ...server.files, sentBytes: server.sentBytes };
    // Counted apart: counting takes time.
    const copies = await countCopies(() => server.drive(requests / 4));
    const counted = requests / 4;
    return {
      cpuNs: ((user + system) * 1000) / requests,
      syncs: (server.files.syncs - before.syncs) / counted,
      logBytes: (server.files.bytes - before.bytes) / counted,
      sentBytes: (server.sentBytes - before.sentBytes) / counted,
      copiedBytes: copies.bytes / counted,
      copies: copies.calls / counted,
      allocatedBytes,
    };
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const host = await hostRuntime();
const cases: Record<string, CaseFigure> = {};
for (const one of microCases(host)) {
  const ns = nanosecondsOf(one);
  cases[one.name] = {
    ns,
    allocatedBytes: allocatedBy(() => sink = (sink + one.once()) | 0, ALLOCATING_CALLS),
  };
}
const requests: Record<string, RequestFigure> = {};
for (const [name, load] of Object.entries(LOADS)) requests[name] = await requestFigure(host, load);
const record: MicroRecord = { runtime: host.name, version: host.version, cases, requests };
console.log(JSON.stringify(record));
process.exit(sink === 1 ? 1 : 0);
