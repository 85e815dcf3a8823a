/** Files by node:fs: positional reads and writes on the thread pool, fdatasync, directory sync. */
import fs from "node:fs";
import path from "node:path";
import type { File, FileStat, Fs, OpenMode } from "../../src/runtime.ts";
import { type DirectAppends, openDirect, type Staged } from "./direct.ts";
import { writesAreSynced } from "./durable_flag.ts";
import { hostCode, mapError } from "./errors.ts";
import { lockDirectory, type LockSockets } from "./lock.ts";
import { nodeLockSockets } from "./lock_sockets.ts";

type Done<T> = (error: Error | null, value: T) => void;

/** Runs one callback of node:fs; `what` names operation and path for the error. */
function call<T>(what: () => string, start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    try {
      start((error, value) => error ? reject(mapError(error, what())) : resolve(value));
    } catch (error) {
      reject(mapError(error, what())); // refused before it began, such as a path with a zero byte
    }
  });
}

/**
 * A directory, and those above it that are missing. Not by `recursive`: Node tries for ever where a directory that is there
 * lets none be made in it and says ENOENT, as /proc does and places where disks are mounted on demand.
 */
function makeFolder(target: string, done: Done<void>, isLastTry = false): void {
  fs.mkdir(target, (error) => {
    if (error === null) return done(null);
    if (error.code !== "ENOENT") {
      // It may be there already; a file system that cannot be written may say that instead.
      return fs.stat(target, (_, found) => done(found?.isDirectory() === true ? null : error));
    }
    const above = path.dirname(target);
    if (isLastTry || above === target) return done(error);
    makeFolder(above, (failure) => failure ? done(failure) : makeFolder(target, done, true));
  });
}

const CREATE_FLAGS = fs.constants.O_RDWR | fs.constants.O_CREAT;
const FLAGS: Readonly<Record<Exclude<OpenMode, "durable">, number>> = {
  read: fs.constants.O_RDONLY,
  write: CREATE_FLAGS,
  create: CREATE_FLAGS | fs.constants.O_TRUNC,
};

class NodeFile implements File {
  readonly #fd: number;
  readonly #path: string;
  /** A write is not done before a sync of its own. */
  readonly #syncsWrites: boolean;
  readonly #direct: DirectAppends | undefined;
  #appending: Promise<void> | undefined;
  #closed = false;

  constructor(fd: number, filePath: string, syncsWrites: boolean, direct?: DirectAppends) {
    this.#fd = fd;
    this.#path = filePath;
    this.#syncsWrites = syncsWrites;
    this.#direct = direct;
  }

  async read(into: Uint8Array, offset: number): Promise<number> {
    let got = 0;
    while (got < into.length) {
      const bytes = await this.#call<number>("read", (done) => {
        fs.read(this.#fd, into, got, into.length - got, offset + got, done);
      });
      if (bytes === 0) break;
      got += bytes;
    }
    return got;
  }

  write(view: Uint8Array, offset: number): Promise<void> {
    if (this.#direct !== undefined) {
      return this.#appending = this.#append(this.#direct, view, offset);
    }
    const written = this.#write(this.#fd, view, offset);
    return this.#syncsWrites ? written.then(() => this.syncData()) : written;
  }

  async #append(direct: DirectAppends, view: Uint8Array, offset: number): Promise<void> {
    let staged = direct.stage(view, offset);
    try {
      if (staged === undefined) await this.#write(this.#fd, view, offset);
      else if (!await this.#tryDirect(direct, staged)) {
        staged = undefined;
        await this.#write(this.#fd, view, offset);
      }
    } catch (error) {
      direct.giveUp();
      throw error;
    }
    direct.written(view, offset, staged);
  }

  /** @returns false when the file system or the disk wants other blocks or has no such writes after all */
  async #tryDirect(direct: DirectAppends, { bytes, at }: Staged): Promise<boolean> {
    try {
      await this.#write(direct.fd, bytes, at);
      return true;
    } catch (error) {
      if (hostCode((error as Error).cause) !== "EINVAL") throw error;
      direct.giveUp();
      return false;
    }
  }

  #write(fd: number, view: Uint8Array, offset: number): Promise<void> {
    return this.#call<void>("write", (done) => {
      let put = 0;
      const next = (error: Error | null, bytes: number): void => {
        if (error) return done(error, undefined);
        put += bytes;
        if (put >= view.length) return done(null, undefined);
        fs.write(fd, view, put, view.length - put, offset + put, next);
      };
      if (view.length === 0) return done(null, undefined);
      fs.write(fd, view, 0, view.length, offset, next);
    });
  }

  syncData(): Promise<void> {
    return this.#call<void>("syncData", (done) => fs.fdatasync(this.#fd, plain(done)));
  }

  sync(): Promise<void> {
    return this.#call<void>("sync", (done) => fs.fsync(this.#fd, plain(done)));
  }

  async truncate(size: number): Promise<void> {
    await this.#call<void>("truncate", (done) => fs.ftruncate(this.#fd, size, plain(done)));
    this.#direct?.truncated(size);
  }

  async size(): Promise<number> {
    const stat = await this.#call<fs.Stats>("size", (done) => fs.fstat(this.#fd, done));
    return stat.size;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#closeDirect();
    } finally {
      await closeFd(this.#fd, this.#path);
    }
  }

  async #closeDirect(): Promise<void> {
    const direct = this.#direct;
    if (direct === undefined) return;
    // Whoever gives up may leave a write under way: its memory goes to another file only after it.
    await this.#appending?.catch(() => {}); // its caller is told
    const length = direct.finish();
    await closeFd(direct.fd, this.#path);
    if (length === undefined) return;
    const what = () => `truncate "${this.#path}"`;
    await call<void>(what, (done) => fs.ftruncate(this.#fd, length, plain(done)));
  }

  /** A closed file is refused here: its number may already belong to another file. */
  #call<T>(what: string, start: (done: Done<T>) => void): Promise<T> {
    return call<T>(() => `${what} "${this.#path}"`, (done) => {
      if (this.#closed) {
        throw Object.assign(new Error("the file is closed"), { code: "EBADF" });
      }
      start(done);
    });
  }
}

