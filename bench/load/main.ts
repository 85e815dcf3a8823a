/**
 * The load generator (src/load) as a command of its own, on any of the three runtimes (Bun is the fastest). What
 * `menagerie bench` has not: the CPU time of generator and server.
 *
 *   bun run bench/load/main.ts --connect 127.0.0.1:2181 --mix getData=90,setData=10 --connections 10 --window 100
 *
 * It writes znodes below /bench and leaves them there.
 */
import process from "node:process";
import { messageOf } from "../../src/base/errors.ts";
import { formatReport } from "../../src/load/report.ts";
import { type LoadResult, type Phase, runLoad } from "../../src/load/run.ts";
import { hostRuntime } from "../../test/support/runtime.ts";
import { cpuSecondsOf } from "../support/processes.ts";
import { type BenchLoad, LOAD_USAGE, parseLoad } from "./flags.ts";

export interface MeasuredLoad extends LoadResult {
  /** Share of one core that the generator itself used: near 1 it is the limit, not the server. */
  readonly generatorCpu: number;
  /** Microseconds of the server's CPU per request, all its threads; null when not asked for, or it cannot be told. */
  readonly serverCpuUs: number | null;
  /** When, in milliseconds of the wall clock. */
  readonly counted: { readonly fromMs: number; readonly toMs: number };
}

async function measure(options: BenchLoad): Promise<MeasuredLoad> {
  const { serverPid } = options;
  const own: number[] = [], server: number[] = [], at: number[] = [];
  const onPhase = (phase: Phase): void => {
    if (phase !== "measure" && phase !== "close") return;
    at.push(Date.now());
    const { user, system } = process.cpuUsage();
    own.push((user + system) / 1e6);
    server.push(serverPid === undefined ? NaN : cpuSecondsOf(serverPid));
  };
  const result = await runLoad(await hostRuntime(), options, { onPhase });
  const between = ([before = NaN, after = NaN]: readonly number[]) => after - before;
  const serverCpuUs = (between(server) / result.replies) * 1e6;
  return {
    ...result,
    generatorCpu: between(own) / result.seconds,
    serverCpuUs: Number.isFinite(serverCpuUs) ? serverCpuUs : null,
    counted: { fromMs: at[0] ?? NaN, toMs: at[1] ?? NaN },
  };
}

async function main(): Promise<number> {
  let options: BenchLoad;
  try {
    options = parseLoad(process.argv.slice(2));
  } catch (error) {
    console.error(`${messageOf(error)}\n${LOAD_USAGE}`);
    return 2;
  }
  try {
    const result = await measure(options);
    const cpu = `the generator used ${(result.generatorCpu * 100).toFixed(0)} % of a core` +
      (result.serverCpuUs === null
        ? ""
        : `, the server ${result.serverCpuUs.toFixed(2)} us of CPU per request`);
    console.log(
      options.json ? JSON.stringify(result) : `${formatReport(options, result)}\n${cpu}`,
    );
    return 0;
  } catch (error) {
    console.error(`The load failed: ${messageOf(error)}`);
    return 1;
  }
}

process.exit(await main());
