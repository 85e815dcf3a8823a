/** Random changes on the tree and on plain objects, everything compared, the digest computed anew. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8Encode } from "../../src/base/host.ts";
import { Writer } from "../../src/jute/writer.ts";
import { CONTAINER_OWNER, OwnerKind, ownerKind, ttlOwner } from "../../src/tree/owner.ts";
import { nameOf, parentOf } from "../../src/tree/path.ts";
import type { Tree } from "../../src/tree/tree.ts";
import { plainCrc32 } from "../../wasm/checksums.ts";
import { bytesOf, childrenOf, loadInto, newTree, snapshotOf, statOf, zx } from "./support.ts";

interface Model {
  data: Uint8Array | null;
  acl: number;
  owner: bigint;
  czxid: number;
  mzxid: number;
  pzxid: number;
  ctime: number;
  mtime: number;
  version: number;
  cversion: number;
  aversion: number;
}

type Nodes = Map<string, Model>;

const options = { extendedTypes: true, emulate353: false };
const TTL_OWNER = ttlOwner(500, options) ?? 0n;

function modelNode(fields: Partial<Model>): Model {
  return {
    data: new Uint8Array(0),
    acl: -1,
    owner: 0n,
    czxid: 0,
    mzxid: 0,
    pzxid: 0,
    ctime: 0,
    mtime: 0,
    version: 0,
    cversion: 0,
    aversion: 0,
    ...fields,
  };
}

/** "/" stands for the root. */
function freshModel(): Nodes {
  return new Map([
    ["/", modelNode({})],
    ["/zookeeper", modelNode({})],
    ["/zookeeper/quota", modelNode({})],
    ["/zookeeper/config", modelNode({ acl: 1, aversion: -1 })],
  ]);
}

function childrenIn(nodes: Nodes, path: string): string[] {
  const names = [...nodes.keys()].filter((at) => at !== "/" && parentOf(at) === path).map(nameOf);
  return names.sort();
}

/** From the definition in storage-format §9.1. */
function digestFor(path: string, node: Model): bigint {
  if (path.startsWith("/zookeeper/")) return 0n;
  const w = new Writer();
  w.raw(utf8Encode(path === "/" ? "" : path));
  if (node.data !== null) w.raw(node.data);
  for (const value of [node.czxid, node.mzxid, node.pzxid, node.ctime, node.mtime]) {
    w.int64(BigInt(value));
  }
  for (const value of [node.version, node.cversion, node.aversion]) w.int32(value);
  w.int64(node.owner);
  return BigInt(plainCrc32(0, w.bytes, 0, w.pos));
}

function compare(tree: Tree, nodes: Nodes): void {
  let digest = 0n, bytes = 0;
  const ephemerals = new Map<bigint, string[]>(), users = new Map<number, number>();
  for (const [path, node] of nodes) {
    const id = tree.findPath(path), children = childrenIn(nodes, path);
    const kind = ownerKind(node.owner, options);
    assert.equal(tree.pathOf(id), path);
    assert.deepEqual(statOf(tree, path), {
      czxid: node.czxid,
      mzxid: node.mzxid,
      ctime: node.ctime,
      mtime: node.mtime,
      version: node.version,
      cversion: 2 * node.cversion - children.length,
      aversion: node.aversion,
      ephemeralOwner: kind === OwnerKind.ephemeral ? node.owner : 0n,
      dataLength: node.data?.length ?? 0,
      numChildren: children.length,
      pzxid: node.pzxid,
    });
    assert.deepEqual(tree.copyData(id), node.data);
    assert.deepEqual(childrenOf(tree, path), children);
    assert.equal(tree.owner(id), node.owner);
    assert.equal(tree.aclId(id), node.acl);
    const under = [...nodes.keys()].filter((at) => at.startsWith(path === "/" ? path : `${path}/`));
    assert.equal(tree.descendantCount(id), under.length - (path === "/" ? 1 : 0));
    if (kind === OwnerKind.ephemeral) {
      ephemerals.set(node.owner, [...ephemerals.get(node.owner) ?? [], path]);
    }
    users.set(node.acl, (users.get(node.acl) ?? 0) + 1);
    bytes += (path === "/" ? 0 : utf8Encode(path).length) + (node.data?.length ?? 0);
    digest += digestFor(path, node);
  }
  assert.equal(tree.digest, BigInt.asIntN(64, digest));
  assert.equal(tree.nodeCount, nodes.size);
  assert.equal(tree.approximateDataBytes, bytes);
  assert.deepEqual(tree.ephemeralSessions().sort(), [...ephemerals.keys()].sort());
  for (const [owner, paths] of ephemerals) {
    assert.deepEqual(tree.ephemeralsOf(owner).sort(), paths.sort());
  }
  for (const [id] of tree.acls.entries()) assert.equal(tree.acls.users(id), users.get(id));
}

