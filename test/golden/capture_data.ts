// Captures data directories that Apache wrote: `bun run test/golden/capture_data.ts`. The server of scripts/data.script
// is killed, so that living sessions stay in its files; tree.json is what Apache's own code reads from them.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apacheClassPath, type ApacheVersion, javaArgs } from "../interop/apache.ts";
import { cacheFolder, projectRoot } from "../support/root.ts";
import { captureOne } from "./capture.ts";
import { readScript } from "./files.ts";

/** The tree in a data directory as Apache of that version reads it: JSON text. */
export function dumpTree(version: ApacheVersion, dataDir: string): string {
  const args = javaArgs(version, { "zookeeper.extendedTypesEnabled": "true" });
  const classPath = `${join(cacheFolder(), "java_client", "classes")}:${apacheClassPath(version)}`;
  args[args.indexOf("-cp") + 1] = classPath;
  return execFileSync("java", [...args, "DumpTree", dataDir], { encoding: "utf8" });
}

async function capture(
  name: string,
  version: ApacheVersion,
  properties: Record<string, string>,
): Promise<void> {
  const target = join(projectRoot(), "test/golden/data", name);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const script = readScript("data");
  await captureOne({ ...script, properties }, version, async (server) => {
    await server.kill();
    cpSync(join(server.dataDir, "version-2"), join(target, "version-2"), { recursive: true });
  });
  const copy = mkdtempSync(join(tmpdir(), "menagerie-data-"));
  cpSync(target, copy, { recursive: true });
  writeFileSync(join(target, "tree.json"), dumpTree(version, copy));
  rmSync(copy, { recursive: true });
  console.log(name, readdirSync(join(target, "version-2")).join(" "));
}

await capture("3.8.0", "3.8.0", {});
await capture("3.9.5", "3.9.5", {});
await capture("3.9.5-gz", "3.9.5", { "zookeeper.snapshot.compression.method": "gz" });
