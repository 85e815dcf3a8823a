/** Bytes in the directories of a server, for `dirs`, `conf` and the admin commands. */
import type { Runtime } from "../runtime.ts";
import type { ServerOptions } from "../server/options.ts";

/** Logs and snapshots lie below dataDir and dataLogDir. */
const VERSION_FOLDER = "version-2";

export function dataFolders(
  fs: Runtime["fs"],
  { dataDir, dataLogDir }: Pick<ServerOptions, "dataDir" | "dataLogDir">,
): { readonly dataDir: string; readonly dataLogDir: string } {
  return {
    dataDir: fs.absolute(fs.join(dataDir, VERSION_FOLDER)),
    dataLogDir: fs.absolute(fs.join(dataLogDir, VERSION_FOLDER)),
  };
}

/** When both are one directory, both show the same sum. */
export async function dataSizes(
  fs: Runtime["fs"],
  options: Pick<ServerOptions, "dataDir" | "dataLogDir">,
): Promise<readonly [dataBytes: number, logBytes: number]> {
  const { dataDir, dataLogDir } = dataFolders(fs, options);
  return [await sizeOf(fs, dataDir), await sizeOf(fs, dataLogDir)];
}

/** Files may come and go meanwhile: one that is gone has no size. */
async function sizeOf(fs: Runtime["fs"], folder: string): Promise<number> {
  const names = await fs.readDir(folder).catch(() => []);
  const stats = await Promise.all(
    names.map((name) => fs.stat(fs.join(folder, name)).catch(() => undefined)),
  );
  return stats.reduce((sum, stat) => sum + (stat?.kind === "file" ? stat.size : 0), 0);
}
