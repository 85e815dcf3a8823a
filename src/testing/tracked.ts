/** Counts what is under way at the door's files, so that a virtual clock waits for a real disk. */
import type { File, Fs } from "../runtime.ts";

export class Tracker {
  pending = 0;

  watch<T>(work: Promise<T>): Promise<T> {
    this.pending++;
    const over = () => {
      this.pending--;
    };
    work.then(over, over);
    return work;
  }

  fs(fs: Fs): Fs {
    return {
      open: async (path, mode) => this.#file(await this.watch(fs.open(path, mode))),
      readFile: (path) => this.watch(fs.readFile(path)),
      readDir: (path) => this.watch(fs.readDir(path)),
      stat: (path) => this.watch(fs.stat(path)),
      mkdir: (path) => this.watch(fs.mkdir(path)),
      remove: (path) => this.watch(fs.remove(path)),
      rename: (from, to) => this.watch(fs.rename(from, to)),
      syncDir: (path) => this.watch(fs.syncDir(path)),
      lock: (path) => this.watch(fs.lock(path)),
      join: (...parts) => fs.join(...parts),
      absolute: (path) => fs.absolute(path),
    };
  }

  #file(file: File): File {
    return {
      read: (into, offset) => this.watch(file.read(into, offset)),
      write: (view, offset) => this.watch(file.write(view, offset)),
      syncData: () => this.watch(file.syncData()),
      sync: () => this.watch(file.sync()),
      truncate: (size) => this.watch(file.truncate(size)),
      size: () => this.watch(file.size()),
      close: () => this.watch(file.close()),
    };
  }
}
