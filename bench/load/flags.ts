/** What the load generator of the benches is told on its command line. */
import { parseArgs } from "node:util";
import { parseConnectString } from "../../src/client/connect_string.ts";
import { DEFAULT_LOAD, LOAD_OPS, type LoadOptions, parseMix } from "../../src/load/options.ts";

export interface BenchLoad extends LoadOptions {
  /** Process whose CPU time is counted along; undefined: none. */
  readonly serverPid: number | undefined;
  readonly json: boolean;
}

export const LOAD_USAGE = `Usage: load [--connect HOST:PORT,...] [--mix OP=WEIGHT,...]
  [--connections N] [--window N] [--bytes N] [--znodes N] [--seconds S] [--warmup S] [--seed N]
  [--constant] [--filled] [--pid SERVER] [--json]        OP: ${LOAD_OPS.join(", ")}`;

/** @throws {Error} with what to write instead */
export function parseLoad(args: readonly string[]): BenchLoad {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      connect: text,
      mix: text,
      connections: text,
      window: text,
      bytes: text,
      znodes: text,
      seconds: text,
      warmup: text,
      seed: text,
      pid: text,
      constant: { type: "boolean", default: false },
      filled: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const known = DEFAULT_LOAD;
  const servers = values.connect === undefined
    ? known.servers
    : parseConnectString(values.connect).hosts;
  return {
    ...known,
    servers,
    mix: values.mix === undefined ? known.mix : parseMix(values.mix),
    connections: numberOf("connections", values.connections, known.connections, 1, 100_000),
    window: numberOf("window", values.window, known.window, 1, 100_000),
    dataBytes: numberOf("bytes", values.bytes, known.dataBytes, 0, 1_000_000),
    znodes: numberOf("znodes", values.znodes, known.znodes, 1, 10_000_000),
    seconds: numberOf("seconds", values.seconds, known.seconds, 0.1, 3600, true),
    warmupSeconds: numberOf("warmup", values.warmup, known.warmupSeconds, 0, 3600, true),
    seed: numberOf("seed", values.seed, known.seed, 0, 2 ** 31),
    constant: values.constant,
    filled: values.filled,
    reuse: true, // loads of one row run on one server, one after the other or side by side
    serverPid: values.pid === undefined ? undefined : numberOf("pid", values.pid, 0, 1, 2 ** 31),
    json: values.json,
  };
}

function numberOf(
  name: string,
  text: string | undefined,
  fallback: number,
  min: number,
  max: number,
  fractions = false,
): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (
    text.trim() !== "" && value >= min && value <= max && (fractions || Number.isInteger(value))
  ) {
    return value;
  }
  throw new Error(`Cannot take --${name} "${text}": wanted a number from ${min} to ${max}`);
}
