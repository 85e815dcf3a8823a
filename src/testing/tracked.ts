/** Counts what is under way at the door, so that a virtual clock waits for a real disk, port and compressor. */
import type { File, Fs, Gzip, GzipStream, Lock, Net } from "../runtime.ts";

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
      lock: async (path) => this.#lock(await this.watch(fs.lock(path))),
      join: (...parts) => fs.join(...parts),
      absolute: (path) => fs.absolute(path),
    };
  }

  /** Ports that open and close; what goes through connections is not seen. */
  net(net: Net): Net {
    return {
      listen: async (options, onConnection) => {
        const listener = await this.watch(net.listen(options, onConnection));
        return { address: listener.address, close: () => this.watch(listener.close()) };
      },
      connect: (options) => net.connect(options),
    };
  }

  gzip(gzip: Gzip): Gzip {
    return {
      compressor: () => this.#stream(gzip.compressor()),
      decompressor: () => this.#stream(gzip.decompressor()),
    };
  }

  #stream(stream: GzipStream): GzipStream {
    return {
      push: (chunk) => this.watch(stream.push(chunk)),
      end: () => this.watch(stream.end()),
    };
  }

  #lock(lock: Lock): Lock {
    return { release: () => this.watch(lock.release()) };
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
