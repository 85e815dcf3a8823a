/** Starts the WebAssembly module, synchronously, and feeds its checksums from memory inside and outside of it. */
import { WebAssemblyHost } from "../src/base/host.ts";
import { invariant } from "../src/base/invariant.ts";
import { type Checksums, plainAdler32, plainCrc32 } from "./checksums.ts";
import { codecModule } from "./codec_module.ts";
import { MEMORY_BYTES, PAGE_BYTES, STAGE_AT, STAGE_BYTES } from "./layout.ts";

/** assembly/index.ts: addresses and sizes are byte offsets; 32-bit results come back signed. */
export interface CodecModule {
  crc32(seed: number, start: number, end: number): number;
  adler32(seed: number, start: number, end: number): number;
  sealGroup2(start: number, end: number): number;
  sealGroup3(start: number, end: number, chain: number): number;
  scanGroup2(start: number, end: number, lengthMax: number): number;
  scanGroup3(start: number, end: number, lengthMax: number, chain: number, left: number): number;
  scanZnodes(start: number, end: number, epochMax: number, hasDigest: number): number;
}

/** Below this a loop over a table beats making a view and calling the module. */
const PLAIN_BYTES_MAX = 32;

/** Compiled once; instances are per codec. */
let compiled: object | undefined;

export function instantiate(): { memory: Uint8Array; module: CodecModule } {
  compiled ??= new WebAssemblyHost.Module(base64Decode(codecModule));
  const pages = MEMORY_BYTES / PAGE_BYTES;
  const memory = new WebAssemblyHost.Memory({ initial: pages, maximum: pages });
  const instance = new WebAssemblyHost.Instance(compiled, { env: { memory } });
  return {
    memory: new Uint8Array(memory.buffer),
    module: instance.exports as unknown as CodecModule,
  };
}

/** The module's checksums over any bytes: those outside `memory` pass through its staging buffer. */
export function checksumsOf(module: CodecModule, memory: Uint8Array): Checksums {
  return {
    crc32(seed, bytes, start, end) {
      checkRange(bytes, start, end);
      if (bytes === memory) return module.crc32(seed, start, end) >>> 0;
      if (end - start <= PLAIN_BYTES_MAX) return plainCrc32(seed, bytes, start, end);
      let crc = seed;
      for (let at = start; at < end; at += STAGE_BYTES) {
        crc = module.crc32(crc, STAGE_AT, stage(memory, bytes, at, end));
      }
      return crc >>> 0;
    },
    adler32(seed, bytes, start, end) {
      checkRange(bytes, start, end);
      if (bytes === memory) return module.adler32(seed, start, end) >>> 0;
      if (end - start <= PLAIN_BYTES_MAX) return plainAdler32(seed, bytes, start, end);
      let adler = seed;
      for (let at = start; at < end; at += STAGE_BYTES) {
        adler = module.adler32(adler, STAGE_AT, stage(memory, bytes, at, end));
      }
      return adler >>> 0;
    },
  };
}

/** Copies what fits; @returns its end in the staging buffer */
function stage(memory: Uint8Array, bytes: Uint8Array, at: number, end: number): number {
  const piece = Math.min(end - at, STAGE_BYTES);
  memory.set(bytes.subarray(at, at + piece), STAGE_AT);
  return STAGE_AT + piece;
}

export function checkRange(bytes: Uint8Array, start: number, end: number): void {
  const inside = start >= 0 && start <= end && end <= bytes.length;
  if (!inside) invariant(false, "Range lies in its bytes", { start, end, size: bytes.length });
}

/** Standard base64 without line breaks. */
function base64Decode(text: string): Uint8Array {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let held = 0, bits = 0, at = 0;
  for (let i = 0; i < text.length - padding; i++) {
    held = ((held << 6) | sextet(text.charCodeAt(i))) & 0xffffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = held >>> bits;
  }
  return bytes;
}

function sextet(unit: number): number {
  if (unit >= 0x61) return unit - 0x61 + 26; // a-z
  if (unit >= 0x41) return unit - 0x41; // A-Z
  if (unit >= 0x30) return unit - 0x30 + 52; // 0-9
  return unit === 0x2b ? 62 : 63; // + /
}
