/**
 * `npm run bench -- metrics-cost [READS] [WRITES] [TURNS]`: CPU of a request with metrics and without, in process, where
 * neither sockets nor the disk hide it. Two processes of the same code differ by several percent (where their memory lies,
 * what was compiled when), so both servers share one, and serve short turns whose order changes each time; the median
 * of the turns' ratios counts. Several processes are asked, in half of which the server with metrics is the second, and
 * two servers without metrics, compared in the same way, show what the measure can tell: a percent or more. The first
 * line of each runtime is therefore the counting alone, as a chunk of 100 requests does it.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseMix } from "../../src/load/options.ts";
import { ServerStats } from "../../src/server/stats.ts";
import { projectRoot } from "../../test/support/root.ts";
import { hostRuntime } from "../../test/support/runtime.ts";
import { median } from "../figures.ts";
import { provenance } from "../support/machine.ts";
import { bunCommand, denoCommand } from "../support/servers.ts";
import { WholeServer } from "./whole_server.ts";

const KINDS = ["node", "deno", "bun"] as const;
type Kind = (typeof KINDS)[number];

/** ns of one. */
interface Counting {
  readonly read: number;
  readonly write: number;
}

const PROCESSES = 6;
const WARM_TURNS = 10;

interface Cost {
  readonly offNs: number;
  readonly otherNs: number;
  readonly ratio: number;
}

const CHUNKS = 20_000;
const CHUNK = 100;

/** What `stats` is told of reads and writes. */
function countingNs(stats: ServerStats): Counting {
  const time = (chunk: (bytes: number) => void): number => {
    const costs: number[] = [];
    for (let turn = 0; turn < 20; turn++) {
      const began = performance.now();
      for (let i = 0; i < CHUNKS; i++) chunk(1000 + (i & 63));
      costs.push((performance.now() - began) * 1e6 / (CHUNKS * CHUNK));
    }
    return median(costs);
  };
  const read = time((bytes) => {
    let replyBytes = 0;
    stats.counters.bytesReceived += bytes;
    for (let i = 0; i < CHUNK; i++) {
      stats.packetsReceived++;
      replyBytes += stats.responseSize(bytes + i);
    }
    stats.readDone(bytes & 3, CHUNK, replyBytes);
    stats.sent(CHUNK);
  });
  const write = time((bytes) => {
    stats.counters.bytesReceived += bytes;
    stats.counters.commits += CHUNK;
    stats.summaries.groupTxns.add(CHUNK);
    stats.summaries.fsyncMs.add(bytes & 3);
    for (let i = 0; i < CHUNK; i++) {
      stats.packetsReceived++;
      stats.proposed(bytes);
      stats.updateDone(bytes & 3, 1, stats.responseSize(bytes + i));
      stats.packetsSent++;
    }
  });
  return { read, write };
}

/** In this process. @param kinds whether the first and the second server have metrics */
async function costHere(
  mix: string,
  requests: number,
  turns: number,
  kinds: readonly boolean[],
): Promise<Cost> {
  const host = await hostRuntime();
  const folders = [0, 1].map(() => mkdtempSync(join(tmpdir(), "menagerie-bench-")));
  const servers: WholeServer[] = [];
  for (const [at, folder] of folders.entries()) {
    const metricsEnabled = kinds[at] as boolean;
    servers.push(await WholeServer.start(host, folder, { mix: parseMix(mix) }, { metricsEnabled }));
  }
  const turn = async (server: WholeServer): Promise<number> => {
    const before = process.cpuUsage();
    await server.drive(requests);
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1000) / requests;
  };
  if (kinds[0] === true) servers.reverse();
  const [first, second] = servers as [WholeServer, WholeServer];
  const off: number[] = [], on: number[] = [];
  for (let at = -WARM_TURNS; at < turns; at++) {
    const isFirst = at % 2 === 0;
    const early = await turn(isFirst ? first : second), late = await turn(isFirst ? second : first);
    if (at < 0) continue;
    off.push(isFirst ? early : late);
    on.push(isFirst ? late : early);
  }
  for (const server of servers) await server.stop();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  const ratio = median(off.map((ns, at) => (on[at] as number) / ns));
  return { offNs: median(off), otherNs: median(on), ratio };
}

function inProcessOf<T>(kind: Kind, args: readonly string[]): Promise<T> {
  const root = projectRoot(), source = join(root, "bench/main.ts");
  const command = {
    node: [process.execPath, join(root, "dist/bench/main.js")],
    deno: [denoCommand, "run", "-A", "--no-check", source],
    bun: [bunCommand, "run", source],
  }[kind];
  const all = [...command.slice(1), "metrics-cost", "here", ...args];
  const child = spawn(command[0] as string, all, { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (chunk: unknown) => out += String(chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(out) as T);
      else reject(new Error(`${kind} ended with ${code}`));
    });
  });
}

async function measureHere([what = "", ...args]: readonly string[]): Promise<Cost | Counting> {
  if (what === "counting") return countingNs(new ServerStats(args[0] === "on"));
  const [requests, turns, ...kinds] = args;
  return await costHere(what, Number(requests), Number(turns), kinds.map((kind) => kind === "on"));
}

export async function metricsCost(args: readonly string[]): Promise<void> {
  if (args[0] === "here") {
    console.log(JSON.stringify(await measureHere(args.slice(1))));
    process.exit(0);
  }
  const [reads = 30_000, writes = 6_000, turns = 60] = args.map(Number);
  console.log(JSON.stringify(provenance()));
  for (const kind of KINDS) {
    for (const metrics of ["on", "off"]) {
      const { read, write } = await inProcessOf<Counting>(kind, ["counting", metrics]);
      console.log(
        `${kind.padEnd(5)} counting alone, ${metrics}: ${read.toFixed(1)} ns a read, ${
          write.toFixed(1)
        } a write`,
      );
    }
    for (const [mix, requests] of [["getData", reads], ["setData", writes]] as const) {
      for (const other of ["on", "off"] as const) {
        const costs: Cost[] = [];
        while (costs.length < PROCESSES) {
          const kinds = costs.length % 2 === 0 ? ["off", other] : [other, "off"];
          costs.push(await inProcessOf(kind, [mix, String(requests), String(turns), ...kinds]));
        }
        const of = (key: keyof Cost): number => median(costs.map((cost) => cost[key]));
        const each = costs.map(({ ratio }) => ratio.toFixed(3)).join(" ");
        console.log(
          `${kind.padEnd(5)} ${mix} ${other.padEnd(3)} of off: ${of("otherNs").toFixed(0)} of ${
            of("offNs").toFixed(0)
          } ns, ${of("ratio").toFixed(3)} (${each})`,
        );
      }
    }
  }
}
