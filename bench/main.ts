/** `npm run bench -- [WHAT] [ARGS]`: the benches by name; without one, the suite. */
import process from "node:process";
import { dropAdditions } from "./support/environment.ts";
import { refusalOf } from "./support/refusal.ts";
import { endOnSignals } from "./support/signals.ts";

type Bench = (args: readonly string[]) => Promise<void>;

/** Those that are programs of their own read their arguments from where a program finds them. */
function program(load: () => Promise<unknown>): Bench {
  return async (args) => {
    process.argv.splice(2, process.argv.length, ...args);
    await load();
  };
}

const BENCHES: Readonly<Record<string, readonly [what: string, run: Bench]>> = {
  rows: [
    "every row of the suite beside Apache's server, or those named",
    async (args) => await (await import("./suite/main.ts")).suite(args),
  ],
  "read-ratio": [
    "throughput by read ratio for 3, 5 and 7 servers",
    async (args) => await (await import("./known_charts.ts")).readRatio(args),
  ],
  failures: [
    "throughput over time while servers fail",
    async (args) => await (await import("./known_charts.ts")).failures(args),
  ],
  micro: [
    "each hot function beside its baseline [--save]",
    async (args) => (await import("./micro/main.ts")).micro(args),
  ],
  profiles: [
    "CPU profiles of the workloads [--keep FOLDER]",
    async (args) => await (await import("./profiles/main.ts")).profiles(args),
  ],
  failover: [
    "time without service after kill -9 of a leader",
    async (args) => await (await import("./failover.ts")).failover(args),
  ],
  http: [
    "the HTTP door: reads beside etcd, streams",
    async (args) => await (await import("./http.ts")).http(args),
  ],
  load: ["the generator alone, against any server", program(() => import("./load/main.ts"))],
  "in-process": [
    "the whole server in one process, without sockets",
    program(() => import("./load/in_process.ts")),
  ],
  "metrics-cost": [
    "CPU of a request with metrics and without",
    async (args) => await (await import("./load/metrics_cost.ts")).metricsCost(args),
  ],
  codec: ["checksums and groups of entries", program(() => import("./codec.ts"))],
  tree: ["the tree", program(() => import("./tree.ts"))],
};

async function printHelp(): Promise<void> {
  const benches = Object.entries(BENCHES).map(([name, [what]]) => `  ${name.padEnd(14)}${what}\n`);
  const { SUITE_USAGE } = await import("./suite/settings.ts");
  // In one piece: a reader that has seen enough is no error.
  console.log(
    `Usage: npm run bench -- [WHAT] [ARGS]      without WHAT: rows\n\n${
      benches.join("")
    }\n${SUITE_USAGE}`,
  );
}

endOnSignals();
const [first = "rows", ...rest] = process.argv.slice(2);
const isFlag = first.startsWith("-");
const bench = BENCHES[isFlag ? "rows" : first];
if (["--help", "-h", "help"].includes(first) || (first === "rows" && rest.includes("--help"))) {
  await printHelp();
} else if (bench === undefined) {
  console.error(`Cannot run the bench "${first}": wanted ${Object.keys(BENCHES).join(", ")}`);
  process.exitCode = 2;
} else {
  const dropped = dropAdditions(process.env);
  if (dropped.length > 0) {
    console.error(`Left out of the environment of all that is measured: ${dropped.join(", ")}`);
  }
  try {
    await bench[1](isFlag ? [first, ...rest] : rest);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    console.error(refusal);
    process.exitCode = 2;
  }
}
