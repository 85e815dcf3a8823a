/** What the suite was asked for. */
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { portFrom } from "../support/refusal.ts";
import { type ServerName, SERVERS } from "../support/servers.ts";
import { ROWS, type RowSpec } from "./rows.ts";

/** Three servers: of one kind, or one of each of ours. */
export const TRIOS = ["apache", "node", "deno", "bun", "mixed"] as const;
export type TrioName = (typeof TRIOS)[number];

export interface Settings {
  readonly rows: readonly RowSpec[];
  readonly servers: readonly ServerName[];
  readonly trios: readonly TrioName[];
  readonly quick: boolean;
  readonly rounds: number;
  readonly starts: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly jvmWarmupSeconds: number;
  readonly snapCount: number;
  /** Of the rows that speak of a million. */
  readonly znodes: number;
  readonly sessions: number;
  /** Watches of each session. */
  readonly watches: number;
  readonly creates: number;
  readonly port: number;
  readonly folder: string;
  readonly out: string | undefined;
  readonly charts: string | undefined;
}

const FULL = {
  rounds: 3,
  starts: 5,
  seconds: 5,
  warmup: 3,
  "jvm-warmup": 30,
  znodes: 1_000_000,
  sessions: 10_000,
  creates: 200_000,
};
const QUICK = {
  rounds: 1,
  starts: 2,
  seconds: 1.5,
  warmup: 1,
  "jvm-warmup": 5,
  znodes: 100_000,
  sessions: 1_000,
  creates: 20_000,
};

export const SUITE_USAGE =
  `Usage: npm run bench -- rows [ROW ...] [--quick] [--out FILE] [--charts FOLDER]
  [--servers ${SERVERS}] [--trios ${TRIOS}]
  [--rounds N] [--seconds S] [--warmup S] [--jvm-warmup S] [--znodes N] [--sessions N] [--creates N]
  [--starts N] [--port N] [--folder F]       without a ROW: all of them
Rows: ${ROWS.map(({ id }) => id).join(", ")}`;

/** @throws {Error} with what to write instead */
export function settingsOf(args: readonly string[]): Settings {
  const text = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      servers: { ...text, default: SERVERS.join(",") },
      trios: { ...text, default: "apache,node,bun,mixed" },
      rounds: text,
      starts: text,
      seconds: text,
      warmup: text,
      "jvm-warmup": text,
      znodes: text,
      sessions: text,
      creates: text,
      port: { ...text, default: "22650" },
      folder: { ...text, default: tmpdir() },
      out: text,
      charts: text,
    },
  });
  const usual = values.quick ? QUICK : FULL;
  const number = (name: keyof typeof FULL): number => {
    const given = values[name], value = given === undefined ? usual[name] : Number(given);
    if (Number.isFinite(value) && value >= 0) return value;
    throw new Error(`Cannot take --${name} "${given}": wanted a number`);
  };
  return {
    rows: positionals.length === 0 ? ROWS : positionals.map((id) => one("row", id, ROWS, idOf)),
    servers: values.servers.split(",").map((name) => one("--servers", name, SERVERS, String)),
    trios: values.trios.split(",").map((name) => one("--trios", name, TRIOS, String)),
    quick: values.quick,
    rounds: number("rounds"),
    starts: number("starts"),
    seconds: number("seconds"),
    warmupSeconds: number("warmup"),
    jvmWarmupSeconds: number("jvm-warmup"),
    snapCount: 100_000,
    znodes: number("znodes"),
    sessions: number("sessions"),
    watches: 10,
    creates: number("creates"),
    port: portFrom(values.port),
    folder: values.folder,
    out: values.out,
    charts: values.charts,
  };
}

const idOf = ({ id }: RowSpec): string => id;

function one<T>(what: string, name: string, known: readonly T[], nameOf: (item: T) => string): T {
  const found = known.find((item) => nameOf(item) === name.trim());
  if (found !== undefined) return found;
  throw new Error(`Cannot take ${what} "${name}": wanted some of ${known.map(nameOf).join(", ")}`);
}
