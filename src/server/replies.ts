/** Bodies of replies to writes, made from what the applying stage left (client-protocol §3.1, §3.6). */
import { invariant } from "../base/invariant.ts";
import { Writer } from "../jute/writer.ts";
import { Op } from "../protocol/ops.ts";
import type { Tree } from "../tree/tree.ts";
import type { Applier } from "../txn/apply.ts";
import type { ServerTxn } from "./server_txn.ts";

export class Replies {
  readonly #tree: Tree;
  /** A multi's parts, gathered while notifications may go to the same connection. */
  readonly #multi = new Writer(4096);

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  beginMulti(): void {
    this.#multi.pos = 0;
  }

  /** The result of one part of the multi that is being applied. */
  part(applier: Applier, type: number, err: number): void {
    const w = this.#multi;
    w.int32(resultTypeOf(type));
    w.bool(false);
    w.int32(err);
    if (type === Op.error) w.int32(err);
    else this.#result(type, applier, w);
  }

  /** Behind the header of a reply without an error. */
  body(txn: ServerTxn, applier: Applier, w: Writer): void {
    if (txn.type === Op.sync) return w.raw(txn.reply);
    if (txn.type !== Op.multi) return this.#result(txn.type, applier, w);
    w.raw(this.#multi.bytes, 0, this.#multi.pos);
    w.int32(-1);
    w.bool(true);
    w.int32(-1);
  }

  /** Of one write, alone or in a multi. */
  #result(type: number, applier: Applier, w: Writer): void {
    switch (type) {
      case Op.create:
        return w.span(applier.payload, applier.pathStart, applier.pathEnd);
      case Op.create2:
      case Op.createContainer:
      case Op.createTtl:
        w.span(applier.payload, applier.pathStart, applier.pathEnd);
        return this.#tree.writeStat(applier.node, w);
      case Op.setData:
      case Op.setAcl:
        return this.#tree.writeStat(applier.node, w);
      case Op.reconfig: // a leader of another make may allow it; the applying stage has set the config's node
        this.#tree.writeData(applier.node, w);
        return this.#tree.writeStat(applier.node, w);
      case Op.delete:
      case Op.check:
      case Op.closeSession:
        return;
      default:
        invariant(false, "Every write has a reply", { type });
    }
  }
}

function resultTypeOf(type: number): number {
  return type === Op.createContainer || type === Op.createTtl ? Op.create2 : type;
}
