/** What a test's server can be told. */
import { UsageError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { DEFAULT_OPTIONS, type ServerOptions } from "../server/options.ts";
import { demandShape, ensembleSchema, serverSchema } from "./option_schemas.ts";

export interface TestServerOptions {
  /** `tcp`: a free port of 127.0.0.1, for clients of all languages. `memory`: no port, for `zk.connect()` alone. Default tcp. */
  readonly network?: "tcp" | "memory" | undefined;
  /** Default 0: a free one. */
  readonly port?: number | undefined;
  /**
   * `memory`: nothing touches the disk. `temporary`: a new directory that `stop` removes. `{ path }`: that one, and it
   * stays. Default memory.
   */
  readonly directory?: "memory" | "temporary" | { readonly path: string } | undefined;
  /** `virtual`: time passes in `zk.clock.advance` alone. Default real. */
  readonly clock?: "real" | "virtual" | undefined;
  /** Anything else of the server: see {@link TEST_SETTINGS} for what differs from its defaults. */
  readonly settings?:
    | Partial<Omit<ServerOptions, "clientPort" | "dataDir" | "dataLogDir">>
    | undefined;
  /** Where the server's log goes. Default nowhere. */
  readonly log?: Log | undefined;
}

/** What tests want otherwise than those who run a server. */
export const TEST_SETTINGS: Partial<ServerOptions> = Object.freeze({
  clientPortAddress: "127.0.0.1",
  /** Sessions may be short, and end when they should. */
  tickMs: 20,
  minSessionTimeoutMs: 40,
  maxSessionTimeoutMs: 60_000,
  maxClientCnxns: 0,
  extendedTypes: true,
  fourLetterWhitelist: "*",
  preAllocBytes: 0,
  /** The data of a test need not outlive a loss of power. */
  forceSync: false,
});

/** The port that a server in memory has unless told otherwise: there it is free. */
const MEMORY_PORT = 2181;

export function serverOptions(options: TestServerOptions, directory: string): ServerOptions {
  return Object.freeze({
    ...DEFAULT_OPTIONS,
    ...TEST_SETTINGS,
    ...toldOf(options.settings, DEFAULT_OPTIONS),
    clientPort: options.port ?? (options.network === "memory" ? MEMORY_PORT : 0),
    dataDir: directory,
    dataLogDir: directory,
  });
}

/** Undefined is as good as none, save where it is a value. */
export function toldOf<T extends object>(
  settings: Partial<T> | undefined,
  defaults: T,
): Partial<T> {
  const entries = Object.entries(settings ?? {}).filter(([name, value]) =>
    value !== undefined || defaults[name as keyof T] === undefined
  );
  return Object.fromEntries(entries) as Partial<T>;
}

/** @throws {UsageError} options that there are not */
export function checkOptions(options: TestServerOptions): void {
  demandShape(serverSchema, options);
  checkTimeouts(options);
}

/** Those of an ensemble, which have no port. @throws {UsageError} */
export function checkEnsembleOptions(options: Omit<TestServerOptions, "port">): void {
  demandShape(ensembleSchema, options);
  checkTimeouts(options);
}

function checkTimeouts(options: TestServerOptions): void {
  const { minSessionTimeoutMs: min, maxSessionTimeoutMs: max } = serverOptions(options, "");
  if (min <= max) return;
  throw new UsageError(
    `Cannot start a test server: settings.minSessionTimeoutMs is ${min}, not at most maxSessionTimeoutMs, which is ${max}`,
  );
}
