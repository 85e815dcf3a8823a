/**
 * The disk of a simulated machine. Names are kept as contents are: what a directory shows now, what of it a loss of power
 * cannot take (since `syncDir`), and the journal of changes between. A file's own sync does not make its name durable:
 * POSIX does not promise it.
 */
import type { Prng } from "../../src/base/random.ts";
import type { RuntimeErrorCode } from "../../src/runtime.ts";
import type { Counts } from "./counts.ts";
import { FileNode } from "./file_node.ts";
import type { Odds } from "./file_node.ts";
import { partsOf } from "./paths.ts";

/** What a crash does to unsynced changes. `any`: the seed draws the odds, some of them zero. */
export type CrashFate = "keep" | "lose" | "tear" | "any";

export class DirectoryNode {
  readonly kind = "directory";
  now = new Map<string, DiskNode>();
  durable = new Map<string, DiskNode>();
  /** The lock on this directory, while its `alive` holds. */
  lockedBy: { readonly alive: boolean } | undefined;
  modifiedMs: number;
  constructor(modifiedMs: number) {
    this.modifiedMs = modifiedMs;
  }
}

export type DiskNode = FileNode | DirectoryNode;

interface NameChange {
  readonly directory: DirectoryNode;
  readonly name: string;
  /** Undefined: the name goes. */
  readonly node: DiskNode | undefined;
}

export class DiskError extends Error {
  readonly code: RuntimeErrorCode;
  constructor(code: RuntimeErrorCode, words: string) {
    super(words);
    this.code = code;
  }
}

export class Disk {
  /** Bytes that all files together may have; above it writes fail with NO_SPACE. */
  capacityBytes = Infinity;
  readonly root = new DirectoryNode(0);
  readonly #random: Prng;
  readonly #faults: Counts;
  /** Unsynced name changes in order; those of one entry (a rename) happen together. */
  #journal: (readonly NameChange[])[] = [];
  /** All files that a running machine may still reach, also by an open handle alone. */
  readonly #opened = new Set<FileNode>();

  constructor(random: Prng, faults: Counts) {
    this.#random = random;
    this.#faults = faults;
  }

  find(path: string): DiskNode | undefined {
    let node: DiskNode | undefined = this.root;
    for (const part of partsOf(path)) {
      if (node?.kind !== "directory") return undefined;
      node = node.now.get(part);
    }
    return node;
  }

  /** The directory that holds the last part of a path. @throws {DiskError} NOT_FOUND, NOT_DIRECTORY */
  parent(path: string): { directory: DirectoryNode; name: string } {
    const parts = partsOf(path);
    const name = parts.pop();
    if (name === undefined) throw new DiskError("IS_DIRECTORY", "it is the root directory");
    let node: DiskNode = this.root;
    for (const part of parts) {
      const below: DiskNode | undefined = node.kind === "directory"
        ? node.now.get(part)
        : undefined;
      if (node.kind !== "directory") throw new DiskError("NOT_DIRECTORY", "not a directory");
      if (below === undefined) throw new DiskError("NOT_FOUND", "no such file or directory");
      node = below;
    }
    if (node.kind !== "directory") throw new DiskError("NOT_DIRECTORY", "not a directory");
    return { directory: node, name };
  }

  /** Name changes that happen together, now; durable with the `syncDir` of any of their directories. */
  change(...changes: readonly NameChange[]): void {
    for (const { directory, name, node } of changes) {
      if (node === undefined) directory.now.delete(name);
      else directory.now.set(name, node);
    }
    this.#journal.push(changes);
  }

