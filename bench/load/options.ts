/** What the load generator is told on its command line. */
import { parseArgs } from "node:util";

export const LOADS = ["getData", "setData", "mixed", "create", "getChildren"] as const;
export type Load = (typeof LOADS)[number];

export interface LoadOptions {
  readonly host: string;
  readonly port: number;
  readonly load: Load;
  /** Of mixed: how many of 100 requests are reads. */
  readonly readPercent: number;
  readonly connections: number;
  /** Requests outstanding on each connection. */
  readonly window: number;
  readonly dataBytes: number;
  /** Read or written at random; for getChildren, the children listed. */
  readonly znodes: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly seed: number;
  /** The server answers from constants: nothing is filled, no length is checked. */
  readonly constant: boolean;
  /** Process whose CPU time is counted along; undefined: none. */
  readonly serverPid: number | undefined;
}

export const DEFAULT_LOAD: LoadOptions = {
  host: "127.0.0.1",
  port: 2181,
  load: "getData",
  readPercent: 50,
  connections: 10,
  window: 100,
  dataBytes: 1024,
  znodes: 1000,
  seconds: 5,
  warmupSeconds: 2,
  seed: 1,
  constant: false,
  serverPid: undefined,
};

export const LOAD_USAGE = `Usage: load [--connect HOST:PORT] [--op ${LOADS.join("|")}]
  [--connections N] [--window N] [--bytes N] [--znodes N] [--reads PERCENT, of mixed]
  [--seconds S] [--warmup S] [--seed N] [--constant] [--pid SERVER] [--json]`;

/** @throws {Error} with what to write instead */
export function parseLoad(args: readonly string[]): LoadOptions & { readonly json: boolean } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      connect: { type: "string" },
      op: { type: "string" },
      connections: { type: "string" },
      window: { type: "string" },
      bytes: { type: "string" },
      znodes: { type: "string" },
      reads: { type: "string" },
      seconds: { type: "string" },
      warmup: { type: "string" },
      seed: { type: "string" },
      pid: { type: "string" },
      constant: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const [host, port] = addressOf(values.connect);
  return {
    host,
    port,
    load: loadOf(values.op),
    readPercent: numberOf("reads", values.reads, DEFAULT_LOAD.readPercent, 0, 100),
    connections: numberOf("connections", values.connections, DEFAULT_LOAD.connections, 1, 100_000),
    window: numberOf("window", values.window, DEFAULT_LOAD.window, 1, 100_000),
    dataBytes: numberOf("bytes", values.bytes, DEFAULT_LOAD.dataBytes, 0, 1_000_000),
    znodes: numberOf("znodes", values.znodes, DEFAULT_LOAD.znodes, 1, 10_000_000),
    seconds: numberOf("seconds", values.seconds, DEFAULT_LOAD.seconds, 0.1, 3600, true),
    warmupSeconds: numberOf("warmup", values.warmup, DEFAULT_LOAD.warmupSeconds, 0, 3600, true),
    seed: numberOf("seed", values.seed, DEFAULT_LOAD.seed, 0, 2 ** 31),
    constant: values.constant,
    serverPid: values.pid === undefined ? undefined : numberOf("pid", values.pid, 0, 1, 2 ** 31),
    json: values.json,
  };
}

function addressOf(text: string | undefined): [host: string, port: number] {
  if (text === undefined) return [DEFAULT_LOAD.host, DEFAULT_LOAD.port];
  const colon = text.lastIndexOf(":");
  if (colon < 0) throw new Error(`Cannot take --connect "${text}": wanted HOST:PORT`);
  return [text.slice(0, colon), numberOf("connect", text.slice(colon + 1), 0, 1, 65_535)];
}

function loadOf(text: string | undefined): Load {
  const found = LOADS.find((load) => load === (text ?? DEFAULT_LOAD.load));
  if (found === undefined) {
    throw new Error(`Cannot take --op "${text}": wanted ${LOADS.join(", ")}`);
  }
  return found;
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
