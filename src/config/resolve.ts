/** Settings become options: each is looked up, read, and said something about; then the whole is checked and frozen. */
import { UsageError } from "../base/errors.ts";
import type { LogLevel } from "../base/log.ts";
import { DEFAULT_OPTIONS, type ServerOptions } from "../server/options.ts";
import { findKey, type FoundKey, nearestKey } from "./keys.ts";
import { applyOnlyMember, type Group, groupOf, splitDraft } from "./membership.ts";
import type { Draft, LogFormat } from "./rule.ts";
import type { Setting } from "./settings.ts";

export interface Configuration {
  readonly server: ServerOptions;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  /** What the operator should know, to be logged once there is a log. */
  readonly notices: readonly Notice[];
  /** An ensemble, until myid says which of its servers this is; undefined: standalone. */
  readonly group: Group | undefined;
}

export interface Notice {
  readonly level: "info" | "warn";
  readonly message: string;
}

export interface ResolveContext {
  /** Name of the zoo.cfg, which must then say where data and port are; undefined: defaults are used for both. */
  readonly file: string | undefined;
  /** server.N lines of the dynamic file. */
  readonly dynamic?: readonly Setting[];
}

interface Effective extends Setting {
  readonly found: FoundKey;
}

/**
 * @param settings all sources, those that win last
 * @throws {UsageError} the first thing that cannot be used
 */
export function resolve(settings: readonly Setting[], context: ResolveContext): Configuration {
  const notices: Notice[] = [];
  const effective = effectiveSettings(settings, notices);
  const draft: Draft = {};
  for (const setting of effective.values()) Object.assign(draft, valueOf(setting, notices));
  const group = groupOf(draft, [...effective.values(), ...(context.dynamic ?? [])]);
  if (group?.members.size === 1 && !group.isEnsemble) {
    applyOnlyMember(draft, group, effective, notices);
  }
  const server = Object.freeze(complete(draft, effective, context, notices, group));
  if (group?.isEnsemble === true) notices.push(...unmet(server, effective));
  return {
    server,
    group: group?.isEnsemble === true ? group : undefined,
    log: { level: draft.logLevel ?? "info", format: draft.logFormat ?? "text" },
    notices,
  };
}

/** What works, but not all that an ensemble's operator sets it for. */
function unmet(server: ServerOptions, effective: ReadonlyMap<string, Effective>): Notice[] {
  const found: Notice[] = [];
  const tell = (isAsked: boolean, key: string, what: string): void => {
    const setting = effective.get(key);
    if (!isAsked || setting === undefined) return;
    found.push({ level: "warn", message: `Setting "${key}" (${setting.source}) ${what}` });
  };
  tell(
    server.readOnlyModeEnabled,
    "readonlymode.enabled",
    "allows the word isro and no more: there is no read-only mode yet, a server without its quorum serves nobody",
  );
  tell(
    server.reconfigEnabled,
    "reconfigEnabled",
    "has no effect but on the error of a reconfig request: members cannot be changed while servers run yet",
  );
  return found;
}

/** By the key's one name; of several the last. Order is that of the first mention. */
export function effectiveSettings(
  settings: readonly Setting[],
  notices: Notice[] = [],
): ReadonlyMap<string, Effective> {
  const effective = new Map<string, Effective>();
  for (const setting of settings) {
    const found = findKey(setting.key);
    if (found === undefined) {
      notices.push({ level: "warn", message: unknownKey(setting) });
      continue;
    }
    const before = effective.get(found.name);
    if (
      before !== undefined && fileOf(before) !== undefined && fileOf(before) === fileOf(setting)
    ) {
      notices.push({
        level: "warn",
        message:
          `Setting "${found.name}" is given twice: ${before.source} is ignored, ${setting.source} counts`,
      });
    }
    effective.set(found.name, { ...setting, found });
  }
  return effective;
}

function fileOf(setting: Setting): string | undefined {
  return /^(.*), line \d+$/.exec(setting.source)?.[1];
}

function unknownKey({ key, source }: Setting): string {
  const near = nearestKey(key);
  const hint = near === undefined ? "no known setting is like it" : `did you mean "${near}"?`;
  return `Unknown setting "${key}" (${source}) is ignored; ${hint}`;
}