  syncDirectory(directory: DirectoryNode): void {
    this.#journal = this.#journal.filter((changes) => {
      const concerned = changes.some((change) => change.directory === directory);
      if (concerned) makeDurable(changes);
      return !concerned;
    });
  }

  opened(file: FileNode): void {
    this.#opened.add(file);
  }

  get usedBytes(): number {
    let sum = 0;
    for (const file of this.#files((directory) => directory.now)) sum += file.now.size;
    return sum;
  }

  /** The process is gone, the system is not. */
  settleInFlight(): void {
    for (const file of this.#opened) file.settleInFlight(this.#random);
    this.#opened.clear();
  }

  crash(fate: CrashFate): void {
    const odds = this.#odds(fate);
    this.#crashNames(fate);
    for (const file of this.#files((directory) => directory.durable)) {
      file.crash(this.#random, odds, this.#faults);
    }
    this.#opened.clear();
  }

  /** A file's bytes as the machine sees them, at once. */
  peek(path: string): Uint8Array | undefined {
    const node = this.find(path);
    return node?.kind === "file" ? node.now.copy() : undefined;
  }

  /** Puts a durable file there, parents included: fixtures, and damage that the machine did not do. */
  poke(path: string, bytes: Uint8Array): void {
    const parts = partsOf(path);
    const name = parts.pop() as string;
    let directory = this.root;
    for (const part of parts) {
      let below = directory.now.get(part);
      if (below?.kind !== "directory") {
        below = new DirectoryNode(0);
        directory.now.set(part, below);
        directory.durable.set(part, below);
      }
      directory = below;
    }
    const file = new FileNode(0);
    file.write(bytes, 0);
    file.sync();
    directory.now.set(name, file);
    directory.durable.set(name, file);
  }

  /** Bit rot that stays: one bit of a file, durable and seen at once. */
  flip(path: string, byte: number, bit: number): void {
    const node = this.find(path);
    if (node?.kind !== "file" || byte >= node.now.size || bit > 7) {
      throw new Error(`There is no bit ${bit} of byte ${byte} in "${path}"`);
    }
    node.flip(byte, bit);
    this.#faults.add("bit rot");
  }

  /** Bytes of memory that all files hold, as they are now. */
  get heldBytes(): number {
    let sum = 0;
    for (const file of this.#files((directory) => directory.now)) {
      sum += file.heldBytes;
    }
    return sum;
  }

  #odds(fate: CrashFate): Odds {
    if (fate === "keep") return { keep: 6, tear: 0 };
    if (fate === "lose") return { keep: 0, tear: 0 };
    if (fate === "tear") return { keep: 0, tear: 6 };
    const keep = this.#random.below(7);
    return { keep, tear: this.#random.below(7 - keep) };
  }

  /** Most file systems keep the order of name changes, so that a prefix survives; not all promise it. */
  #crashNames(fate: CrashFate): void {
    const count = this.#journal.length;
    const ordered = this.#random.chance(3, 4);
    const prefix = fate === "keep" ? count : fate === "lose" ? 0 : this.#random.below(count + 1);
    this.#journal.forEach((changes, index) => {
      const drawn = fate === "keep" || (fate !== "lose" && this.#random.chance(1, 2));
      if (ordered ? index < prefix : drawn) makeDurable(changes);
      else this.#faults.add("name lost at crash");
    });
    this.#journal = [];
    const settle = (directory: DirectoryNode): void => {
      directory.lockedBy = undefined;
      directory.now = new Map(directory.durable);
      for (const node of directory.now.values()) if (node.kind === "directory") settle(node);
    };
    settle(this.root);
  }

  #files(names: (directory: DirectoryNode) => ReadonlyMap<string, DiskNode>): Set<FileNode> {
    const found = new Set<FileNode>();
    const walk = (directory: DirectoryNode): void => {
      for (const node of names(directory).values()) {
        if (node.kind === "directory") walk(node);
        else found.add(node);
      }
    };
    walk(this.root);
    return found;
  }
}

function makeDurable(changes: readonly NameChange[]): void {
  for (const { directory, name, node } of changes) {
    if (node === undefined) directory.durable.delete(name);
    else directory.durable.set(name, node);
  }
}
