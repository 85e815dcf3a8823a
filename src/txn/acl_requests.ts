/** ACL lists in requests: decoded, validated and expanded (client-protocol §7.6), then interned. */
import type { Reader } from "../jute/reader.ts";
import type { Identity } from "../protocol/acl.ts";
import { Code } from "../protocol/codes.ts";
import type { AuthSchemes } from "../session/auth/schemes.ts";
import type { AclTable } from "../tree/acl.ts";
import { AclMemo, readRequestedAcls, type RequestedAcl, skipAcls } from "./acl_codec.ts";

/** An id of a list seen before, or a list still to resolve with the bytes it came in. */
export interface AclRequest {
  readonly knownId: number;
  readonly list: RequestedAcl[] | null;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export class AclRequests {
  readonly #acls: AclTable;
  readonly #auth: AuthSchemes;
  readonly #memo: AclMemo;

  constructor(acls: AclTable, auth: AuthSchemes) {
    this.#acls = acls;
    this.#auth = auth;
    this.#memo = new AclMemo(acls);
  }

  /** Reads a list from a request; what it means is decided by {@link resolve}, later in the order of checks. */
  read(r: Reader): AclRequest {
    const start = r.pos;
    skipAcls(r);
    const end = r.pos;
    const knownId = this.#memo.recall(r.bytes, start, end);
    if (knownId !== 0) return { knownId, list: null, bytes: r.bytes, start, end };
    r.pos = start;
    return { knownId, list: readRequestedAcls(r), bytes: r.bytes, start, end };
  }

  /** @returns the interned id, retained once for the caller; or a negative result code */
  resolve(request: AclRequest, identities: readonly Identity[]): number {
    if (request.knownId !== 0) {
      this.#acls.retain(request.knownId);
      return request.knownId;
    }
    const resolved = this.#auth.resolveAcl(request.list, identities);
    if (resolved === "invalidAcl") return Code.invalidAcl;
    if (resolved === "marshalling") return Code.marshallingError;
    const id = this.#acls.intern(resolved);
    this.#acls.retain(id);
    const dependsOnCaller = request.list?.some((entry) => entry.id.scheme === "auth") ?? false;
    if (!dependsOnCaller) this.#memo.remember(request.bytes, request.start, request.end, id);
    return id;
  }
}