type Step =
  | {
    kind: "create";
    at: number;
    name: string;
    data: Uint8Array | null;
    owner: bigint;
    acl: number;
  }
  | { kind: "remove"; at: number }
  | { kind: "setData"; at: number; data: Uint8Array | null; isSilent: boolean }
  | { kind: "setAcl"; at: number; acl: number };

const data = fc.oneof(
  fc.constant(null),
  fc.uint8Array({ maxLength: 60 }),
  fc.integer({ min: 0, max: 3000 }).map((size) => new Uint8Array(size).fill(size)),
);
const at = fc.nat(1000);
const acl = fc.integer({ min: -1, max: 6 }).filter((id) => id !== 0);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant("create" as const),
        at,
        data,
        acl,
        name: fc.oneof(fc.constantFrom("a", "b", "c", "é", "quota"), fc.string({ minLength: 1 })),
        owner: fc.constantFrom(0n, 0n, 0n, 5n, -0x1000_0000_0000_0001n, CONTAINER_OWNER, TTL_OWNER),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("remove" as const), at }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("setData" as const),
        at,
        data,
        isSilent: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("setAcl" as const), at, acl }) },
  ),
  { minLength: 5, maxLength: 60, size: "max" },
);

function run(tree: Tree, nodes: Nodes, step: Step, zxid: number): void {
  const paths = [...nodes.keys()], path = paths[step.at % paths.length] as string;
  const node = nodes.get(path) as Model, id = tree.findPath(path), time = zxid * 1000;
  if (step.kind === "create") {
    const child = `${path === "/" ? "" : path}/${step.name}`;
    if (step.name.includes("/") || nodes.has(child)) return;
    const name = utf8Encode(`..${step.name}.`), held = bytesOf(step.data);
    tree.insert(
      id,
      name,
      2,
      name.length - 1,
      held,
      0,
      held?.length ?? 0,
      step.acl,
      step.owner,
      zx(zxid),
      time,
      -1,
    );
    tree.touchParent(id, tree.storedCversion(id) + 1, zx(zxid));
    nodes.set(
      child,
      modelNode({
        data: held,
        acl: step.acl,
        owner: step.owner,
        czxid: zxid,
        mzxid: zxid,
        pzxid: zxid,
        ctime: time,
        mtime: time,
      }),
    );
    node.cversion++;
    node.pzxid = zxid;
  } else if (step.kind === "remove") {
    if (path === "/" || childrenIn(nodes, path).length > 0) return;
    const parent = tree.parent(id);
    tree.remove(id);
    tree.raisePzxid(parent, zx(zxid));
    nodes.delete(path);
    (nodes.get(parentOf(path)) as Model).pzxid = zxid;
  } else if (step.kind === "setAcl") {
    tree.setAcl(id, step.acl, ++node.aversion);
    node.acl = step.acl;
  } else if (step.isSilent) {
    tree.setDataSilently(id, step.data);
    node.data = step.data;
  } else {
    tree.setData(id, step.data, 0, step.data?.length ?? 0, ++node.version, zx(zxid), time, -1);
    Object.assign(node, { data: step.data, mzxid: zxid, mtime: time });
  }
}

test("random changes leave the tree equal to plain objects, and so does a load of it", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const tree = newTree(), nodes = freshModel();
      for (let perms = 2; perms <= 6; perms++) {
        tree.acls.intern([{ perms, scheme: "world", id: "anyone" }]);
      }
      let zxid = 0x1_ffff_fff0;
      for (const step of all) run(tree, nodes, step, ++zxid);
      compare(tree, nodes);
      const copy = newTree();
      const hasSystem = ["/zookeeper", "/zookeeper/quota", "/zookeeper/config"]
        .every((path) => nodes.has(path));
      loadInto(copy, snapshotOf(tree), tree.acls);
      if (hasSystem) compare(copy, nodes);
    }),
    { numRuns: 150 },
  );
});
