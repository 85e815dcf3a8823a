/**
 * How fast the codec is beside its TypeScript twin and the runtime's own zlib, on the runtime that runs this:
 *
 *   node dist/bench/codec.js · deno run -A bench/codec.ts · bun run bench/codec.ts
 *
 * Medians of ROUNDS rounds. Expected, written before the first run (Node 20; bytes per step and loads per cycle reckoned
 * at 3 GHz): CRC-32 5.5 GB/s at 1,100 bytes and 9 at 64 KiB, Adler-32 7 and 9, a 1 KiB entry sealed in 150 ns (version
 * 2) and 220 (version 3), the twin 0.45 and 1 GB/s, start 3 ms.
 */
import { type Codec, createCodec, createPlainCodec } from "../wasm/codec.ts";

const ROUNDS = 15;
const ROUND_MS = 12;
const ENTRY_PAYLOAD_BYTES = 1024 + 75; // data of 1 KiB, and header, path, ACL and digest around it
const GROUP_ENTRIES = 120; // groups settled at 100 to 140 (performance-notes §3)

type Work = () => void;
type Crc32 = (bytes: Uint8Array, seed?: number) => number;

/** Keeps results alive, so that no engine drops the work. */
let sink = 0;

/** Median nanoseconds of one call, each round calibrated to about ROUND_MS. */
function nanosecondsOf(work: Work): number {
  let calls = 1;
  for (;;) {
    const started = performance.now();
    for (let i = 0; i < calls; i++) work();
    if (performance.now() - started >= ROUND_MS) break;
    calls *= 2;
  }
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    for (let i = 0; i < calls; i++) work();
    rounds.push(((performance.now() - started) * 1e6) / calls);
  }
  rounds.sort((a, b) => a - b);
  return rounds[ROUNDS >> 1] as number;
}

function fillNoise(bytes: Uint8Array): void {
  let state = 12345;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 16;
  }
}

/** Lengths of a group of entries, filled in. @returns its end */
function layOutGroup(codec: Codec, start: number): number {
  let at = start;
  for (let i = 0; i < GROUP_ENTRIES; i++) {
    codec.view.setInt32(at + 8, ENTRY_PAYLOAD_BYTES);
    at += ENTRY_PAYLOAD_BYTES + 13;
  }
  return at;
}

interface Rates {
  readonly name: string;
  readonly crc?: readonly number[];
  readonly adler?: readonly number[];
  readonly seal?: readonly number[];
  readonly scan?: readonly number[];
}

const SIZES = [100, 1100, 65_536] as const;

function measureCodec(name: string, codec: Codec): Rates {
  const region = codec.logRegions[0];
  if (region === undefined) throw new Error("The codec has no log region");
  const { memory } = codec;
  const start = region.start;
  fillNoise(memory.subarray(start, start + 200_000));
  const rates = (sum: (end: number) => number) =>
    SIZES.map((size) => size / nanosecondsOf(() => sink ^= sum(start + size)));
  const crc = rates((end) => codec.crc32(0, memory, start, end));
  const adler = rates((end) => codec.adler32(1, memory, start, end));
  const end = layOutGroup(codec, start);
  const perEntry = (work: Work) => nanosecondsOf(work) / GROUP_ENTRIES;
  const seal2 = perEntry(() => sink ^= codec.sealGroup2(start, end));
  const scan2 = perEntry(() => sink ^= codec.scanGroup2(memory, start, end, 65_536).entries);
  const seal3 = perEntry(() => sink ^= codec.sealGroup3(start, end, 0));
  const scan3 = perEntry(() => sink ^= codec.scanGroup3(memory, start, end, 65_536, 0, 0).entries);
  return { name, crc, adler, seal: [seal2, seal3], scan: [scan2, scan3] };
}

/** Bytes outside of the codec's memory, which pass through its staging buffer. */
function measureStaged(codec: Codec): Rates {
  const bytes = new Uint8Array(65_536);
  fillNoise(bytes);
  const rates = (sum: (size: number) => number) =>
    SIZES.map((size) => size / nanosecondsOf(() => sink ^= sum(size)));
  return {
    name: "wasm, staged",
    crc: rates((size) => codec.crc32(0, bytes, 0, size)),
    adler: rates((size) => codec.adler32(1, bytes, 0, size)),
  };
}

/** The runtime's own, where it has one: Node 20.15 and later, Deno, Bun. */
async function measureHost(): Promise<Rates | undefined> {
  const zlib: { crc32?: Crc32 } = await import("node:zlib");
  const crc32 = zlib.crc32;
  if (crc32 === undefined) return undefined;
  const crc = SIZES.map((size) => {
    const bytes = new Uint8Array(size);
    fillNoise(bytes);
    return size / nanosecondsOf(() => sink ^= crc32(bytes));
  });
  return { name: "node:zlib", crc };
}

function startMs(): number {
  const started = performance.now();
  sink ^= createCodec().memory.length;
  return performance.now() - started;
}

function runtimeName(): string {
  const host = globalThis as { Deno?: { version: { deno: string } }; Bun?: { version: string } };
  if (host.Deno !== undefined) return `Deno ${host.Deno.version.deno}`;
  if (host.Bun !== undefined) return `Bun ${host.Bun.version}`;
  return `Node ${process.versions.node}`;
}

function row(rates: Rates): string {
  const cells = (values: readonly number[] | undefined, count: number, digits: number) =>
    (values ?? new Array<undefined>(count).fill(undefined))
      .map((value) => value === undefined ? "-" : value.toFixed(digits));
  const all = [
    rates.name,
    ...cells(rates.crc, 3, 2),
    ...cells(rates.adler, 3, 2),
    ...cells(rates.seal, 2, 0),
    ...cells(rates.scan, 2, 0),
  ];
  return `| ${all.join(" | ")} |`;
}

const first = startMs();
const codec = createCodec();
const table = [
  measureCodec("wasm", codec),
  measureStaged(codec),
  measureCodec("plain twin", createPlainCodec()),
  await measureHost(),
].filter((rates) => rates !== undefined);
console.log(
  `${runtimeName()}: start ${first.toFixed(1)} ms (first codec, compiled); medians of ${ROUNDS}`,
);
console.log(
  "CRC-32 and Adler-32 in GB/s at 100 B, 1,100 B, 64 KiB; ns per entry of 1 KiB (v2, v3)",
);
console.log(
  "| | CRC 100 | 1,100 | 64 Ki | Adler 100 | 1,100 | 64 Ki | seal v2 | v3 | scan v2 | v3 |",
);
console.log(`|${"---|".repeat(11)}`);
for (const rates of table) console.log(row(rates));
if (sink === 0.5) console.log(sink);
