/** Reads zoo.cfg, the dynamic file and myid through the door, and resolves them with flags and variables. */
import { UsageError } from "../base/errors.ts";
import { whyUnread } from "../base/why_unread.ts";
import type { Fs, Runtime } from "../runtime.ts";
import { joinEnsemble } from "./membership.ts";
import { parseProperties } from "./properties.ts";
import { type Configuration, effectiveSettings, type Notice, resolve } from "./resolve.ts";
import { type Setting, settingsOfEnvironment, settingsOfFile } from "./settings.ts";

/**
 * @param file path of a zoo.cfg; undefined: defaults, port 2181 and ./data
 * @param flags settings from the command line
 * @throws {UsageError} a file that cannot be read, a value that cannot be used
 */
export async function loadConfiguration(
  runtime: Pick<Runtime, "fs" | "process">,
  file: string | undefined,
  flags: readonly Setting[] = [],
): Promise<Configuration> {
  const { fs, process } = runtime;
  const settings = [
    ...(file === undefined ? [] : await readSettings(fs, file)),
    ...settingsOfEnvironment((name) => process.env(name)),
    ...flags,
  ];
  const dynamicFile = effectiveSettings(settings).get("dynamicConfigFile");
  const dynamic = dynamicFile === undefined
    ? []
    : await readDynamic(fs, dynamicFile.value, settings);
  const { server, log, notices, group } = resolve(settings, { file, dynamic });
  const myIdPath = fs.join(server.dataDir, "myid");
  const serverId = await readMyId(fs, myIdPath);
  const withId = serverId === undefined ? server : Object.freeze({ ...server, serverId });
  const largest = server.emulate353TtlNodes ? 127 : server.extendedTypes ? 254 : 255;
  if (withId.serverId > largest) {
    throw new UsageError(
      `Cannot use server id ${withId.serverId} of ${server.dataDir}/myid: expected 1 to ${largest}`,
    );
  }
  const all = [...notices, ...doubtfulPaths(settings, file)];
  if (group === undefined) return { server: withId, log, notices: all, group };
  const joined = joinEnsemble(withId, group, serverId, myIdPath, effectiveSettings(settings));
  return { server: joined.server, log, notices: [...all, ...joined.notices], group };
}

const CONFIGURATION_FILE = "give the file in it, such as zoo.cfg";

/** @throws {UsageError} */
export async function readSettings(fs: Fs, file: string): Promise<Setting[]> {
  let bytes: Uint8Array;
  try {
    bytes = await fs.readFile(file);
  } catch (error) {
    throw new UsageError(
      `Cannot read ${file === "" ? '""' : file}: ${whyUnread(error, CONFIGURATION_FILE)}`,
    );
  }
  try {
    return settingsOfFile(file, parseProperties(bytes));
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`${file}: ${error.message}`) : error;
  }
}

/** Operations §1.15: members only, and none may then be in the static file. @throws {UsageError} */
export async function readDynamic(
  fs: Fs,
  file: string,
  fixed: readonly Setting[],
): Promise<Setting[]> {
  const isMember = ({ key }: Setting): boolean => /^(?:server\.|group|weight)/.test(key);
  const both = fixed.find(isMember);
  if (both !== undefined) {
    throw new UsageError(
      `Cannot use "${both.key}" (${both.source}): with dynamicConfigFile it belongs into ${file}`,
    );
  }
  const settings = await readSettings(fs, file);
  const other = settings.find((setting) => !isMember(setting));
  if (other === undefined) return settings;
  throw new UsageError(
    `Cannot use "${other.key}" (${other.source}): expected only server.N, group.N and weight.N`,
  );
}

/** Undefined: there is none. @throws {UsageError} it holds no number of a server */
export async function readMyId(fs: Fs, path: string): Promise<number | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await fs.readFile(path);
  } catch {
    return undefined; // a standalone server needs none; a directory that cannot be read is reported when it is opened
  }
  const [first = ""] = String.fromCharCode(...bytes.subarray(0, 64)).split(/[\r\n]/);
  const id = /^\s*\d{1,10}\s*$/.test(first) ? Number(first) : 0;
  if (id >= 1 && id <= 255) return id;
  throw new UsageError(
    `Cannot use ${path}: its first line is "${first}", expected a server id from 1 to 255`,
  );
}

/**
 * A relative path in a file depends on where the server is started (Apache warns too). One that ends in version-2 means
 * a new, empty database inside the directory that was meant.
 */
export function doubtfulPaths(settings: readonly Setting[], file: string | undefined): Notice[] {
  const effective = effectiveSettings(settings);
  return ["dataDir", "dataLogDir"].flatMap((key) => {
    const found = effective.get(key);
    if (found === undefined) return [];
    const doubts: string[] = [];
    if (file !== undefined && found.source.startsWith(file) && !found.value.startsWith("/")) {
      doubts.push("is relative to where the server is started");
    }
    if (/(?:^|\/)version-2\/*$/.test(found.value)) {
      doubts.push(
        "names a subdirectory that the server makes itself; the directory above may be meant",
      );
    }
    return doubts.map((doubt): Notice => ({
      level: "warn",
      message: `Setting "${key}" = "${found.value}" (${found.source}) ${doubt}`,
    }));
  });
}
