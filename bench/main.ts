/** `npm run bench -- [WHAT] [ARGS]`: the benches by name; without one, the suite. */
import process from "node:process";
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

const BENCHES: Readonly<Record<string, Bench>> = {
  rows: async (args) => await (await import("./suite/main.ts")).suite(args),
  "read-ratio": async (args) => await (await import("./known_charts.ts")).readRatio(args),
  failures: async (args) => await (await import("./known_charts.ts")).failures(args),
  micro: async (args) => (await import("./micro/main.ts")).micro(args),
  profiles: async (args) => await (await import("./profiles/main.ts")).profiles(args),
  failover: async (args) => await (await import("./failover.ts")).failover(args),
  http: async (args) => await (await import("./http.ts")).http(args),
  load: program(() => import("./load/main.ts")),
  "in-process": program(() => import("./load/in_process.ts")),
  "metrics-cost": async (args) => await (await import("./load/metrics_cost.ts")).metricsCost(args),
  codec: program(() => import("./codec.ts")),
  tree: program(() => import("./tree.ts")),
};

endOnSignals();
const [first = "rows", ...rest] = process.argv.slice(2);
const isFlag = first.startsWith("-");
const bench = BENCHES[isFlag ? "rows" : first];
if (bench === undefined) {
  console.error(`Cannot run the bench "${first}": wanted ${Object.keys(BENCHES).join(", ")}`);
  process.exitCode = 2;
} else {
  try {
    await bench(isFlag ? [first, ...rest] : rest);
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === undefined) throw error;
    console.error(refusal);
    process.exitCode = 2;
  }
}
