/** What a load is: where to, which operations, how many at once, for how long. */
import type { Host } from "../client/connect_string.ts";

export const LOAD_OPS = ["getData", "exists", "getChildren", "setData", "create"] as const;
export type LoadOp = (typeof LOAD_OPS)[number];

/** How often each operation comes, by weight; those left out never. */
export type Mix = Readonly<Partial<Record<LoadOp, number>>>;

export interface LoadOptions {
  /** Connections are spread over them in turn. */
  readonly servers: readonly Host[];
  /** The znode below which everything happens; its parents are there. */
  readonly base: string;
  readonly mix: Mix;
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
  /** The znodes are there already, with data of that size. */
  readonly filled: boolean;
  /** A base that is there is a former load's, and its znodes get new data. Else it is somebody's, and refused. */
  readonly reuse: boolean;
  /** The znodes stay when it is over. They do so too where the base was there before. */
  readonly keep: boolean;
}

export const DEFAULT_LOAD: LoadOptions = {
  servers: [{ host: "127.0.0.1", port: 2181 }],
  base: "/bench",
  mix: { getData: 1 },
  connections: 10,
  window: 100,
  dataBytes: 1024,
  znodes: 1000,
  seconds: 5,
  warmupSeconds: 2,
  seed: 1,
  constant: false,
  filled: false,
  reuse: false,
  keep: true,
};

/** `getData=90,setData=10`, or one operation's name. @throws {Error} with what to write instead */
export function parseMix(text: string): Mix {
  const mix: Partial<Record<LoadOp, number>> = {};
  for (const part of text.split(",")) {
    const [name = "", weight = "1"] = part.split("=").map((word) => word.trim());
    const op = LOAD_OPS.find((known) => known === name);
    const value = Number(weight);
    if (op === undefined || weight === "" || !Number.isInteger(value) || value < 0) {
      throw new Error(
        `"${part}" is no share of a mix: wanted OP=WEIGHT, a whole number, with OP one of ${
          LOAD_OPS.join(", ")
        }`,
      );
    }
    mix[op] = (mix[op] ?? 0) + value;
  }
  if (Object.values(mix).every((value) => value === 0)) {
    throw new Error(`the mix "${text}" holds nothing: wanted a weight above 0`);
  }
  return mix;
}

/** As `parseMix` takes it. */
export function formatMix(mix: Mix): string {
  const parts = Object.entries(mix).filter(([, weight]) => weight > 0);
  return parts.map(([op, weight]) => parts.length === 1 ? op : `${op}=${weight}`).join(",");
}
