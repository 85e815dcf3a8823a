/** What a connection has proved to be. Lists are never changed, so a request keeps the one it arrived with. */
import { utf8Encode } from "../base/host.ts";
import { IDENTITIES_BYTES_MAX, IDENTITIES_MAX } from "../base/limits.ts";
import type { Identity } from "../protocol/acl.ts";
import { fullAddress } from "../session/address.ts";
import { ipIdentity, withIdentities } from "../session/auth/identities.ts";

const NONE: readonly (readonly Identity[])[] = [];

export class Identities {
  #current: readonly Identity[];
  /** While a waiting request refers to them, oldest first. */
  #older = NONE;

  constructor(host: string) {
    this.#current = [ipIdentity(fullAddress(host))];
  }

  get version(): number {
    return this.#older.length;
  }

  get current(): readonly Identity[] {
    return this.#current;
  }

  at(version: number): readonly Identity[] {
    return this.#older[version] ?? this.#current;
  }

  /**
   * Adds what is new. @param keepOld waiting requests refer to the versions so far
   * @returns false when a connection may not have so many
   */
  add(identities: readonly Identity[], keepOld: boolean): boolean {
    const { current } = this;
    const next = withIdentities(current, identities);
    if (next === current) return true;
    if (next.length > IDENTITIES_MAX || wireBytesOf(next) > IDENTITIES_BYTES_MAX) return false;
    this.#older = keepOld ? [...this.#older, current] : NONE;
    this.#current = next;
    return true;
  }
}

/** A vector of two strings each, all with their lengths. */
function wireBytesOf(identities: readonly Identity[]): number {
  return identities.reduce(
    (sum, { scheme, id }) => sum + 8 + utf8Encode(scheme).length + utf8Encode(id).length,
    4,
  );
}
