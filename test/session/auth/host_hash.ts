/** Real hashes for tests below the adapters; node:crypto is there on Node, Deno and Bun. */
import { createHash } from "node:crypto";
import type { Hash } from "../../../src/runtime.ts";

const NAMES = {
  "SHA-1": "sha1",
  "SHA-256": "sha256",
  "SHA-512": "sha512",
  "SHA3-256": "sha3-256",
} as const;

export const hostHash: Hash = {
  digest: (name, bytes) => new Uint8Array(createHash(NAMES[name]).update(bytes).digest()),
};