function valueOf(setting: Effective, notices: Notice[]): Draft {
  const { rule } = setting.found;
  const { key, source } = setting;
  const draft = rule.apply(setting.value);
  if (draft === undefined) throw badValue(setting, rule.expected);
  if (rule.effect === "works" || rule.harmless(setting.value)) return draft;
  if (rule.effect === "security") {
    throw new UsageError(
      `Cannot start with "${key}" (${source}): it asks for protection that does not exist yet (${rule.meaning}); ` +
        "remove it to run without",
    );
  }
  notices.push(
    rule.effect === "later"
      ? {
        level: "warn",
        message:
          `Setting "${key}" (${source}) has no effect: its function does not exist yet (${rule.meaning})`,
      }
      : {
        level: "info",
        message: `Setting "${key}" (${source}) has no meaning here: ${rule.meaning}`,
      },
  );
  return draft;
}

function badValue(setting: Setting, expected: string): UsageError {
  const { key, value, source } = setting;
  return new UsageError(`Cannot use "${key}" = "${value}" (${source}): expected ${expected}`);
}

function complete(
  draft: Draft,
  effective: ReadonlyMap<string, Effective>,
  context: ResolveContext,
  notices: Notice[],
  group: Group | undefined,
): ServerOptions {
  if (context.file !== undefined) demandBasics(draft, context.file, effective, group);
  const tickMs = draft.tickMs ?? DEFAULT_OPTIONS.tickMs;
  const dataDir = draft.dataDir ?? DEFAULT_OPTIONS.dataDir;
  const {
    logLevel: _level,
    logFormat: _format,
    dynamicConfigFile: _file,
    standaloneEnabled: _alone,
    multiAddressEnabled: _several,
    ...rest
  } = draft;
  const { own } = splitDraft(rest);
  const server = {
    ...DEFAULT_OPTIONS,
    ...own,
    dataDir,
    dataLogDir: draft.dataLogDir ?? dataDir,
    juteExtraBytes: draft.juteExtraBytes ?? draft.juteMaxBufferBytes ??
      DEFAULT_OPTIONS.juteExtraBytes,
    minSessionTimeoutMs: sessionTimeout(draft.minSessionTimeoutMs, 2 * tickMs),
    maxSessionTimeoutMs: sessionTimeout(draft.maxSessionTimeoutMs, 20 * tickMs),
  };
  if (server.minSessionTimeoutMs > server.maxSessionTimeoutMs) {
    const where = effective.get("minSessionTimeout") ?? effective.get("maxSessionTimeout");
    throw new UsageError(
      `Cannot use "minSessionTimeout" = ${server.minSessionTimeoutMs} ms with "maxSessionTimeout" = ` +
        `${server.maxSessionTimeoutMs} ms (${
          where?.source ?? "tickTime"
        }): expected the first to be no larger`,
    );
  }
  return correct(server, effective, notices);
}

function sessionTimeout(given: number | undefined, derived: number): number {
  return given === undefined || given === -1 ? derived : given;
}

function demandBasics(
  draft: Draft,
  file: string,
  effective: ReadonlyMap<string, Effective>,
  group: Group | undefined,
): void {
  if (draft.dataDir === undefined) {
    throw new UsageError(
      `Cannot use ${file}: dataDir is not set; add dataDir=<directory> or give --data-dir`,
    );
  }
  const isInLines = group?.isEnsemble === true &&
    [...group.members.values()].some(({ client }) => client !== undefined);
  if (draft.clientPort === undefined && !isInLines) {
    const address = effective.get("clientPortAddress");
    const detail = address === undefined ? "" : ` (clientPortAddress, ${address.source}, needs it)`;
    throw new UsageError(
      `Cannot use ${file}: clientPort is not set${detail}, so no client could connect; ` +
        "add clientPort=2181 or give --port",
    );
  }
}

/** Values that Apache changes with a warning instead of refusing them. */
function correct(
  server: ServerOptions,
  effective: ReadonlyMap<string, Effective>,
  notices: Notice[],
): ServerOptions {
  const raise = (key: string, found: number, allowed: number): number => {
    if (found === allowed) return found;
    const source = effective.get(key)?.source;
    notices.push({
      level: "warn",
      message: `Setting "${key}" = ${found} (${source}) is taken as ${allowed}`,
    });
    return allowed;
  };
  const threshold = server.largeRequestThresholdBytes;
  return {
    ...server,
    snapCount: raise("snapCount", server.snapCount, Math.max(2, server.snapCount)),
    purgeRetainCount: raise(
      "autopurge.snapRetainCount",
      server.purgeRetainCount,
      Math.max(3, server.purgeRetainCount),
    ),
    largeRequestThresholdBytes: raise(
      "largeRequestThreshold",
      threshold,
      threshold > 0 ? threshold : -1,
    ),
  };
}
