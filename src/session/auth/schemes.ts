/**
 * The authentication schemes of a server: what an auth packet proves, which ACL entries may be stored, what whoAmI
 * tells (client-protocol §2.9, §7.3 to §7.6). Built in: world, auth, ip, digest, super; ensemble on wish. Others
 * (sasl, x509) are not loaded: their entries are refused, their packets fail.
 */
import { ACL_BYTES_MAX } from "../../base/limits.ts";
import { utf8Decode } from "../../base/host.ts";
import type { Acl, Identity } from "../../protocol/acl.ts";
import type { Hash, HashName } from "../../runtime.ts";
import { digestIdOf, digestUserOf, isDigestId } from "./digest.ts";

export interface AuthOptions {
  readonly hash: Hash;
  readonly digestEnabled: boolean;
  readonly digestAlgorithm: HashName;
  /** Whole `user:hash` whose owner is super. */
  readonly superDigest: string | undefined;
  /** Undefined: the scheme is not loaded; empty: every name passes. */
  readonly ensembleNames?: readonly string[] | undefined;
  /** Whether a text may be the id of an `ip` entry (§7.5); the tree, which matches them, knows. */
  readonly isIpExpression: (id: string) => boolean;
}

export type AuthOutcome =
  | { readonly ok: true; readonly identities: readonly Identity[] }
  /** `reply`: answer AUTHFAILED before the close; otherwise close without a word. */
  | { readonly ok: false; readonly reply: boolean };

/** An ACL entry as it came off the wire. */
export interface RequestedAcl {
  readonly perms: number;
  readonly id: { readonly scheme: string | null; readonly id: string | null } | null;
}

/** Permissions, lengths and scheme. */
const ACL_ENTRY_BYTES = 24;
const FAILED: AuthOutcome = { ok: false, reply: true };
const NOTHING_NEW: AuthOutcome = { ok: true, identities: [] };

export class AuthSchemes {
  readonly #options: AuthOptions;

  constructor(options: AuthOptions) {
    this.#options = options;
  }

  /** An auth packet. The identities are those to add to the connection's. */
  authenticate(scheme: string | null, auth: Uint8Array | null): AuthOutcome {
    if (!this.isLoaded(scheme)) return FAILED;
    switch (scheme) {
      case "digest":
        return auth === null ? FAILED : this.#authenticateDigest(utf8Decode(auth));
      case "ip": // proves what the connection has anyway
        return NOTHING_NEW;
      case "ensemble":
        return this.#authenticateEnsemble(auth);
      default:
        return FAILED;
    }
  }

  #authenticateDigest(userAndPassword: string): AuthOutcome {
    const { hash, digestAlgorithm, superDigest } = this.#options;
    const own = { scheme: "digest", id: digestIdOf(hash, digestAlgorithm, userAndPassword) };
    const isSuper = superDigest !== undefined && own.id === superDigest;
    return { ok: true, identities: isSuper ? [{ scheme: "super", id: "" }, own] : [own] };
  }

  #authenticateEnsemble(auth: Uint8Array | null): AuthOutcome {
    const names = this.#options.ensembleNames ?? [];
    if (names.length === 0 || auth === null || auth.length === 0) return NOTHING_NEW;
    return names.includes(utf8Decode(auth)) ? NOTHING_NEW : { ok: false, reply: false };
  }

  /** Whether a provider stands behind the scheme: auth packets, ACL entries and matching need one. */
  isLoaded(scheme: string | null): boolean {
    switch (scheme) {
      case "ip":
        return true;
      case "digest":
        return this.#options.digestEnabled;
      case "ensemble":
        return this.#options.ensembleNames !== undefined;
      default:
        return false;
    }
  }

  /** Whether an entry `scheme:id` may be stored; `auth` is for requests only, `super` for nobody. */
  isValidId(scheme: string, id: string): boolean {
    if (scheme === "world") return id === "anyone";
    if (!this.isLoaded(scheme)) return false;
    if (scheme === "digest") return isDigestId(id);
    return scheme === "ip" && this.#options.isIpExpression(id);
  }

  /** Whether an identity may stand for an `auth` entry. */
  countsForAuth(identity: Identity): boolean {
    return identity.scheme === "digest" && this.#options.digestEnabled;
  }

  /**
   * The list that create and setACL store for a requested one (§7.6). The first bad entry decides.
   * @returns "invalidAcl" for -114, "marshalling" for -5 (a null id where a scheme would look at it)
   */
  resolveAcl(
    requested: readonly (RequestedAcl | null)[] | null,
    identities: readonly Identity[],
  ): Acl[] | "invalidAcl" | "marshalling" {
    if (requested === null || requested.length === 0) return "invalidAcl";
    const resolved: Acl[] = [];
    const seen = new Set<string>();
    let bytes = 0;
    for (const entry of requested) {
      const scheme = entry?.id?.scheme ?? null;
      if (entry === null || entry.id === null || scheme === null) return "invalidAcl";
      const { perms, id: { id } } = entry;
      const key = JSON.stringify([perms, scheme, id]);
      if (seen.has(key)) continue;
      seen.add(key);
      if (scheme === "auth") {
        const own = identities.filter((identity) => this.countsForAuth(identity));
        if (own.length === 0) return "invalidAcl";
        for (const identity of own) {
          bytes += ACL_ENTRY_BYTES + identity.id.length * 3;
          if (bytes > ACL_BYTES_MAX) return "invalidAcl";
          resolved.push({ perms, scheme: identity.scheme, id: identity.id });
        }
      } else if (id === null) {
        return scheme === "world" || this.isLoaded(scheme) ? "marshalling" : "invalidAcl";
      } else {
        if (!this.isValidId(scheme, id)) return "invalidAcl";
        resolved.push({ perms, scheme, id });
      }
    }
    return resolved;
  }
}

/** The user that whoAmI shows: digest ids without their hash (§3.7), others as they are. */
export function userOf(identity: Identity): string {
  return identity.scheme === "digest" ? digestUserOf(identity.id) : identity.id;
}
