/** What a connection has proved to be. Lists are never changed: a request keeps the one of the moment it came in. */
import type { Identity } from "../../protocol/acl.ts";

/** Every connection has this one from the start. @param address as `fullAddress` gives it */
export function ipIdentity(address: string): Identity {
  return { scheme: "ip", id: address };
}

/** Those of `held` and the new ones, each once; `held` itself when there is nothing new. */
export function withIdentities(
  held: readonly Identity[],
  added: readonly Identity[],
): readonly Identity[] {
  let all = held;
  for (const one of added) {
    if (!all.some((other) => other.scheme === one.scheme && other.id === one.id)) {
      all = [...all, one];
    }
  }
  return all;
}
