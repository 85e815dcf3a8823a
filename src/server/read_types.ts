/** What a read is given, and the results that are no codes of the protocol. */
import type { Zxid } from "../base/zxid.ts";
import type { Identity } from "../protocol/acl.ts";
import type { Tree } from "../tree/tree.ts";
import type { Watcher, Watches } from "../watch/watches.ts";

export interface ReadContext {
  readonly tree: Tree;
  readonly watches: Watches;
}

/** The connection that reads. */
export interface ReadCaller {
  readonly watcher: Watcher;
  readonly sessionId: bigint;
  /** The ids it had when the request arrived. */
  readonly identities: readonly Identity[];
  /** A notification made while a request is handled, ahead of its reply. */
  notify(type: number, path: string, zxid: Zxid): void;
}

/** Not codes of the protocol: the operation is none that a client may send; MARSHALLINGERROR, yet with its body. */
export const UNKNOWN_OPERATION = 1;
export const MARSHALLING_ERROR_WITH_BODY = 2;
