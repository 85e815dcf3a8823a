/**
 * The load generator as a command of its own, on any of the three runtimes (Bun is the fastest):
 *
 *   bun run bench/load/main.ts --connect 127.0.0.1:2181 --op getData --connections 10 --window 100
 *
 * It writes znodes below /bench and leaves them there.
 */
import process from "node:process";
import { hostRuntime } from "../../test/support/runtime.ts";
import { LOAD_USAGE, type LoadOptions, parseLoad } from "./options.ts";
import { type LoadResult, runLoad } from "./run.ts";

function report(options: LoadOptions, result: LoadResult): string {
  const us = (value: number) =>
    value < 1000 ? `${value.toFixed(1)} us` : `${(value / 1000).toFixed(2)} ms`;
  const { min, p10, median, max } = result.perConnection;
  const what = options.load === "mixed" ? `mixed, ${options.readPercent} % reads` : options.load;
  return [
    `${what}: ${options.connections} connections x ${options.window}, ${options.dataBytes} B, ` +
    `${options.znodes} znodes, ${result.seconds.toFixed(2)} s`,
    `${Math.round(result.opsPerSecond)} ops/s`,
    `latency p50 ${us(result.p50Us)}, p99 ${us(result.p99Us)}, p99.9 ${us(result.p999Us)}, max ${
      us(result.maxUs)
    }`,
    `requests per connection: min ${min}, p10 ${p10}, median ${median}, max ${max}`,
    `the generator used ${(result.generatorCpu * 100).toFixed(0)} % of a core` +
    (Number.isNaN(result.serverCpuUs)
      ? ""
      : `, the server ${result.serverCpuUs.toFixed(2)} us of CPU per request`),
  ].join("\n");
}

async function main(): Promise<number> {
  let options: ReturnType<typeof parseLoad>;
  try {
    options = parseLoad(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${LOAD_USAGE}`);
    return 2;
  }
  try {
    const result = await runLoad(await hostRuntime(), options);
    console.log(options.json ? JSON.stringify(result) : report(options, result));
    return 0;
  } catch (error) {
    console.error(`The load failed: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

process.exit(await main());
