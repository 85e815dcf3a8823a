/**
 * Looks at a server's files from outside: which txns its log holds, and which of them a loss of power could not take any
 * more. It stands between the server and the simulated disk, sees each write and sync end, and reads log bytes by itself.
 */
import type { Machine } from "../../runtimes/sim/index.ts";
import type { File, Fs, Runtime } from "../../src/runtime.ts";
import { asText, readEntries } from "./txn_log.ts";

export interface Logged {
  readonly zxid: number;
  readonly payload: Uint8Array;
  /** In its file. */
  readonly offset: number;
  isDurable: boolean;
}

const LOG = /^log\.[0-9a-f]+$/;
const SNAPSHOT = /^snapshot\.([0-9a-f]+)$/;
/** A snapshot of the leader's that is about to take the place of everything: from then on it counts. */
const INSTALLING = /^install\.(snapshot\.[0-9a-f]+)$/;

export interface TapListener {
  /** A server wrote a txn into its log, behind another. */
  onLogged(sid: number, zxid: number, payload: Uint8Array, previous: number): void;
  /** What its epoch files say, also after a loss of power. */
  onEpochs(sid: number, accepted: number, current: number): void;
}

export class Tap {
  readonly sid: number;
  readonly folder: string;
  /** What is in its live logs, by zxid. */
  readonly live = new Map<number, Logged>();
  /** Of a snapshot that took the place of the log: everything up to here is in it. */
  base = 0;
  readonly #machine: Machine;
  readonly #listener: TapListener;
  readonly #files = new Map<string, Logged[]>();
  readonly #snapshots = new Set<number>();
  #installing = 0;

  constructor(sid: number, machine: Machine, folder: string, listener: TapListener) {
    this.sid = sid;
    this.folder = folder;
    this.#machine = machine;
    this.#listener = listener;
  }

  /** Whether a txn is in a log on this server's disk for good. */
  holds(zxid: number): boolean {
    return this.live.get(zxid)?.isDurable === true;
  }

  /** Whether a snapshot stands for it, if it was decided at all. */
  covers(zxid: number): boolean {
    return zxid <= this.base || zxid <= this.#installing;
  }

  /** Reads the disk anew: when a server starts, and after its recovery. */
  reload(isRecovered: boolean): void {
    this.live.clear();
    this.#files.clear();
    this.#snapshots.clear();
    this.#installing = 0;
    const folder = this.#machine.disk.find(this.folder);
    if (folder?.kind === "directory") {
      for (const name of [...folder.now.keys()].sort()) {
        if (LOG.test(name)) this.#read(name);
        this.#noteSnapshot(name);
      }
    }
    this.#rebase();
    if (isRecovered) this.#tellEpochs();
  }

  /** The server's door, with this tap in its files. */
  through(runtime: Runtime): Runtime {
    return { ...runtime, fs: this.#tapped(runtime.fs) };
  }

  #tapped(fs: Fs): Fs {
    const inFolder = (path: string): string | undefined => {
      const absolute = fs.absolute(path);
      const at = absolute.lastIndexOf("/");
      return absolute.slice(0, at) === this.folder ? absolute.slice(at + 1) : undefined;
    };
    return {
      ...fs,
      open: async (path, mode) => {
        const name = inFolder(path);
        if (mode === "read" || name === undefined || !LOG.test(name)) {
          return await fs.open(path, mode);
        }
        // A durable write in its two steps, so that what is seen between them is known as written.
        const isDurable = mode === "durable";
        const file = await fs.open(path, isDurable ? "create" : mode);
        if (mode !== "write") this.#drop(name);
        return this.#tappedFile(file, name, isDurable);
      },
      syncDir: async (path) => {
        await fs.syncDir(path);
        if (fs.absolute(path) === this.folder) this.#tellEpochs();
      },
      remove: async (path) => {
        await fs.remove(path);
        const name = inFolder(path);
        if (name !== undefined) this.#gone(name);
      },
      rename: async (from, to) => {
        await fs.rename(from, to);
        this.#renamed(inFolder(from), inFolder(to));
      },
    };
  }

