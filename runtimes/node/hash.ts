/** Digests by the host's native library. */
import { createHash } from "node:crypto";
import type { Hash, HashName } from "../../src/runtime.ts";

const NAMES: Readonly<Record<HashName, string>> = {
  "SHA-1": "sha1",
  "SHA-256": "sha256",
  "SHA-512": "sha512",
  "SHA3-256": "sha3-256",
};

export function nodeHash(): Hash {
  return {
    digest(name: HashName, bytes: Uint8Array): Uint8Array {
      const digest = createHash(NAMES[name]).update(bytes).digest();
      return new Uint8Array(digest.buffer, digest.byteOffset, digest.length);
    },
  };
}
