/** What a connection has proved to be. Lists are never changed, so a request keeps the one it arrived with. */
import { IDENTITIES_CHARS_MAX, IDENTITIES_MAX } from "../base/limits.ts";
import type { Identity } from "../protocol/acl.ts";
import { fullAddress } from "../session/address.ts";
import { ipIdentity, withIdentities } from "../session/auth/identities.ts";

export class Identities {
  /** The last one is in force; older ones while a waiting request refers to them. */
  #versions: (readonly Identity[])[];

  constructor(host: string) {
    this.#versions = [[ipIdentity(fullAddress(host))]];
  }

  get version(): number {
    return this.#versions.length - 1;
  }

  get current(): readonly Identity[] {
    return this.#versions[this.version] as readonly Identity[];
  }

  at(version: number): readonly Identity[] {
    return this.#versions[version] ?? this.current;
  }

  /**
   * Adds what is new. @param keepOld waiting requests refer to the versions so far
   * @returns false when a connection may not have so many
   */
  add(identities: readonly Identity[], keepOld: boolean): boolean {
    const { current } = this;
    const next = withIdentities(current, identities);
    if (next === current) return true;
    if (next.length > IDENTITIES_MAX || charsOf(next) > IDENTITIES_CHARS_MAX) return false;
    if (keepOld) this.#versions.push(next);
    else this.#versions = [next];
    return true;
  }
}

function charsOf(identities: readonly Identity[]): number {
  return identities.reduce((sum, { scheme, id }) => sum + scheme.length + id.length, 0);
}
