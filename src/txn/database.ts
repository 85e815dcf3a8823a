/** The replicated state of one server: what snapshots hold and txns change. */
import type { Codec } from "../../wasm/codec.ts";
import { type Zxid, ZXID_ZERO } from "../base/zxid.ts";
import type { AclOptions } from "../tree/acl.ts";
import { Quotas } from "../tree/quota.ts";
import { Tree } from "../tree/tree.ts";

export interface DatabaseOptions {
  /** Keep the tree digest (storage-format §9). */
  readonly digest: boolean;
  readonly extendedTypes: boolean;
  readonly emulate353: boolean;
  readonly acl?: AclOptions;
  /** Secret of this process: clients cannot choose names that collide in the index. */
  readonly hashSeed?: number;
}

export class Database {
  readonly codec: Codec;
  readonly options: DatabaseOptions;
  readonly tree: Tree;
  readonly quotas: Quotas;
  /** Session id to timeout in ms: the sessions that txns opened and did not close. */
  readonly sessions = new Map<bigint, number>();
  /** Of the last txn applied; moves only when the whole txn (all of a multi) is in the tree. */
  lastZxid: Zxid = ZXID_ZERO;
  /** The tree came from another server and may hold parts of what follows: digests are compared once one agrees. */
  isUnsettled = false;

  constructor(codec: Codec, options: DatabaseOptions) {
    this.codec = codec;
    this.options = options;
    this.tree = new Tree({ codec, ...options });
    this.quotas = new Quotas(this.tree);
  }

  /** Back to the empty state: before another attempt to load. */
  clear(): void {
    this.tree.clear();
    this.quotas.rebuild();
    this.sessions.clear();
    this.lastZxid = ZXID_ZERO;
    this.isUnsettled = false;
  }
}
