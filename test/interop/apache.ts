// Apache's own server, 3.8.0 (Debian's package) or 3.9.5 (Maven Central), as a child process to compare with.
// test/interop/install.sh brings both. Loopback only.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatProperty } from "../../src/config/properties.ts";
import { type ServerProcess, startProcess, untilServing } from "../support/child.ts";
import { cacheFolder } from "../support/root.ts";

export type ApacheVersion = "3.8.0" | "3.9.5";

export interface ApacheOptions {
  readonly version: ApacheVersion;
  readonly port: number;
  /** Undefined: a fresh one, removed by `stop`. A given one is kept. */
  readonly dataDir?: string | undefined;
  /** Lines of zoo.cfg beside clientPort and dataDir. Default: tickTime 2000, all four-letter words. */
  readonly config?: readonly string[];
  /** Java system properties, such as `zookeeper.extendedTypesEnabled`. */
  readonly properties?: Readonly<Record<string, string>>;
  /** `quick` starts in half the time, `full` is how a user runs it, for benches. Default `quick`. */
  readonly jvm?: "quick" | "full";
}

export interface ApacheServer {
  readonly version: ApacheVersion;
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly process: ServerProcess;
  /** SIGTERM; removes the data directory if it was made here. */
  stop(): Promise<void>;
  /** SIGKILL; the data directory stays, for `startApache` with `dataDir`. */
  kill(): Promise<void>;
}

/** The class path of one version, wildcard of a folder or jars. @throws {Error} when it is not installed */
export function apacheClassPath(version: ApacheVersion): string {
  const jars = version === "3.8.0"
    ? ["/usr/share/java/zookeeper.jar", "/usr/share/java/slf4j-simple.jar"]
    : [join(cacheFolder(), "apache-3.9.5", "lib")];
  for (const jar of jars) {
    if (!existsSync(jar)) {
      throw new Error(
        `Apache ${version} is not installed (no ${jar}): run test/interop/install.sh`,
      );
    }
  }
  return version === "3.8.0" ? jars.join(":") : `${jars[0]}/*`;
}

const quickJvm = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx256m"];

/** The arguments of `java` for a class of that version. */
export function javaArgs(
  version: ApacheVersion,
  properties: Readonly<Record<string, string>>,
  jvm: "quick" | "full" = "quick",
): string[] {
  const defines = Object.entries({
    "org.slf4j.simpleLogger.defaultLogLevel": "warn",
    "java.net.preferIPv4Stack": "true",
    "zookeeper.admin.enableServer": "false",
    "zookeeper.jmx.log4j.disable": "true",
    ...properties,
  }).map(([key, value]) => `-D${key}=${value}`);
  return [
    ...(jvm === "quick" ? quickJvm : ["-Xmx1g"]),
    ...defines,
    "-cp",
    apacheClassPath(version),
  ];
}

/** The command line of a standalone server; writes zoo.cfg into `work`. */
export function apacheCommand(
  options: ApacheOptions,
  work: string,
  dataDir: string,
): [command: string, ...args: string[]] {
  const config = options.config ?? ["tickTime=2000", "4lw.commands.whitelist=*"];
  const file = join(work, "zoo.cfg");
  const own = [
    formatProperty("dataDir", dataDir),
    `clientPort=${options.port}`,
    "clientPortAddress=127.0.0.1",
  ];
  writeFileSync(file, [...own, ...config].join("\n") + "\n");
  const main = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
  return ["java", ...javaArgs(options.version, options.properties ?? {}, options.jvm), main, file];
}

/** Starts a standalone server and waits until it serves. @throws {Error} with its log */
export async function startApache(options: ApacheOptions): Promise<ApacheServer> {
  const work = mkdtempSync(join(tmpdir(), "menagerie-apache-"));
  const dataDir = options.dataDir ?? join(work, "data");
  mkdirSync(dataDir, { recursive: true });
  const [command, ...args] = apacheCommand(options, work, dataDir);
  const server = startProcess(command, args);
  await untilServing(server, options.port, `Apache ${options.version}`);
  return {
    version: options.version,
    host: "127.0.0.1",
    port: options.port,
    dataDir,
    process: server,
    stop: async () => {
      await server.stop();
      rmSync(work, { recursive: true, force: true });
    },
    kill: async () => {
      await server.kill();
    },
  };
}