  #renamed(left: string | undefined, arrived: string | undefined): void {
    const installed = arrived === undefined ? undefined : INSTALLING.exec(arrived)?.[1];
    if (installed !== undefined) this.#installing = snapshotZxid(installed) ?? 0;
    if (arrived !== undefined) {
      if (LOG.test(arrived)) this.#drop(arrived);
      if (LOG.test(arrived)) this.#read(arrived);
      this.#noteSnapshot(arrived);
    }
    if (left !== undefined) this.#gone(left);
    this.#rebase();
    if (left !== undefined && INSTALLING.test(left)) this.#installing = 0;
  }

  #tappedFile(file: File, name: string, isDurable: boolean): File {
    return {
      read: (into, offset) => file.read(into, offset),
      size: () => file.size(),
      close: () => file.close(),
      write: async (view, offset) => {
        await file.write(view, offset);
        this.#wrote(name, view, offset);
        if (isDurable) await this.#synced(name, file.syncData());
      },
      syncData: () => this.#synced(name, file.syncData()),
      sync: () => this.#synced(name, file.sync()),
      truncate: async (size) => {
        await file.truncate(size);
        this.#cut(name, size);
      },
    };
  }

  #wrote(name: string, view: Uint8Array, offset: number): void {
    for (const { zxid, payload, at } of readEntries(view, offset)) {
      // A server writes the end of its log once more when it starts.
      if (
        this.live.get(zxid)?.offset === at &&
        this.#files.get(name)?.some((one) => one.zxid === zxid)
      ) continue;
      this.#listener.onLogged(this.sid, zxid, payload, this.#last());
      this.#add(name, { zxid, payload, offset: at, isDurable: false });
    }
  }

  async #synced(name: string, done: Promise<void>): Promise<void> {
    const written = [...this.#files.get(name) ?? []].filter(({ isDurable }) => !isDurable);
    await done;
    for (const logged of written) logged.isDurable = true;
  }

  #cut(name: string, size: number): void {
    const kept = this.#files.get(name)?.filter(({ offset }) => offset < size) ?? [];
    const dropped = this.#files.get(name)?.filter(({ offset }) => offset >= size) ?? [];
    if (dropped.length === 0) return;
    this.#files.set(name, kept);
    this.#forget(dropped);
  }

  #gone(name: string): void {
    if (LOG.test(name)) this.#drop(name);
    const zxid = snapshotZxid(name);
    if (zxid === undefined) return;
    this.#snapshots.delete(zxid);
    this.#rebase();
  }

  #drop(name: string): void {
    const dropped = this.#files.get(name) ?? [];
    this.#files.delete(name);
    if (dropped.length > 0) this.#forget(dropped);
  }

  #forget(dropped: readonly Logged[]): void {
    for (const logged of dropped) {
      if (this.live.get(logged.zxid) === logged) this.live.delete(logged.zxid);
    }
  }

  #add(name: string, logged: Logged): void {
    const entries = this.#files.get(name) ?? [];
    entries.push(logged);
    this.#files.set(name, entries);
    this.live.set(logged.zxid, logged);
  }

  /** Logs are appended to, and cut at their end. */
  #last(): number {
    let last = this.base;
    for (const entries of this.#files.values()) last = Math.max(last, entries.at(-1)?.zxid ?? 0);
    return last;
  }

  #read(name: string): void {
    const node = this.#machine.disk.find(`${this.folder}/${name}`);
    if (node?.kind !== "file") return;
    const durable = new Set(readEntries(node.durable.copy(), 0).map(({ zxid }) => zxid));
    for (const { zxid, payload, at } of readEntries(node.now.copy(), 0)) {
      this.#add(name, { zxid, payload, offset: at, isDurable: durable.has(zxid) });
    }
  }

  #tellEpochs(): void {
    const { disk } = this.#machine;
    const accepted = epochIn(disk.peek(`${this.folder}/acceptedEpoch`));
    this.#listener.onEpochs(this.sid, accepted, epochIn(disk.peek(`${this.folder}/currentEpoch`)));
  }

  #noteSnapshot(name: string): void {
    const zxid = snapshotZxid(name);
    if (zxid !== undefined) this.#snapshots.add(zxid);
  }

  /** The newest snapshot before the first txn in the logs: none of what it holds is in them. */
  #rebase(): void {
    let first = Infinity;
    for (const zxid of this.live.keys()) first = Math.min(first, zxid);
    this.base = 0;
    for (const zxid of this.#snapshots) if (zxid < first) this.base = Math.max(this.base, zxid);
  }
}

function snapshotZxid(name: string): number | undefined {
  const digits = SNAPSHOT.exec(name)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

function epochIn(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : Number(asText(bytes).trim()) || 0;
}
