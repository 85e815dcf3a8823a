/** Files in memory, as runtime.ts wants them: nothing reaches a disk, every operation is done within its turn. */
import {
  type Clock,
  type File,
  type FileStat,
  type Fs,
  type Lock,
  type OpenMode,
  RuntimeError,
} from "../runtime.ts";
import { type DirectoryNode, FileNode, FileProblem, FileTree, partsOf } from "./memory_files.ts";

/** What does not work is told by the promise, with what was attempted. */
function attempt<T>(what: string, work: () => T): Promise<T> {
  try {
    return Promise.resolve(work());
  } catch (error) {
    if (!(error instanceof FileProblem)) throw error;
    return Promise.reject(new RuntimeError(error.code, `Cannot ${what}: ${error.message}`));
  }
}

export class MemoryFs implements Fs {
  readonly #tree = new FileTree();
  readonly #clock: Pick<Clock, "wallMs">;

  constructor(clock: Pick<Clock, "wallMs">) {
    this.#clock = clock;
  }

  open(path: string, mode: OpenMode): Promise<File> {
    return attempt(`open "${path}" (${mode})`, () => {
      const { entries, name } = this.#tree.place(path);
      let node = entries.get(name);
      if (node === undefined) {
        if (mode === "read") throw new FileProblem("NOT_FOUND", "there is no such file");
        node = new FileNode(this.#clock.wallMs());
        entries.set(name, node);
      }
      if (node.kind === "directory") throw new FileProblem("IS_DIRECTORY", "it is a directory");
      if (mode === "create" || mode === "durable") node.truncate(0);
      return new MemoryFile(node, path, mode !== "read", this.#clock);
    });
  }

  readFile(path: string): Promise<Uint8Array> {
    return attempt(`read "${path}"`, () => {
      const node = this.#tree.file(path);
      const bytes = new Uint8Array(node.size);
      node.read(bytes, 0);
      return bytes;
    });
  }

  readDir(path: string): Promise<string[]> {
    return attempt(`list "${path}"`, () => [...this.#tree.directory(path).entries.keys()]);
  }

  stat(path: string): Promise<FileStat | undefined> {
    const node = this.#tree.find(path);
    if (node === undefined) return Promise.resolve(undefined);
    const { kind, modifiedMs } = node;
    return Promise.resolve({ kind, modifiedMs, size: node.kind === "file" ? node.size : 0 });
  }

  mkdir(path: string): Promise<void> {
    const nowMs = this.#clock.wallMs();
    return attempt(`create directory "${path}"`, () => this.#tree.mkdir(path, nowMs));
  }

  remove(path: string): Promise<void> {
    return attempt(`remove "${path}"`, () => this.#tree.remove(path));
  }

  rename(from: string, to: string): Promise<void> {
    return attempt(`rename "${from}" to "${to}"`, () => this.#tree.rename(from, to));
  }

  syncDir(path: string): Promise<void> {
    return attempt(`sync directory "${path}"`, () => void this.#tree.directory(path));
  }

  lock(directory: string): Promise<Lock> {
    return attempt(`lock directory "${directory}"`, () => {
      const node = this.#tree.directory(directory);
      if (node.isLocked) throw new FileProblem("BUSY", "another server of this process holds it");
      node.isLocked = true;
      return new MemoryLock(node);
    });
  }

  join(...parts: string[]): string {
    const joined = parts.filter((part) => part !== "").join("/");
    if (joined.startsWith("/")) return this.absolute(joined);
    const kept: string[] = [];
    for (const part of joined.split("/")) {
      if (part === "" || part === ".") continue;
      if (part === ".." && kept.length > 0 && kept.at(-1) !== "..") kept.pop();
      else kept.push(part);
    }
    return kept.length === 0 ? "." : kept.join("/");
  }

  absolute(path: string): string {
    return `/${partsOf(path).join("/")}`;
  }
}

class MemoryLock implements Lock {
  #node: DirectoryNode | undefined;
  constructor(node: DirectoryNode) {
    this.#node = node;
  }
  /** A second release must not free what somebody else took since. */
  release(): Promise<void> {
    if (this.#node !== undefined) this.#node.isLocked = false;
    this.#node = undefined;
    return Promise.resolve();
  }
}

class MemoryFile implements File {
  readonly #node: FileNode;
  readonly #path: string;
  readonly #isWritable: boolean;
  readonly #clock: Pick<Clock, "wallMs">;
  #isClosed = false;

  constructor(
    node: FileNode,
    path: string,
    isWritable: boolean,
    clock: Pick<Clock, "wallMs">,
  ) {
    this.#node = node;
    this.#path = path;
    this.#isWritable = isWritable;
    this.#clock = clock;
  }

  read(into: Uint8Array, offset: number): Promise<number> {
    return this.#attempt("read", () => this.#node.read(into, offset));
  }

  write(view: Uint8Array, offset: number): Promise<void> {
    return this.#attempt("write", () => {
      this.#wantWritable();
      this.#node.write(view, offset);
      this.#node.modifiedMs = this.#clock.wallMs();
    });
  }

  truncate(size: number): Promise<void> {
    return this.#attempt("truncate", () => {
      this.#wantWritable();
      this.#node.truncate(size);
    });
  }

  syncData(): Promise<void> {
    return this.#attempt("syncData", () => {});
  }
  sync(): Promise<void> {
    return this.#attempt("sync", () => {});
  }
  size(): Promise<number> {
    return this.#attempt("size", () => this.#node.size);
  }
  close(): Promise<void> {
    this.#isClosed = true;
    return Promise.resolve();
  }

  #attempt<T>(what: string, work: () => T): Promise<T> {
    return attempt(`${what} "${this.#path}"`, () => {
      if (this.#isClosed) throw new FileProblem("CLOSED", "the file is closed");
      return work();
    });
  }

  #wantWritable(): void {
    if (!this.#isWritable) throw new FileProblem("ACCESS", "it was opened to read");
  }
}
