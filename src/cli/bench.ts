/** `menagerie bench`: the project's load generator (src/load) against any server. */
import { messageOf, UsageError } from "../base/errors.ts";
import { parseConnectString } from "../client/connect_string.ts";
import { pathProblem } from "../client/paths.ts";
import { formatMix, type LoadOptions, parseMix } from "../load/options.ts";
import { formatReport } from "../load/report.ts";
import { type LoadResult, type LoadWatcher, type Phase, runLoad } from "../load/run.ts";
import type { Runtime, Signal } from "../runtime.ts";
import type { BenchFlags } from "./bench_command.ts";
import { Exit } from "./failure.ts";
import { oneLine } from "./one_line.ts";
import { onInterrupt, SIGNAL_EXIT } from "./stop_signals.ts";
import { VERSION } from "./version.ts";

const SECONDS_MAX = 86_400;
/** The fill is shown again after so many znodes. */
const FILL_STEP = 100_000;

/**
 * Ends the process: 0, or 1 when the servers did not answer as asked, or 130 or 143 when a signal ended it.
 * @throws {UsageError} flags that cannot be used
 */
export async function bench(runtime: Runtime, flags: BenchFlags): Promise<never> {
  const options = optionsOf(flags);
  const { process } = runtime;
  let interruptedBy: Signal | undefined;
  const stop = new Promise<void>((resolve) =>
    onInterrupt(runtime, (signal) => {
      interruptedBy = signal;
      const what = options.keep ? "stay (--keep)" : "are removed";
      process.stderr(
        `menagerie: ${signal}: the load ends, and its znodes ${what}; another signal, a second or more from now, ends at once\n`,
      );
      resolve();
    })
  );
  const exitAs = (code: Exit): never =>
    process.exit(interruptedBy === undefined ? code : SIGNAL_EXIT[interruptedBy]);
  let result: LoadResult;
  try {
    result = await runLoad(runtime, options, { ...watcher(runtime, options, flags), stop });
  } catch (error) {
    const what = interruptedBy === undefined ? "The load failed: " : "";
    process.stderr(`menagerie: ${what}${oneLine(messageOf(error))}\n`);
    return exitAs(Exit.failed);
  }
  const text = flags.json === true
    ? JSON.stringify(recordOf(runtime, flags, options, result))
    : formatReport(options, result);
  process.stdout(`${text}\n`);
  return exitAs(Exit.clean);
}

function recordOf(
  { name, version, clock }: Runtime,
  flags: BenchFlags,
  options: LoadOptions,
  result: LoadResult,
): object {
  const { connections, window, dataBytes, znodes, warmupSeconds, seed } = options;
  return {
    date: new Date(clock.wallMs()).toISOString(),
    generator: `menagerie ${VERSION} on ${name} ${version}`,
    connect: flags.connect,
    mix: formatMix(options.mix),
    connections,
    window,
    dataBytes,
    znodes,
    warmupSeconds,
    seed,
    ...result,
  };
}

const WORDS: Readonly<Record<Phase, (options: LoadOptions) => string>> = {
  fill: ({ znodes, base }) => `making ${znodes} znodes below ${base}`,
  connect: ({ connections }) => `opening ${connections} connections`,
  warmup: ({ warmupSeconds }) => `warming up for ${warmupSeconds} s`,
  measure: ({ seconds }) => `measuring for ${seconds} s`,
  close: () => "closing the sessions",
  clear: () => "removing the znodes",
};

/** Progress goes to the error output, so that the figures are alone in the other. */
function watcher({ process }: Runtime, options: LoadOptions, flags: BenchFlags): LoadWatcher {
  if (flags.json === true) return {};
  let shown = 0;
  return {
    onPhase: (phase) => process.stderr(`${WORDS[phase](options)}\n`),
    onFill: (znodes) => {
      if (znodes - shown < FILL_STEP) return;
      shown = znodes;
      process.stderr(`  ${znodes} of ${options.znodes}\n`);
    },
  };
}

function optionsOf(flags: BenchFlags): LoadOptions {
  const path = flags.path;
  const problem = path === "/" ? "the root cannot be removed" : pathProblem(path);
  if (problem !== undefined) throw new UsageError(`Cannot use --path "${path}": ${problem}`);
  const { hosts, chroot } = usable("--connect", () => parseConnectString(flags.connect));
  return {
    servers: hosts,
    base: chroot + path,
    mix: usable("--mix", () => parseMix(flags.mix)),
    connections: numberOf("--connections", flags.connections, 1, 100_000),
    window: numberOf("--window", flags.window, 1, 100_000),
    dataBytes: numberOf("--size", flags.size, 0, 1_000_000),
    znodes: numberOf("--znodes", flags.znodes, 1, 10_000_000),
    seconds: numberOf("--duration", flags.duration, 0.1, SECONDS_MAX, true),
    warmupSeconds: numberOf("--warmup", flags.warmup, 0, SECONDS_MAX, true),
    seed: numberOf("--seed", flags.seed, 0, 0x7fff_ffff),
    constant: false,
    filled: false,
    reuse: false,
    keep: flags.keep === true,
  };
}

function usable<T>(flag: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError(`Cannot use ${flag}: ${messageOf(error)}`);
  }
}

function numberOf(flag: string, text: string, min: number, max: number, fractions = false): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (value >= min && value <= max && (fractions || Number.isInteger(value))) return value;
  throw new UsageError(
    `Cannot use ${flag} "${text}": expected a ${
      fractions ? "" : "whole "
    }number from ${min} to ${max}`,
  );
}
