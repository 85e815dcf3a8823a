/**
 * How large and how fast the tree is with 1,000,000 znodes of 100 bytes, on the runtime that runs this:
 *
 *   node dist/bench/tree.js · deno run -A bench/tree.ts · bun run bench/tree.ts   [znodes]
 *
 * Expected, written before the first run: 260 MB, 700 ns a create without the digest and 1,200 with it, 700 ns a random
 * look-up in a flat tree, 150 ns among 1,000 hot znodes, a snapshot at 1 GB/s, a load in 1.2 s, no create above 5 ms.
 */
import { memoryUsage } from "node:process";
import { utf8Encode } from "../src/base/host.ts";
import { Prng } from "../src/base/random.ts";
import type { Zxid } from "../src/base/zxid.ts";
import { Reader } from "../src/jute/reader.ts";
import { Writer } from "../src/jute/writer.ts";
import { Tree } from "../src/tree/tree.ts";
import { createCodec } from "../wasm/codec.ts";

const args = (globalThis as { process?: { argv: string[] } }).process?.argv ?? [];
const NODES = Number(args[2] ?? 1_000_000);
const NAME_BYTES = 15;
const SLICE = 1000;
const options = { codec: createCodec(), extendedTypes: true, emulate353: false };
const data = new Uint8Array(100).fill(0x61);

let sink = 0;

/** `/node-0000000000`: the number in place. */
function setName(bytes: Uint8Array, at: number, number: number): void {
  for (let digit = at + NAME_BYTES - 1; digit >= at + 5; digit--) {
    bytes[digit] = 48 + (number % 10);
    number = Math.floor(number / 10);
  }
}

interface Built {
  readonly tree: Tree;
  readonly milliseconds: number;
  readonly longestSliceMs: number;
}

/** @param parents 1 for a flat tree, else so many parents beside each other */
function build(parents: number, digest: boolean): Built {
  const tree = new Tree({ ...options, digest });
  const name = utf8Encode("node-0000000000");
  const started = performance.now();
  const ids: number[] = [];
  for (let i = 0; i < parents; i++) {
    const text = utf8Encode(`p${i}`);
    ids.push(tree.insert(tree.root, text, 0, text.length, null, 0, 0, -1, 0n, 1 as Zxid, 0, -1));
  }
  let longestSliceMs = 0, sliceAt = performance.now();
  for (let i = 0; i < NODES; i++) {
    setName(name, 0, i);
    const parent = ids[i % parents] as number;
    tree.insert(parent, name, 0, NAME_BYTES, data, 0, 100, -1, 0n, i as Zxid, i, -1);
    tree.touchParent(parent, i, i as Zxid);
    if (i % SLICE === SLICE - 1) {
      const now = performance.now();
      longestSliceMs = Math.max(longestSliceMs, now - sliceAt);
      sliceAt = now;
    }
  }
  return { tree, milliseconds: performance.now() - started, longestSliceMs };
}

/** Nanoseconds of a look-up by path and a copy of stat and data, over `hot` znodes. */
function lookUp(tree: Tree, hot: number): { findNs: number; readNs: number } {
  const path = utf8Encode("/p0/node-0000000000"), random = new Prng(1), count = 1_000_000;
  const numbers = new Int32Array(count).map(() => random.below(hot));
  const w = new Writer(4096);
  const timed = (read: boolean) => {
    const started = performance.now();
    for (let i = 0; i < count; i++) {
      setName(path, 4, numbers[i] as number);
      const id = tree.find(path, 0, path.length);
      sink += id;
      if (!read) continue;
      w.pos = 0;
      tree.writeStat(id, w);
      tree.writeData(id, w);
    }
    return ((performance.now() - started) * 1e6) / count;
  };
  timed(true);
  const findNs = timed(false);
  return { findNs, readNs: timed(true) };
}

function snapshot(tree: Tree): { pieces: Uint8Array[]; milliseconds: number; bytes: number } {
  const pieces: Uint8Array[] = [], w = new Writer(1 << 20);
  const cursor = tree.openCursor(Number.MAX_SAFE_INTEGER as Zxid);
  let milliseconds = 0, bytes = 0;
  for (let isDone = false; !isDone;) {
    w.pos = 0;
    const started = performance.now();
    isDone = cursor.writeSome(w, 256 * 1024);
    milliseconds += performance.now() - started;
    bytes += w.pos;
    pieces.push(w.written().slice());
  }
  cursor.close();
  return { pieces, milliseconds, bytes };
}

function load(pieces: readonly Uint8Array[]): number {
  const tree = new Tree({ ...options, digest: true });
  const started = performance.now(), r = new Reader();
  tree.clear();
  for (const piece of pieces) {
    r.reset(piece, 0, piece.length);
    while (r.remaining > 0) tree.load(r);
  }
  tree.finishLoad();
  sink += tree.nodeCount;
  return performance.now() - started;
}

function line(what: string, value: number, unit: string): void {
  console.log(`${what.padEnd(44)} ${value.toFixed(0).padStart(8)} ${unit}`);
}

const emptyRss = memoryUsage().rss;
const started = performance.now();
sink += new Tree({ ...options, digest: true }).nodeCount;
line("an empty tree", (performance.now() - started) * 1000, "us");
const flat = build(1, false);
line("flat, digest off: build", flat.milliseconds, "ms");
line("  memory", (memoryUsage().rss - emptyRss) / 1e6, "MB");
line("  names and data", flat.tree.arenaBytes / 1e6, "MB");
line(`  longest ${SLICE} creates`, flat.longestSliceMs * 1000, "us");
const cold = lookUp(flat.tree, NODES), hot = lookUp(flat.tree, Math.min(1000, NODES));
line("  find, random", cold.findNs, "ns");
line("  find + stat + data, random", cold.readNs, "ns");
line("  find, 1,000 hot", hot.findNs, "ns");
line("  find + stat + data, 1,000 hot", hot.readNs, "ns");
const written = snapshot(flat.tree);
line("  snapshot", written.bytes / written.milliseconds / 1000, "MB/s");
line("  load with digest", load(written.pieces), "ms");
const wide = build(Math.min(NODES, 300_000), true);
line("300,000 parents, digest on: build", wide.milliseconds, "ms");
line(`  longest ${SLICE} creates`, wide.longestSliceMs * 1000, "us");
if (sink === 1) console.log("");
