import type { Zxid } from "../base/zxid.ts";

/** A txn on its way to the disk; the journal fills in where its payload lies. */
export interface Pending {
  readonly zxid: Zxid;
  bytes: Uint8Array;
  start: number;
  end: number;
}
