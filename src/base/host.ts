/**
 * Every host global that the core may touch: present in Node, Deno, Bun and the simulator alike, with the same
 * results. The core is compiled without host types, so anything not declared here does not resolve.
 */
interface TextEncoderLike {
  encode(text: string): Uint8Array;
  encodeInto(text: string, into: Uint8Array): { read: number; written: number };
}
interface TextDecoderLike {
  decode(bytes: Uint8Array): string;
}
interface WebAssemblyLike {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: Record<string, unknown> };
  Memory: new (
    descriptor: { initial: number; maximum: number },
  ) => { readonly buffer: ArrayBuffer };
}
interface HostGlobals {
  TextEncoder: new () => TextEncoderLike;
  TextDecoder: new (
    label: string,
    options: { fatal?: boolean; ignoreBOM: boolean },
  ) => TextDecoderLike;
  WebAssembly: WebAssemblyLike;
}

const host = globalThis as unknown as HostGlobals;

export const WebAssemblyHost: WebAssemblyLike = host.WebAssembly;
const encoder = new host.TextEncoder();
const decoder = new host.TextDecoder("utf-8", { ignoreBOM: true });

/** UTF-8 bytes of a text; lone surrogates become U+FFFD. */
export function utf8Encode(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Writes UTF-8 into `into`; returns the bytes written. The caller makes room: 3 bytes a UTF-16 unit suffice. */
export function utf8EncodeInto(text: string, into: Uint8Array): number {
  return encoder.encodeInto(text, into).written;
}

/** Invalid sequences become U+FFFD, as in Java's reader; a leading U+FEFF is kept. */
export function utf8Decode(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/**
 * UTF-8 text of a range. The decoder makes flat strings: one glued together from characters is slower to make on V8, and
 * twice as slow to look up, since a Map has to flatten it first.
 */
export function utf8DecodeRange(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end));
}
