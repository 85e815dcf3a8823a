/** Where settings come from: a file, MENAGERIE_* variables, flags. Later ones win over earlier ones. */
import type { Property } from "./properties.ts";

export interface Setting {
  /** As the operator wrote it. */
  readonly key: string;
  readonly value: string;
  /** `zoo.cfg, line 3`, `MENAGERIE_PORT`, `--port`. */
  readonly source: string;
}

export function settingsOfFile(file: string, properties: readonly Property[]): Setting[] {
  return properties.map(({ key, value, line }) => ({
    key,
    value,
    source: `${file}, line ${line}`,
  }));
}

/** Settings that have a flag and a variable of their own; all others are reached by `--set key=value`. */
export interface CommonSetting {
  /** Without the dashes: `data-dir`. */
  readonly flag: string;
  readonly short?: string;
  readonly argument: string;
  readonly key: string;
  readonly help: string;
}

export const COMMON_SETTINGS: readonly CommonSetting[] = [
  {
    flag: "port",
    short: "p",
    argument: "<port>",
    key: "clientPort",
    help: "port for clients, 0 for a free one",
  },
  { flag: "host", argument: "<address>", key: "clientPortAddress", help: "address to listen on" },
  {
    flag: "data-dir",
    short: "d",
    argument: "<dir>",
    key: "dataDir",
    help: "directory of snapshots, and of logs unless --log-dir",
  },
  { flag: "log-dir", argument: "<dir>", key: "dataLogDir", help: "directory of transaction logs" },
  {
    flag: "file-format",
    argument: "<2|3>",
    key: "fileFormat",
    help: "format of new logs and snapshots: 2 is Apache's",
  },
  { flag: "tick-time", argument: "<ms>", key: "tickTime", help: "unit of session time" },
  {
    flag: "min-session-timeout",
    argument: "<ms>",
    key: "minSessionTimeout",
    help: "shortest session timeout",
  },
  {
    flag: "max-session-timeout",
    argument: "<ms>",
    key: "maxSessionTimeout",
    help: "longest session timeout",
  },
  {
    flag: "max-client-cnxns",
    argument: "<n>",
    key: "maxClientCnxns",
    help: "connections per client address, 0 for no limit",
  },
  { flag: "max-buffer", argument: "<bytes>", key: "jute.maxbuffer", help: "longest request" },
  {
    flag: "snap-count",
    argument: "<n>",
    key: "snapCount",
    help: "most transactions between snapshots",
  },
  {
    flag: "snap-retain",
    argument: "<n>",
    key: "autopurge.snapRetainCount",
    help: "snapshots to keep when purging",
  },
  {
    flag: "purge-interval",
    argument: "<hours>",
    key: "autopurge.purgeInterval",
    help: "time between purges, 0 for none",
  },
  {
    flag: "four-letter-words",
    argument: "<list>",
    key: "4lw.commands.whitelist",
    help: "words to answer, with commas, or *",
  },
  { flag: "log-level", argument: "<level>", key: "log.level", help: "debug, info, warn or error" },
  { flag: "log-format", argument: "<format>", key: "log.format", help: "text or json" },
];

/** `MENAGERIE_DATA_DIR` of `data-dir`. */
export function variableOf(flag: string): string {
  return `MENAGERIE_${flag.replaceAll("-", "_").toUpperCase()}`;
}

/** Settings given by variables; an empty variable is as good as none. */
export function settingsOfEnvironment(env: (name: string) => string | undefined): Setting[] {
  const settings: Setting[] = [];
  for (const { flag, key } of COMMON_SETTINGS) {
    const source = variableOf(flag);
    const value = env(source)?.trim() ?? "";
    if (value !== "") settings.push({ key, value, source });
  }
  return settings;
}
