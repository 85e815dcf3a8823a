// Apache's server for side-by-side benches: a full JVM with its defaults, as a user would run it.
import { type ApacheServer, type ApacheVersion, startApache } from "../../test/interop/apache.ts";

/** The settings that both sides of a comparison get. */
export const benchConfig: readonly string[] = [
  "tickTime=2000",
  "maxClientCnxns=0",
  "4lw.commands.whitelist=*",
];

/**
 * Starts Apache for a bench on loopback; `stop` ends it and removes its data.
 * @param dataDir on the disk to measure; a fresh one below the system's temporary folder when undefined
 */
export function startApacheForBench(
  version: ApacheVersion,
  port: number,
  dataDir?: string,
): Promise<ApacheServer> {
  return startApache({ version, port, dataDir, config: benchConfig, jvm: "full" });
}
