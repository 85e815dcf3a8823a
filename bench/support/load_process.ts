/** The load generator as a process of its own, on Bun: the fastest of the three in that role. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { projectRoot } from "../../test/support/root.ts";
import { startProcess } from "../../test/support/child.ts";
import type { MeasuredLoad } from "../load/main.ts";
import { bunCommand } from "./servers.ts";

/** @param args as on the generator's command line. @throws {Error} with what it wrote */
export function runLoadProcess(args: readonly string[]): Promise<MeasuredLoad> {
  const main = join(projectRoot(), "bench/load/main.ts");
  const child = spawn(bunCommand, ["run", main, "--json", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "", errors = "";
  child.stdout.on("data", (chunk: unknown) => out += String(chunk));
  child.stderr.on("data", (chunk: unknown) => errors += String(chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(out) as MeasuredLoad);
      else reject(new Error(`The load ${args.join(" ")} ended with ${code}: ${errors.trim()}`));
    });
  });
}

/** A server of constants on `port`, for the generator's own ceiling. @returns how to stop it */
export async function startConstantServer(
  port: number,
  bodyBytes: number,
): Promise<() => Promise<void>> {
  const main = join(projectRoot(), "bench/load/constant_server.ts");
  const server = startProcess(bunCommand, ["run", main, String(port), String(bodyBytes)]);
  while (!server.log().includes("answering constants")) {
    if (!server.running()) throw new Error(`The server of constants ended:\n${server.log()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return async () => {
    await server.stop();
  };
}
