/** Files of a simulated machine through the door: virtual latency, injected faults, a disk that can be full. */
import { RuntimeError } from "../../src/runtime.ts";
import type { File, FileStat, Fs, Lock, OpenMode } from "../../src/runtime.ts";
import { DirectoryNode, DiskError } from "./disk.ts";
import { SimFile } from "./file.ts";
import { FileNode } from "./file_node.ts";
import { FileWork } from "./file_work.ts";
import type { Life } from "./life.ts";
import { absolute, join } from "./paths.ts";
import type { Host } from "./world.ts";

export function simFs(host: Host, life: Life): Fs {
  const work = new FileWork(host, life);
  const { disk } = host;
  const directoryAt = (path: string): DirectoryNode => {
    const node = disk.find(path);
    if (node === undefined) throw new DiskError("NOT_FOUND", "no such file or directory");
    if (node.kind !== "directory") throw new DiskError("NOT_DIRECTORY", "not a directory");
    return node;
  };
  return {
    open: (path, mode) =>
      work.run("open", () => `open "${path}" (${mode})`, () => open(work, path, mode)),
    readFile: (path) => work.run("readFile", () => `read "${path}"`, () => readFile(host, path)),
    readDir: (path) =>
      work.run("readDir", () => `list "${path}"`, () => [...directoryAt(path).now.keys()]),
    stat: (path) => work.run("stat", () => `stat "${path}"`, () => stat(host, path)),
    mkdir: (path) => work.run("mkdir", () => `create directory "${path}"`, () => mkdir(work, path)),
    remove: (path) => work.run("remove", () => `remove "${path}"`, () => remove(host, path)),
    rename: (from, to) =>
      work.run("rename", () => `rename "${from}" to "${to}"`, () => rename(host, from, to)),
    syncDir: (path) =>
      work.run(
        "syncDir",
        () => `sync directory "${path}"`,
        () => disk.syncDirectory(directoryAt(path)),
      ),
    lock: (path) =>
      work.run("lock", () => `lock directory "${path}"`, () => lock(life, path, directoryAt(path))),
    join,
    absolute,
  };
}

function open(work: FileWork, path: string, mode: OpenMode): File {
  const { disk } = work.host;
  const { directory, name } = disk.parent(path);
  let node = directory.now.get(name);
  if (node === undefined) {
    if (mode === "read") throw new DiskError("NOT_FOUND", "no such file or directory");
    node = new FileNode(work.wallMs());
    disk.change({ directory, name, node });
  }
  if (node.kind === "directory") throw new DiskError("IS_DIRECTORY", "it is a directory");
  if ((mode === "create" || mode === "durable") && node.now.size > 0) node.resize(0);
  disk.opened(node);
  return new SimFile(work, node, absolute(path), path, mode);
}

function readFile({ disk, files }: Host, path: string): Uint8Array {
  const { directory, name } = disk.parent(path);
  const node = directory.now.get(name);
  if (node === undefined) throw new DiskError("NOT_FOUND", "no such file or directory");
  if (node.kind === "directory") throw new DiskError("IS_DIRECTORY", "it is a directory");
  const bytes = node.now.copy();
  files.rot(absolute(path), bytes);
  return bytes;
}

function stat({ disk }: Host, path: string): FileStat | undefined {
  const node = disk.find(path);
  if (node === undefined) return undefined;
  const size = node.kind === "file" ? node.now.size : 0;
  return { kind: node.kind, size, modifiedMs: node.modifiedMs };
}

function mkdir(work: FileWork, path: string): void {
  const { disk } = work.host;
  const parts = absolute(path).split("/").slice(1);
  for (let count = 1; count <= parts.length; count++) {
    const prefix = `/${parts.slice(0, count).join("/")}`;
    if (prefix === "/") continue;
    const { directory, name } = disk.parent(prefix);
    const node = directory.now.get(name);
    if (node?.kind === "file") throw new DiskError("NOT_DIRECTORY", "there is a file");
    if (node === undefined) {
      disk.change({ directory, name, node: new DirectoryNode(work.wallMs()) });
    }
  }
}

function remove({ disk }: Host, path: string): void {
  const { directory, name } = disk.parent(path);
  const node = directory.now.get(name);
  if (node === undefined) throw new DiskError("NOT_FOUND", "no such file or directory");
  if (node.kind === "directory" && node.now.size > 0) {
    throw new DiskError("NOT_EMPTY", "the directory is not empty");
  }
  disk.change({ directory, name, node: undefined });
}

function rename({ disk }: Host, from: string, to: string): void {
  const old = disk.parent(from);
  const node = old.directory.now.get(old.name);
  if (node === undefined) throw new DiskError("NOT_FOUND", "no such file or directory");
  const fresh = disk.parent(to);
  const there = fresh.directory.now.get(fresh.name);
  if (there === node) return;
  if (there?.kind === "directory") throw new DiskError("IS_DIRECTORY", "the target is a directory");
  disk.change({ ...old, node: undefined }, { ...fresh, node });
}

function lock(life: Life, path: string, directory: DirectoryNode): Lock {
  if (directory.lockedBy?.alive === true) {
    const words = "process 1000 holds it; stop it, or use another directory";
    throw new RuntimeError("BUSY", `Cannot lock directory "${path}": ${words}`);
  }
  // One object a lock: a second release must not free what somebody else took since.
  const holder = { alive: true };
  life.onEnd(() => holder.alive = false);
  directory.lockedBy = holder;
  return {
    release() {
      holder.alive = false;
      return Promise.resolve();
    },
  };
}
