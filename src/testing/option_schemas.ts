/** The shapes of options of test servers, and the one line that tells which does not fit. */
import * as v from "valibot";
import { UsageError } from "../base/errors.ts";
import { oneLine } from "../cli/one_line.ts";
import { DEFAULT_ENSEMBLE_OPTIONS } from "../server/ensemble/options.ts";
import { DEFAULT_OPTIONS } from "../server/options.ts";

type Schema = v.GenericSchema;
type Entries = Record<string, v.OptionalSchema<Schema, undefined>>;

// ------------------------------------------------------------------------------ forms; messages complete "not …"

function integer(min: number): Schema {
  const expected = min === -Infinity ? "an integer" : `an integer of at least ${min}`;
  return v.message(v.pipe(v.number(), v.safeInteger(), v.minValue(min)), expected);
}

const port: Schema = v.message(
  v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535)),
  "a port from 0 to 65535",
);
const text = v.string("a text");
const amount: Schema = v.message(v.pipe(v.number(), v.finite()), "a number");

function oneOf(...values: readonly (string | number)[]): Schema {
  const list = values.map((one) => JSON.stringify(one)).join(" or ");
  return v.picklist(values, list);
}

/** Zero or less, or -1, turns them off. */
const SIGNED = [
  "clientPortListenBacklog",
  "largeRequestThresholdBytes",
  "connectionThrottleFreezeTimeMs",
  "preAllocBytes",
  "txnLogSizeLimitBytes",
  "snapSizeLimitBytes",
  "purgeRetainCount",
  "quorumCnxnTimeoutMs",
];
const POSITIVE = [
  "tickMs",
  "juteMaxBufferBytes",
  "globalOutstandingLimit",
  "largeRequestMaxBytes",
  "sessionlessTimeoutMs",
  "connectionThrottleFillTimeMs",
  "connectionThrottleGlobalWeight",
  "connectionThrottleLocalWeight",
  "connectionThrottleRenewWeight",
  "containerCheckIntervalMs",
  "containerMaxPerMinute",
  "httpStreamsMax",
  "httpSessionsMax",
  "minNotificationIntervalMs",
  "maxNotificationIntervalMs",
  "commitLogCount",
  "maxConcurrentSnapSyncs",
  "maxConcurrentDiffSyncs",
];
/** What the default does not tell the form of. */
const OTHERS: Readonly<Record<string, Schema>> = {
  ensemble: v.object({}, "an object"),
  clientPortAddress: text,
  serverId: integer(1),
  connectionThrottleDropIncrease: amount,
  connectionThrottleDropDecrease: amount,
  connectionThrottleDecreaseRatio: amount,
  digestAlgorithm: oneOf("SHA-1", "SHA-256", "SHA-512", "SHA3-256"),
  superDigest: text,
  memoryLimitMib: integer(0),
  fileFormat: oneOf(2, 3),
  snapshotCompression: oneOf("", "gz", "snappy"),
  purgeIntervalHours: amount,
  adminPort: port,
  tokenFile: text,
  metricsPort: port,
  peerType: oneOf("participant", "observer"),
  snapshotSizeFactor: amount,
};

/** New options get their form from their default, or an entry above. */
function schemaOf(name: string, fallback: unknown): Schema {
  const other = OTHERS[name];
  if (other !== undefined) return other;
  if (typeof fallback === "boolean") return v.boolean("true or false");
  if (typeof fallback === "string") return text;
  return integer(SIGNED.includes(name) ? -Infinity : POSITIVE.includes(name) ? 1 : 0);
}

function entriesOf(defaults: object): Entries {
  return Object.fromEntries(
    Object.entries(defaults).map((
      [name, fallback],
    ) => [name, v.optional(schemaOf(name, fallback))]),
  );
}

const { clientPort: _port, dataDir: _data, dataLogDir: _log, ...settable } = DEFAULT_OPTIONS;
export const settingsSchema = v.strictObject(entriesOf(settable), "an object");

const logger = v.custom<object>(
  (value) =>
    typeof value === "object" && value !== null &&
    ["debug", "info", "warn", "error"].every((name) =>
      typeof (value as Record<string, unknown>)[name] === "function"
    ),
  "a Log with debug, info, warn and error",
);
const directory = v.union(
  [
    v.picklist(["memory", "temporary"]),
    v.strictObject({ path: v.pipe(v.string(), v.nonEmpty()) }),
  ],
  '"memory" or "temporary", or { path } with a text that is not empty',
);
const network = v.optional(oneOf("tcp", "memory"));
const others = {
  directory: v.optional(directory),
  clock: v.optional(oneOf("real", "virtual")),
  settings: v.optional(settingsSchema),
  log: v.optional(logger),
};

export const serverSchema = v.strictObject(
  { network, port: v.optional(port), ...others },
  "an object",
);
export const ensembleSchema = v.strictObject({
  network,
  ...others,
  observers: v.optional(integer(0)),
  ensemble: v.optional(v.strictObject(entriesOf(DEFAULT_ENSEMBLE_OPTIONS), "an object")),
}, "an object");

/** @throws {UsageError} the first option that does not fit */
export function demandShape(
  schema: typeof serverSchema | typeof ensembleSchema,
  options: unknown,
): void {
  const result = v.safeParse(schema, options, { abortEarly: true });
  if (result.success) return;
  const [issue] = result.issues;
  throw new UsageError(`Cannot start a test server: ${oneLine(wrong(schema, issue))}`);
}

function wrong(
  schema: typeof serverSchema | typeof ensembleSchema,
  { path, type, expected, input, message }: v.BaseIssue<unknown>,
): string {
  const keys = (path ?? []).map(({ key }) => String(key));
  if (type === "strict_object" && expected === "never") {
    const name = `"${keys.at(-1) ?? ""}"`;
    switch (keys.length === 1 ? undefined : keys[0]) {
      case "settings":
        return `there is no setting ${name}; ServerOptions has those that there are`;
      case "ensemble":
        return `there is no setting ${name} of an ensemble; EnsembleOptions has those that there are`;
      default:
        return `there is no option ${name}; expected ${Object.keys(schema.entries).join(", ")}`;
    }
  }
  return `${keys.length === 0 ? "options" : keys.join(".")} is ${shown(input)}, not ${message}`;
}

function shown(value: unknown): string {
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "function") return "a function";
  return typeof value === "string" && /^-?[\d.]+$/.test(value)
    ? `${value} (a string)`
    : String(value);
}