function closeFd(fd: number, filePath: string): Promise<void> {
  return call<void>(
    () => `close "${filePath}"`,
    (done) => fs.close(fd, (error) => done(error ?? null, undefined)),
  );
}

function plain(done: Done<void>): (error: Error | null) => void {
  return (error) => done(error, undefined);
}

async function open(filePath: string, mode: OpenMode, syncFlag: number): Promise<File> {
  const what = () => `open "${filePath}" (${mode})`;
  const flags = mode === "durable" ? FLAGS.create | syncFlag : FLAGS[mode];
  const fd = await call<number>(what, (done) => fs.open(filePath, flags, 0o644, done));
  if (mode !== "durable") return new NodeFile(fd, filePath, false);
  if (syncFlag === 0 || !writesAreSynced(filePath)) return new NodeFile(fd, filePath, true);
  return new NodeFile(fd, filePath, false, await openDirect(filePath));
}

async function stat(target: string): Promise<FileStat | undefined> {
  try {
    const found = await call<fs.Stats>(() => `stat "${target}"`, (done) => fs.stat(target, done));
    const kind = found.isFile() ? "file" : found.isDirectory() ? "directory" : "other";
    return { kind, size: found.size, modifiedMs: found.mtimeMs };
  } catch (error) {
    const host = hostCode((error as Error).cause);
    if (host === "ENOENT" || host === "ENOTDIR") return undefined;
    throw error;
  }
}

async function syncDir(target: string): Promise<void> {
  const what = () => `sync directory "${target}"`;
  const fd = await call<number>(what, (done) => fs.open(target, "r", done));
  try {
    await call<void>(what, (done) => fs.fsync(fd, plain(done)));
  } finally {
    await call<void>(what, (done) => fs.close(fd, (error) => done(error ?? null, undefined)));
  }
}

/** A file, or an empty directory: unlink says EISDIR (Linux) or EPERM (elsewhere) for one. */
function remove(target: string): Promise<void> {
  return call<void>(() => `remove "${target}"`, (done) => {
    fs.unlink(target, (error) => {
      if (error?.code === "EISDIR" || error?.code === "EPERM") fs.rmdir(target, plain(done));
      else done(error, undefined);
    });
  });
}

const ZEROS = "/dev/zero";

/** From the system's own zeros: their copy into memory touches its pages on the thread that reads them. */
async function zeros(count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  if ((await stat(ZEROS))?.kind !== "other") return bytes; // no device: who knows what is in it
  const file = await open(ZEROS, "read", 0);
  try {
    await file.read(bytes, 0);
    return bytes;
  } finally {
    await file.close();
  }
}

/** @param syncFlag with which durable files are opened, so that a write is its own sync; 0: fdatasync follows each */
export function nodeFs(syncFlag: number, lockSockets: LockSockets = nodeLockSockets): Fs {
  return {
    open: (filePath, mode) => open(filePath, mode, syncFlag),
    stat,
    syncDir,
    lock: (directory) => lockDirectory(directory, lockSockets),
    readFile: (target) => call(() => `read "${target}"`, (done) => fs.readFile(target, done)),
    readDir: (target) => call(() => `list "${target}"`, (done) => fs.readdir(target, done)),
    mkdir: (target) =>
      call<void>(() => `create directory "${target}"`, (done) => makeFolder(target, done)),
    remove,
    zeros,
    rename: (from, to) =>
      call<void>(() => `rename "${from}" to "${to}"`, (done) => fs.rename(from, to, plain(done))),
    join: (...parts) => path.posix.join(...parts),
    absolute: (target) => path.resolve(target),
    freeBytes: async (target) => {
      const found = await call<fs.StatsFs>(
        () => `ask for the free space of "${target}"`,
        (done) => fs.statfs(target, done),
      );
      return found.bavail * found.bsize;
    },
  };
}
