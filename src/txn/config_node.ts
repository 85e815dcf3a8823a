/** /zookeeper/config: the members of the ensemble as clients read them; no txn brings it there (peer-protocol §12). */
import { utf8Encode } from "../base/host.ts";
import { invariant } from "../base/invariant.ts";
import type { Zxid } from "../base/zxid.ts";
import { CONFIG_PATH } from "../tree/path.ts";
import { NO_NODE } from "../tree/tree.ts";
import type { Database } from "./database.ts";

/**
 * Outside the tree digest, so servers may differ in it, in its time above all. Fires no watch: nobody is connected when a
 * role begins.
 * @param text server lines and version, as `conf` lists them
 * @param version of the configuration: the zxid that it came with
 */
export function setConfigNode(db: Database, text: string, version: Zxid, wallMs: number): void {
  const node = db.tree.findPath(CONFIG_PATH);
  invariant(node !== NO_NODE, "Every tree has the config node");
  const data = utf8Encode(text);
  db.tree.setData(node, data, 0, data.length, -1, version, wallMs, -1);
}
