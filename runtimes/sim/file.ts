/** An open file of a simulated machine. A write reads its view when it completes, so one that was reused too early shows. */
import type { File, OpenMode } from "../../src/runtime.ts";
import { DiskError } from "./disk.ts";
import type { FileOperation } from "./faults.ts";
import type { FileNode } from "./file_node.ts";
import type { FileWork } from "./file_work.ts";

export class SimFile implements File {
  readonly #work: FileWork;
  readonly #node: FileNode;
  /** Absolute, and as it was opened. */
  readonly #path: string;
  readonly #shownPath: string;
  readonly #writable: boolean;
  readonly #syncsWrites: boolean;
  #closed = false;

  constructor(work: FileWork, node: FileNode, path: string, shownPath: string, mode: OpenMode) {
    this.#work = work;
    this.#node = node;
    this.#path = path;
    this.#shownPath = shownPath;
    this.#writable = mode !== "read";
    this.#syncsWrites = mode === "durable";
  }

  read(into: Uint8Array, offset: number): Promise<number> {
    return this.#run(
      "read",
      () => {
        const count = this.#node.now.read(into, offset);
        this.#work.host.files.rot(this.#path, into.subarray(0, count));
        return count;
      },
      undefined,
      into.length,
    );
  }

  /** A machine may stop between a durable write and its sync, as between a system's copy and its disk. */
  write(view: Uint8Array, offset: number): Promise<void> {
    const written = this.#write(view, offset);
    if (!this.#syncsWrites) return written;
    return written.then(() =>
      this.#sync("syncData", () => this.#node.syncRange(offset, view.length))
    );
  }

  #write(view: Uint8Array, offset: number): Promise<void> {
    const part = { view, offset };
    if (this.#writable && !this.#closed) this.#node.inFlight.add(part);
    return this.#run("write", () => {
      this.#node.inFlight.delete(part);
      this.#wantWritable();
      const room = this.#room(view.length, offset);
      this.#node.write(room === view.length ? view : view.subarray(0, room), offset);
      this.#node.modifiedMs = this.#work.wallMs();
      if (room < view.length) throw new DiskError("NO_SPACE", "no space left on the disk");
    }, () => {
      this.#node.inFlight.delete(part);
      const taken = this.#writable ? this.#work.host.random.below(view.length + 1) : 0;
      const kept = Math.min(taken, this.#room(view.length, offset));
      if (kept > 0) this.#node.write(view.subarray(0, kept), offset);
    }, view.length);
  }

  syncData(): Promise<void> {
    return this.#sync("syncData");
  }

  sync(): Promise<void> {
    return this.#sync("sync");
  }

  truncate(size: number): Promise<void> {
    return this.#run("truncate", () => {
      this.#wantWritable();
      if (size - this.#node.now.size > this.#room(Infinity, this.#node.now.size)) {
        throw new DiskError("NO_SPACE", "no space left on the disk");
      }
      this.#node.resize(size);
    });
  }

  size(): Promise<number> {
    return this.#run("size", () => this.#node.now.size);
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const done = this.#run("close", () => {});
    this.#closed = true;
    return done;
  }

  #sync(kind: "sync" | "syncData", work = () => this.#node.sync()): Promise<void> {
    const { random } = this.#work.host;
    return this.#run(kind, work, () => this.#node.failSync(random));
  }

  #run<T>(kind: FileOperation, work: () => T, failed?: () => void, bytes = 0): Promise<T> {
    const what = (): string => `${kind} "${this.#shownPath}"`;
    if (!this.#closed) return this.#work.run(kind, what, work, failed, bytes);
    return this.#work.run(kind, what, () => {
      throw new DiskError("CLOSED", "the file is closed");
    });
  }

  #wantWritable(): void {
    if (!this.#writable) throw new DiskError("ACCESS", "it was opened to read");
  }

  /** How many of `count` bytes at `offset` the disk has room for. */
  #room(count: number, offset: number): number {
    const { disk } = this.#work.host;
    if (disk.capacityBytes === Infinity) return count;
    const free = Math.max(0, disk.capacityBytes - disk.usedBytes);
    return Math.max(0, Math.min(count, this.#node.now.size - offset + free));
  }
}
