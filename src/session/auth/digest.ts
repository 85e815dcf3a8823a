/** Scheme `digest` (client-protocol §7.3, §7.4): the id is a user and a hash of user and password together. */
import { utf8Encode } from "../../base/host.ts";
import type { Hash, HashName } from "../../runtime.ts";
import { base64 } from "./base64.ts";

/** `user:base64(hash("user:password"))`; a text without a colon is a user as a whole. */
export function digestIdOf(hash: Hash, algorithm: HashName, userAndPassword: string): string {
  const digest = hash.digest(algorithm, utf8Encode(userAndPassword));
  return `${digestUserOf(userAndPassword)}:${base64(digest)}`;
}

/** The part before the first colon. */
export function digestUserOf(text: string): string {
  const colon = text.indexOf(":");
  return colon < 0 ? text : text.slice(0, colon);
}

/** Exactly two parts between colons, empty ones at the end not counted: `:b` and `a:b:` pass, `a:` does not. */
export function isDigestId(id: string): boolean {
  const parts = id.split(":");
  while (parts.length > 0 && parts.at(-1) === "") parts.pop();
  return parts.length === 2;
}
