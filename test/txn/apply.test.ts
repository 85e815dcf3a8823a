/** Applying what other servers and older versions wrote, and what is damaged. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "../../src/base/errors.ts";
import type { Zxid } from "../../src/base/zxid.ts";
import { Writer } from "../../src/jute/writer.ts";
import { OPEN_ACL } from "../../src/protocol/acl.ts";
import { Code } from "../../src/protocol/codes.ts";
import { Op } from "../../src/protocol/ops.ts";
import * as records from "../../src/protocol/records.ts";
import { Applier } from "../../src/txn/apply.ts";
import { readPaths2Delete } from "../../src/txn/close_session.ts";
import { Reader } from "../../src/jute/reader.ts";
import {
  bytes,
  createBody,
  multiBody,
  pathVersion,
  setDataBody,
  wireAcl,
} from "../support/requests.ts";
import { Harness, newDatabase } from "./harness.ts";

const acl = wireAcl(OPEN_ACL);

function payload(zxid: number, type: number, write: (w: Writer) => void, session = 1n): Uint8Array {
  const w = new Writer(64);
  records.TxnHeader.write(w, { clientId: session, cxid: 1, zxid, time: zxid * 10, type });
  write(w);
  return w.written();
}

function createTxn(
  zxid: number,
  path: string,
  parentCVersion: number,
  session = 1n,
  ephemeral = false,
): Uint8Array {
  return payload(
    zxid,
    Op.create,
    (w) => records.CreateTxn.write(w, { path, data: bytes("d"), acl, ephemeral, parentCVersion }),
    session,
  );
}
function deleteTxn(zxid: number, path: string): Uint8Array {
  return payload(zxid, Op.delete, (w) => records.DeleteTxn.write(w, { path }));
}

class Bench {
  readonly db = newDatabase();
  readonly mismatches: Zxid[] = [];
  readonly parts: [number, number][] = [];
  readonly sessions: [bigint, number | undefined][] = [];
  readonly applier = new Applier(this.db, {
    onDigestMismatch: (zxid) => this.mismatches.push(zxid),
    onPart: (type, err) => this.parts.push([type, err]),
    onSession: (id, timeoutMs) => this.sessions.push([id, timeoutMs]),
  });
  apply(bytes: Uint8Array): number {
    return this.applier.apply(bytes, 0, bytes.length);
  }
  at(path: string) {
    const { tree } = this.db, id = tree.findPath(path);
    return {
      pzxid: tree.pzxid(id),
      cversion: tree.storedCversion(id),
      children: tree.childCount(id),
    };
  }
}

test("a delete of a child that is gone still raises the parent's pzxid, an older one does not [55]", () => {
  const bench = new Bench();
  bench.apply(createTxn(1, "/p", 1));
  bench.apply(createTxn(2, "/p/c", 1));
  assert.equal(bench.apply(deleteTxn(5, "/p/c")), Code.ok);
  assert.equal(bench.apply(deleteTxn(7, "/p/c")), Code.noNode);
  assert.equal(bench.at("/p").pzxid, 7);
  assert.equal(bench.apply(deleteTxn(6, "/p/c")), Code.noNode);
  assert.equal(bench.at("/p").pzxid, 7);
});

test("a create of a child that a fuzzy snapshot already has brings the parent's counter up", () => {
  const bench = new Bench();
  bench.apply(createTxn(1, "/p", 1));
  bench.apply(createTxn(2, "/p/c", 1));
  assert.equal(bench.apply(createTxn(3, "/p/c", 5)), Code.nodeExists);
  assert.deepEqual(bench.at("/p"), { pzxid: 3, cversion: 5, children: 1 });
  assert.equal(bench.apply(createTxn(4, "/p/c", 4)), Code.nodeExists);
  assert.equal(bench.at("/p").cversion, 5, "never down");
});

test("a create txn of before 3.4 has no parent counter: it counts up", () => {
  const bench = new Bench();
  const old = (zxid: number, path: string) =>
    payload(zxid, Op.create, (w) => {
      w.ustring(path);
      w.buffer(null);
      w.int32(-1);
      w.bool(false);
    });
  bench.apply(old(1, "/a"));
  bench.apply(old(2, "/b"));
  assert.equal(bench.at("/").cversion, 2);
  assert.equal(bench.db.tree.copyData(bench.db.tree.findPath("/a")), null);
});

test("the three forms of closeSession take the session's nodes", () => {
  const forms: readonly ((w: Writer) => void)[] = [
    () => {},
    (w) => records.TxnDigest.write(w, { version: 2, treeDigest: 0n }),
    (w) => records.CloseSessionTxn.write(w, { paths2Delete: ["/mine"] }),
  ];
  for (const form of forms) {
    const bench = new Bench();
    bench.applier.compareDigests = false;
    bench.apply(payload(1, Op.createSession, (w) => w.int32(5000), 9n));
    bench.apply(createTxn(2, "/mine", 1, 9n, true));
    bench.apply(createTxn(3, "/other", 2, 8n, true));
    bench.apply(payload(4, Op.closeSession, form, 9n));
    assert.deepEqual([bench.db.tree.findPath("/mine") < 0, bench.db.tree.findPath("/other") < 0], [
      true,
      false,
    ]);
    assert.equal(bench.at("/").pzxid, 4);
    assert.deepEqual(bench.sessions, [[9n, 5000], [9n, undefined]]);
    assert.equal(bench.db.sessions.size, 0);
  }
});

test("a list of paths is told from a digest by its bytes", () => {
  const read = (write: (w: Writer) => void) => {
    const w = new Writer(32);
    write(w);
    return readPaths2Delete(new Reader().reset(w.bytes, 0, w.pos)).length;
  };
  assert.equal(read((w) => records.CloseSessionTxn.write(w, { paths2Delete: ["/ab", "/c"] })), 2);
  assert.equal(read((w) => records.CloseSessionTxn.write(w, { paths2Delete: ["/abc"] })), 1);
  assert.equal(read((w) => records.TxnDigest.write(w, { version: 2, treeDigest: 5n })), 0);
});

test("an error txn changes nothing but the last zxid", () => {
  const bench = new Bench();
  assert.equal(bench.apply(payload(9, Op.error, (w) => w.int32(Code.noNode))), Code.noNode);
  assert.equal(bench.db.lastZxid, 9);
});

test("parts of a failed multi are reported and not applied, an unmarked part before the failure too", () => {
  const bench = new Bench();
  const part = (w: Writer, type: number, write: (w: Writer) => void) => {
    const inner = new Writer(32);
    write(inner);
    w.int32(type);
    w.buffer(inner.written());
  };
  bench.apply(payload(1, Op.multi, (w) => {
    w.int32(3);
    part(
      w,
      Op.create,
      (x) =>
        records.CreateTxn.write(x, {
          path: "/x",
          data: null,
          acl,
          ephemeral: false,
          parentCVersion: 1,
        }),
    );
    part(w, Op.error, (x) => x.int32(Code.badVersion));
    part(w, Op.error, (x) => x.int32(Code.runtimeInconsistency));
  }));
  assert.deepEqual(bench.parts, [[Op.error, 0], [Op.error, Code.badVersion], [
    Op.error,
    Code.runtimeInconsistency,
  ]]);
  assert.ok(bench.db.tree.findPath("/x") < 0);
});

test("a digest that is not the tree's is reported, and the txn stays applied", () => {
  const bench = new Bench();
  const wrong = payload(1, Op.create, (w) => {
    records.CreateTxn.write(w, {
      path: "/a",
      data: null,
      acl,
      ephemeral: false,
      parentCVersion: 1,
    });
    records.TxnDigest.write(w, { version: 2, treeDigest: 12345n });
  });
  assert.equal(bench.apply(wrong), Code.ok);
  assert.deepEqual(bench.mismatches, [1]);
  assert.ok(bench.db.tree.findPath("/a") >= 0);
  const later = payload(2, Op.delete, (w) => {
    records.DeleteTxn.write(w, { path: "/a" });
    records.TxnDigest.write(w, { version: 3, treeDigest: 12345n });
  });
  bench.apply(later);
  assert.deepEqual(bench.mismatches, [1], "a digest of another version says nothing to us");
});

test("a txn cut anywhere is a ProtocolError, never another failure", () => {
  const harness = new Harness();
  const all = [
    harness.prepare(Op.create, createBody("/a", "data")),
    harness.prepare(Op.setData, setDataBody("/a", "more")),
    harness.prepare(
      Op.multi,
      multiBody([[Op.create, createBody("/b")], [Op.delete, pathVersion("/b")]]),
    ),
    harness.prepare(Op.closeSession),
  ].map((entry) => entry.payload.slice(0, -records.TXN_DIGEST_BYTES));
  for (const one of all.slice(0, 3)) {
    for (let end = 0; end < one.length; end++) {
      // A create may end behind its ephemeral byte: written before 3.4.
      const bench = new Bench();
      bench.apply(createTxn(1, "/a", 1));
      try {
        bench.apply(one.subarray(0, end));
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error));
        continue;
      }
      assert.ok(end >= one.length - 4, `cut at ${end} of ${one.length} was taken`);
    }
  }
});

test("unknown types and null paths are refused with the zxid", () => {
  const bench = new Bench();
  assert.throws(() => bench.apply(payload(0x11, 999, () => {})), /0x11.*999/);
  assert.throws(() => bench.apply(payload(0x12, Op.delete, (w) => w.int32(-1))), ProtocolError);
  const nullPart = payload(0x13, Op.multi, (w) => {
    w.int32(1);
    w.int32(Op.delete);
    w.int32(-1);
  });
  assert.throws(() => bench.apply(nullPart), ProtocolError);
});

test("changes to nodes that are not there are told and leave the tree as it is", () => {
  const bench = new Bench();
  assert.equal(bench.apply(createTxn(1, "/no/child", 1)), Code.noNode);
  assert.equal(bench.apply(createTxn(2, "relative", 1)), Code.noNode);
  assert.equal(bench.apply(createTxn(3, "/", 1)), Code.noNode);
  assert.equal(
    bench.apply(
      payload(
        4,
        Op.setData,
        (w) => records.SetDataTxn.write(w, { path: "/no", data: null, version: 1 }),
      ),
    ),
    Code.noNode,
  );
  assert.equal(
    bench.apply(
      payload(5, Op.setAcl, (w) => records.SetAclTxn.write(w, { path: "/no", acl, version: 1 })),
    ),
    Code.noNode,
  );
  assert.equal(bench.db.tree.nodeCount, newDatabase().tree.nodeCount);
  assert.equal(bench.db.lastZxid, 5);
});
