/** Directories that go with their server: what is in them need not outlive a loss of power. */
import type { File, Fs, Runtime } from "../runtime.ts";

/** A new one where the host keeps such things. */
export async function makeScratch({ fs, process, random }: Runtime): Promise<string> {
  const top = process.env("TMPDIR") ?? process.env("TEMP") ?? "/tmp";
  const unique = random.uint32().toString(36) + random.uint32().toString(36);
  const path = fs.join(top, `menagerie-test-${process.pid}-${unique}`);
  await fs.mkdir(path);
  return path;
}

export async function removeScratch(fs: Fs, path: string): Promise<void> {
  for (const name of await fs.readDir(path)) {
    const entry = fs.join(path, name);
    if ((await fs.stat(entry))?.kind === "directory") await removeScratch(fs, entry);
    else await fs.remove(entry);
  }
  await fs.remove(path);
}

const atOnce = () => Promise.resolve();

/** The same files without a wait for the disk, which takes most of a start. */
export function withoutSync(fs: Fs): Fs {
  return {
    open: async (path, mode) =>
      fileWithoutSync(await fs.open(path, mode === "durable" ? "create" : mode)),
    readFile: (path) => fs.readFile(path),
    readDir: (path) => fs.readDir(path),
    stat: (path) => fs.stat(path),
    mkdir: (path) => fs.mkdir(path),
    remove: (path) => fs.remove(path),
    rename: (from, to) => fs.rename(from, to),
    syncDir: atOnce,
    lock: (path) => fs.lock(path),
    join: (...parts) => fs.join(...parts),
    absolute: (path) => fs.absolute(path),
  };
}

function fileWithoutSync(file: File): File {
  return {
    read: (into, offset) => file.read(into, offset),
    write: (view, offset) => file.write(view, offset),
    syncData: atOnce,
    sync: atOnce,
    truncate: (size) => file.truncate(size),
    size: () => file.size(),
    close: () => file.close(),
  };
}
