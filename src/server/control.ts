/** What the operators' doors may do to a server, beside looking at it (view.ts). */
import { utf8Encode } from "../base/host.ts";
import type { Zxid } from "../base/zxid.ts";
import { type Identity, Perm } from "../protocol/acl.ts";
import type { Connection } from "../runtime.ts";
import type { ByteSource } from "../storage/byte_stream.ts";
import { fullAddress } from "../session/address.ts";
import { ipIdentity } from "../session/auth/identities.ts";
import type { Persistence } from "./persistence.ts";
import type { Replica } from "./replica.ts";

export interface SnapshotFile {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly zxid: Zxid;
  readonly bytes: number;
}

export interface ServerControl {
  /**
   * Serves a connection that did not come by the client port.
   * @param isCounted whether maxClientCnxns and maxCnxns hold for it
   */
  attach(connection: Connection, isCounted: boolean): void;
  /** What credentials prove beside the address; undefined: they are refused. */
  authenticate(scheme: string, credentials: string, host: string): readonly Identity[] | undefined;
  /** Every permission on the root, each by itself, as Apache asks of who takes a snapshot. */
  mayAdminister(identities: readonly Identity[]): boolean;
  /** @returns undefined while another snapshot is being written */
  takeSnapshot(): Promise<SnapshotFile | undefined>;
  /** Undefined: the server belongs to an ensemble, whose members have their database from one another. */
  readonly restore: Restore | undefined;
}

/**
 * Puts the database of a snapshot file in the place of what is there, on the disk too; clients lose their connections.
 * @returns the zxid of the snapshot; undefined while another one is being restored
 * @throws {CorruptionError | UsageError} it cannot be used, and nothing has changed; anything else ends the server
 */
export type Restore = (source: ByteSource) => Promise<Zxid | undefined>;

const EVERY_PERMISSION = [Perm.read, Perm.write, Perm.create, Perm.delete, Perm.admin];

export class ReplicaControl implements ServerControl {
  readonly restore: Restore | undefined;
  readonly #replica: () => Replica | undefined;
  readonly #storage: Persistence;
  readonly #accept: (connection: Connection, isCounted: boolean) => void;

  /** @param replica undefined: there is none now */
  constructor(
    replica: () => Replica | undefined,
    storage: Persistence,
    accept: (connection: Connection, isCounted: boolean) => void,
    restore?: Restore,
  ) {
    this.restore = restore;
    this.#replica = replica;
    this.#storage = storage;
    this.#accept = accept;
  }

  attach(connection: Connection, isCounted: boolean): void {
    this.#accept(connection, isCounted);
  }

  authenticate(scheme: string, credentials: string, host: string): readonly Identity[] | undefined {
    const replica = this.#replica();
    const outcome = replica?.auth.authenticate(scheme, utf8Encode(credentials));
    if (outcome?.ok !== true) {
      if (replica !== undefined) replica.stats.authFailures++;
      return undefined;
    }
    return [ipIdentity(fullAddress(host)), ...outcome.identities];
  }

  mayAdminister(identities: readonly Identity[]): boolean {
    const tree = this.#replica()?.tree;
    if (tree === undefined) return false;
    const aclId = tree.aclId(tree.root);
    return EVERY_PERMISSION.every((perm) => tree.acls.allows(aclId, perm, identities));
  }

  takeSnapshot(): Promise<SnapshotFile | undefined> {
    return this.#storage.takeSnapshotNow();
  }
}
