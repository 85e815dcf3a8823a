/** Contents and names of a directory tree in memory: what memory_fs.ts serves through the door. */
import type { RuntimeErrorCode } from "../runtime.ts";

/** What went wrong, without what was attempted. */
export class FileProblem extends Error {
  readonly code: RuntimeErrorCode;
  constructor(code: RuntimeErrorCode, words: string) {
    super(words);
    this.code = code;
  }
}

const FIRST_BYTES = 4096;

/** Bytes that grow; holes are zeros. */
export class FileNode {
  readonly kind = "file";
  size = 0;
  modifiedMs: number;
  #bytes = new Uint8Array(0);

  constructor(modifiedMs: number) {
    this.modifiedMs = modifiedMs;
  }

  read(into: Uint8Array, offset: number): number {
    const count = Math.max(0, Math.min(into.length, this.size - offset));
    if (count > 0) into.set(this.#bytes.subarray(offset, offset + count));
    return count;
  }

  write(view: Uint8Array, offset: number): void {
    if (view.length === 0) return; // a disk's file does not grow by that either
    const end = offset + view.length;
    this.#reserve(end);
    this.#bytes.set(view, offset);
    this.size = Math.max(this.size, end);
  }

  truncate(size: number): void {
    if (size < this.size) this.#bytes.fill(0, size, this.size);
    else this.#reserve(size);
    this.size = size;
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(size, 2 * this.#bytes.length, FIRST_BYTES));
    grown.set(this.#bytes.subarray(0, this.size));
    this.#bytes = grown;
  }
}

export class DirectoryNode {
  readonly kind = "directory";
  readonly entries = new Map<string, Node>();
  isLocked = false;
  modifiedMs: number;
  constructor(modifiedMs: number) {
    this.modifiedMs = modifiedMs;
  }
}

export type Node = FileNode | DirectoryNode;

/** The parts of a path without `.`, `..` and empty ones. */
export function partsOf(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts;
}

export class FileTree {
  readonly root = new DirectoryNode(0);

  find(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const part of partsOf(path)) {
      node = node?.kind === "directory" ? node.entries.get(part) : undefined;
    }
    return node;
  }

  directory(path: string): DirectoryNode {
    const node = this.find(path);
    if (node === undefined) throw new FileProblem("NOT_FOUND", "there is no such directory");
    if (node.kind !== "directory") throw new FileProblem("NOT_DIRECTORY", "it is a file");
    return node;
  }

  file(path: string): FileNode {
    const node = this.find(path);
    if (node === undefined) throw new FileProblem("NOT_FOUND", "there is no such file");
    if (node.kind === "directory") throw new FileProblem("IS_DIRECTORY", "it is a directory");
    return node;
  }

  /** Where the last part of a path is, or would be. */
  place(path: string): { readonly entries: Map<string, Node>; readonly name: string } {
    const parts = partsOf(path);
    const name = parts.pop();
    if (name === undefined) throw new FileProblem("IS_DIRECTORY", "it is the root directory");
    return { entries: this.directory(`/${parts.join("/")}`).entries, name };
  }

  mkdir(path: string, nowMs: number): void {
    let at = this.root;
    const parts = partsOf(path);
    for (const [index, part] of parts.entries()) {
      let next = at.entries.get(part);
      if (next?.kind === "file") {
        const isLast = index === parts.length - 1;
        throw new FileProblem(isLast ? "EXISTS" : "NOT_DIRECTORY", "there is a file");
      }
      if (next === undefined) {
        next = new DirectoryNode(nowMs);
        at.entries.set(part, next);
      }
      at = next;
    }
  }

  remove(path: string): void {
    const { entries, name } = this.place(path);
    const node = entries.get(name);
    if (node === undefined) throw new FileProblem("NOT_FOUND", "there is no such file");
    if (node.kind === "directory" && node.entries.size > 0) {
      throw new FileProblem("NOT_EMPTY", "the directory is not empty");
    }
    entries.delete(name);
  }

  rename(from: string, to: string): void {
    const old = this.place(from), fresh = this.place(to);
    const node = old.entries.get(old.name);
    if (node === undefined) throw new FileProblem("NOT_FOUND", "there is no such file");
    const there = fresh.entries.get(fresh.name);
    if (there === node) return;
    if (there?.kind === "directory") throw new FileProblem("IS_DIRECTORY", "the target is one");
    if (node.kind === "directory") {
      if (there !== undefined) throw new FileProblem("NOT_DIRECTORY", "the target is a file");
      const source = partsOf(from);
      if (partsOf(to).slice(0, source.length).join("/") === source.join("/")) {
        throw new FileProblem("IO", "the target is inside it");
      }
    }
    old.entries.delete(old.name);
    fresh.entries.set(fresh.name, node);
  }
}
