/** One server, 1,000 znodes of 1 KiB: throughput, latencies, fairness; and how fast one starts. */
import type { MeasuredLoad } from "../load/main.ts";
import { median } from "../figures.ts";
import { type ServerName, startBenchServer, withWorkFolder } from "../support/servers.ts";
import {
  load,
  measure,
  type Measures,
  SERIAL,
  serverOptions,
  type Stage,
  warmJvm,
  WIDE,
} from "./stage.ts";

/** In the order in which they are taken: creates come last, because they add to what is listed. */
export const STANDALONE_LOADS: readonly (readonly [row: string, args: readonly string[]])[] = [
  ["reads", ["--mix", "getData", ...WIDE]],
  ["ninety", ["--mix", "getData=9,setData=1", ...WIDE]],
  ["half", ["--mix", "getData=1,setData=1", ...WIDE]],
  ["writes", ["--mix", "setData", ...WIDE]],
  ["children", ["--mix", "getChildren", ...WIDE]],
  ["serial-read", ["--mix", "getData", ...SERIAL]],
  ["serial-write", ["--mix", "setData", ...SERIAL]],
  ["crowd", ["--mix", "getData", "--connections", "1000", "--window", "1"]],
  ["creates", ["--mix", "create", "--bytes", "100", ...WIDE]],
];

export const standalone: Stage = (context) =>
  withWorkFolder(context.settings.folder, async (folder) => {
    const { settings, wants, subject } = context;
    const server = await startBenchServer(subject as ServerName, serverOptions(settings, folder));
    const measures: Measures = {};
    try {
      const connect = `127.0.0.1:${server.port}`;
      await warmJvm(context, connect);
      for (const [row, args] of STANDALONE_LOADS) {
        if (!wants(row) && !(row === "crowd" && wants("fair"))) continue;
        const result = await load(context, connect, [...args, "--pid", String(server.pid)]);
        Object.assign(measures, await measuresOf(row, result, context.constantP50Us));
      }
      return measures;
    } finally {
      await server.stop();
    }
  });

async function measuresOf(
  row: string,
  result: MeasuredLoad,
  constantP50Us: () => Promise<number>,
): Promise<Measures> {
  switch (row) {
    case "serial-read": {
      const constant = await constantP50Us();
      return { [row]: measure(result.p50Us / constant, { ...result, constantP50Us: constant }) };
    }
    case "serial-write":
      return { [row]: measure(result.p50Us, result) };
    case "crowd": {
      const { min, median: middle } = result.perConnection;
      return {
        crowd: measure(result.opsPerSecond, result),
        fair: measure(min / middle, result.perConnection),
      };
    }
    default:
      return { [row]: measure(result.opsPerSecond, result) };
  }
}

/** Each on an empty directory of its own; the median. */
export const starts: Stage = async ({ settings, subject, note }) => {
  const times: number[] = [];
  for (let i = 0; i < settings.starts; i++) {
    times.push(
      await withWorkFolder(settings.folder, async (folder) => {
        const server = await startBenchServer(
          subject as ServerName,
          serverOptions(settings, folder),
        );
        await server.stop();
        return server.startMs;
      }),
    );
  }
  note(`${subject}: started in ${times.map((ms) => ms.toFixed(0)).join(", ")} ms`);
  return { start: measure(median(times), times) };
};
