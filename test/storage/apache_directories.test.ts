/** Directories that Apache's servers wrote (test/golden/data) open as they are: the tree that Apache itself reads from them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Zxid } from "../../src/base/zxid.ts";
import { Reader } from "../../src/jute/reader.ts";
import { Op } from "../../src/protocol/ops.ts";
import { MultiTxn, TxnHeader } from "../../src/protocol/records.ts";
import type { Recovered } from "../../src/storage/recovery.ts";
import type { Database } from "../../src/txn/database.ts";
import { createSim } from "../../runtimes/sim/index.ts";
import { APACHE_FOLDERS, putApache, readApache } from "./apache.ts";
import { Author, type Entry, Heard, MiniServer, zx } from "./support.ts";

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString("base64");
}

const hex = (value: number | bigint): string =>
  `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;

function nodesOf({ tree }: Database): Record<string, unknown>[] {
  const nodes: Record<string, unknown>[] = [];
  tree.forEachInSubtree(tree.root, (id) => {
    nodes.push({
      path: tree.pathOf(id),
      data: base64(tree.copyData(id)),
      acl: tree.acls.get(tree.aclId(id)).map(({ perms, scheme, id }) => [perms, scheme, id]),
      czxid: hex(tree.czxid(id)),
      mzxid: hex(tree.mzxid(id)),
      pzxid: hex(tree.pzxid(id)),
      ctime: tree.ctime(id),
      mtime: tree.mtime(id),
      version: tree.version(id),
      storedCversion: tree.storedCversion(id),
      aversion: tree.aversion(id),
      ephemeralOwner: hex(tree.owner(id)),
    });
  });
  return nodes;
}

function byPath(a: { path?: unknown }, b: { path?: unknown }): number {
  return String(a.path) < String(b.path) ? -1 : 1;
}

for (const folder of APACHE_FOLDERS) {
  test(`a directory that Apache ${folder} wrote opens with its tree, sessions and digest`, async () => {
    const sim = createSim({ seed: 1 });
    const machine = sim.machine("a");
    const directory = await readApache(folder);
    const { expected } = directory;
    await putApache(sim, machine, directory);
    const heard = new Heard();
    const server = await sim.runUntil(MiniServer.start(machine.runtime, undefined, {}, heard));
    const { database, fileFormat, report } = server.storage;
    assert.deepEqual(heard.lines, []);
    assert.equal(hex(database.lastZxid), expected.lastProcessedZxid);
    assert.equal(hex(database.tree.digest), expected.digest);
    assert.deepEqual(nodesOf(database).sort(byPath), [...expected.nodes].sort(byPath));
    const sessions = Object.fromEntries([...database.sessions].map(([id, ms]) => [hex(id), ms]));
    assert.deepEqual(sessions, expected.sessions);
    assert.equal(fileFormat, 2, "it stays Apache's until it is converted");
    assert.equal(report.digestMismatches, 0);
  });
}

/** Txns that create a container, alone or in a multi. */
async function containersOf({ storage }: MiniServer, last: number): Promise<Zxid[]> {
  const found: Zxid[] = [];
  const range = await storage.openRange(zx(0));
  await range.read(zx(last), (zxid, bytes, start, end) => {
    const r = new Reader().reset(bytes, start, end);
    const { type } = TxnHeader.read(r);
    const types = type === Op.multi ? (MultiTxn.read(r) ?? []).map((part) => part.type) : [type];
    if (types.includes(Op.createContainer)) found.push(zxid);
  });
  await range.close();
  assert.ok(found.length > 0);
  return found;
}

/**
 * Each txn has the digest that Apache computed for the tree behind it: another tree is told. That of a container's creation
 * is wrong (it is computed before the owner is set), those behind it are right again.
 */
function assertDigests({ report, database }: Recovered<Entry>, containers: readonly Zxid[]): void {
  const replayed = containers.filter((zxid) =>
    zxid > report.snapshotZxid && zxid <= database.lastZxid
  );
  assert.equal(report.digestMismatches, replayed.length);
}

for (const folder of APACHE_FOLDERS) {
  test(`a directory that Apache ${folder} wrote is cut at each zxid and opened again`, async () => {
    const directory = await readApache(folder);
    const last = Number(directory.expected.lastProcessedZxid);
    for (let to = 0; to <= last; to++) {
      const sim = createSim({ seed: 1 });
      const machine = sim.machine("a");
      await putApache(sim, machine, directory);
      const heard = new Heard();
      const server = await sim.runUntil(MiniServer.start(machine.runtime, undefined, {}, heard));
      const containers = await sim.runUntil(containersOf(server, last));
      const cut = await sim.runUntil(server.storage.truncate(zx(to)));
      assert.equal(cut.database.lastZxid, to);
      assertDigests(cut, containers);
      machine.crash("lose");
      const again = await sim.runUntil(
        MiniServer.start(machine.start(), undefined, {}, heard),
      );
      assert.equal(again.storage.database.lastZxid, to);
      assert.deepEqual(nodesOf(again.storage.database), nodesOf(cut.database));
      assertDigests(again.storage, containers);
      assert.equal(again.storage.fileFormat, 2);
      const author = new Author(again.storage.database);
      again.applier.compareDigests = false; // the author applied it to this very tree already
      again.write(author.payload({ kind: "create", path: "/after" }, to + 1), to + 1);
      await sim.runUntil(() => again.acked === to + 1);
      await sim.runUntil(again.storage.close());
      const third = await sim.runUntil(MiniServer.start(machine.runtime, undefined, {}, heard));
      assert.equal(third.digest, author.db.tree.digest);
      assert.deepEqual(
        heard.lines.filter((line) => !line.startsWith("error The tree's digest")),
        [],
      );
    }
  });
}
