import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "../../src/base/host.ts";
import { formatQuotaText, parseQuotaText } from "../../src/tree/quota_text.ts";
import { Quotas } from "../../src/tree/quota.ts";
import type { Tree } from "../../src/tree/tree.ts";
import { dataOf, drop, newTree, put, setData, statOf } from "./support.ts";

// client-protocol §3.8, §11 cases 131 to 138

/** A tree whose changes tell the quotas, as the apply stage does. */
function scene(tree: Tree = newTree()) {
  const quotas = new Quotas(tree);
  const create = (path: string, data = "") => {
    put(tree, path, { data });
    quotas.onCreate(path, utf8Encode(data).length);
  };
  const remove = (path: string) => {
    const length = tree.dataLength(tree.findPath(path));
    drop(tree, path);
    quotas.onDelete(path, length);
  };
  const set = (path: string, data: string) => {
    const length = tree.dataLength(tree.findPath(path));
    setData(tree, path, data);
    quotas.onSetData(path, length, utf8Encode(data).length);
  };
  const limit = (path: string, limits: string, stats = "count=0,bytes=0") => {
    let at = "/zookeeper/quota";
    for (const name of path.slice(1).split("/")) {
      at += `/${name}`;
      if (tree.findPath(at) < 0) create(at);
    }
    create(`${at}/zookeeper_limits`, limits);
    create(`${at}/zookeeper_stats`, stats);
  };
  const usage = (path: string) => dataOf(tree, `/zookeeper/quota${path}/zookeeper_stats`);
  return { tree, quotas, create, remove, set, limit, usage };
}

test("limits are read in the old form and in the one with hard limits", () => {
  const text = "count=4,bytes=9=;byteHardLimit=15;countHardLimit=4";
  const figures = { count: 4, bytes: 9, byteHardLimit: 15, countHardLimit: 4 };
  assert.deepEqual(parseQuotaText(text), figures);
  assert.equal(formatQuotaText(figures), text);
  const soft = { count: 1, bytes: -1, byteHardLimit: -1, countHardLimit: -1 };
  assert.deepEqual(parseQuotaText("count=1,bytes=-1"), soft);
  assert.equal(formatQuotaText(soft), "count=1,bytes=-1");
  assert.deepEqual(parseQuotaText("bytes=,;,count=1"), soft);
});

test("malformed limits are none", () => {
  for (const text of ["", "=", "count", "count=x,bytes=1e3", "\u0000", "count=--1", "hello"]) {
    const { count, bytes } = parseQuotaText(text);
    assert.deepEqual([count, bytes], [-1, -1], text);
  }
  assert.equal(parseQuotaText(`count=${"9".repeat(19)}`).count, Number.MAX_SAFE_INTEGER);
});

test("creating the stats node counts the subtree and overwrites what was given", () => {
  const { create, limit, usage } = scene();
  create("/a");
  create("/a/b");
  create("/a/b/v", "1234");
  create("/a/b/v/c", "56");
  limit("/a/b/v", "count=9,bytes=99", "count=77,bytes=77");
  assert.equal(usage("/a/b/v"), "count=2,bytes=6");
});

test("usage follows creates, deletes and writes; the stats node's stat stays as it is", () => {
  const { tree, quotas, create, remove, set, limit, usage } = scene();
  assert.equal(quotas.isEmpty, true);
  create("/q", "abc");
  limit("/q", "count=9,bytes=99");
  assert.equal(quotas.isEmpty, false);
  const stat = statOf(tree, "/zookeeper/quota/q/zookeeper_stats");
  create("/q/a", "12");
  create("/q/a/b", "34567");
  assert.equal(usage("/q"), "count=3,bytes=10");
  set("/q/a/b", "3");
  assert.equal(usage("/q"), "count=3,bytes=6");
  remove("/q/a/b");
  assert.equal(usage("/q"), "count=2,bytes=5");
  create("/other", "zzz");
  assert.equal(usage("/q"), "count=2,bytes=5");
  assert.deepEqual(statOf(tree, "/zookeeper/quota/q/zookeeper_stats"), stat);
});

test("only the deepest quota at or above a path applies", () => {
  const { quotas, create, limit, usage } = scene();
  create("/a");
  create("/a/b");
  create("/ab");
  limit("/a", "count=9,bytes=-1");
  limit("/a/b", "count=9,bytes=-1");
  assert.equal(quotas.find("/a/b/c"), "/a/b");
  assert.equal(quotas.find("/a/b"), "/a/b");
  assert.equal(quotas.find("/a/x"), "/a");
  assert.equal(quotas.find("/ab"), undefined);
  assert.equal(quotas.find("/"), undefined);
  const before = usage("/a");
  create("/a/b/c", "1");
  assert.equal(usage("/a"), before);
  assert.equal(usage("/a/b"), "count=2,bytes=1");
});

test("soft limits warn; hard ones refuse when they are enforced; count comes before bytes", () => {
  const { quotas, create, limit } = scene();
  for (const path of ["/s", "/h", "/m"]) create(path, "12345");
  limit("/s", "count=1,bytes=5");
  limit("/h", "count=-1,bytes=-1=;byteHardLimit=5;countHardLimit=1");
  limit("/m", "count=1,bytes=1=;byteHardLimit=5");
  assert.equal(quotas.check("/s", 0, 0, true), "within");
  assert.equal(quotas.check("/s/a", 1, 0, true), "countWarned");
  assert.equal(quotas.check("/s", 0, 1, true), "bytesWarned");
  assert.equal(quotas.check("/h/a", 1, 9, true), "countRefused");
  assert.equal(quotas.check("/h", 0, 1, true), "bytesRefused");
  assert.equal(quotas.check("/h", 0, 1, false), "bytesWarned");
  assert.equal(quotas.check("/h/a", 1, 0, false), "countWarned");
  assert.equal(quotas.check("/m/a", 1, 1, true), "bytesRefused");
  assert.equal(quotas.check("/m/a", 1, 0, true), "countWarned");
  assert.equal(quotas.check("/s/a", 1, 1, true), "countWarned");
  assert.equal(quotas.check("/elsewhere", 1, 1000, true), "within");
});

test("a shrinking write fails while the total stays above the hard limit", () => {
  const { quotas, create, limit } = scene();
  create("/h", "1234567890");
  limit("/h", "count=-1,bytes=-1=;byteHardLimit=5");
  assert.equal(quotas.check("/h", 0, -2, true), "bytesRefused");
  assert.equal(quotas.check("/h", 0, -5, true), "within");
});

test("limits can be changed, and end with their node", () => {
  const { quotas, create, remove, set, limit } = scene();
  create("/h", "1");
  limit("/h", "count=-1,bytes=-1=;countHardLimit=1");
  assert.equal(quotas.check("/h/a", 1, 0, true), "countRefused");
  set("/zookeeper/quota/h/zookeeper_limits", "count=-1,bytes=-1=;countHardLimit=2");
  assert.equal(quotas.check("/h/a", 1, 0, true), "within");
  remove("/zookeeper/quota/h/zookeeper_limits");
  assert.equal(quotas.isEmpty, true);
});

test("malformed texts and limits without a subtree are tolerated", () => {
  const { quotas, create, remove, set, limit, usage } = scene();
  create("/zookeeper/quota/zookeeper_limits", "count=1");
  create("/zookeeper/quota/zookeeper_stats", "x");
  assert.equal(quotas.isEmpty, true);
  create("/q", "1");
  limit("/q", "what,is=this");
  set("/zookeeper/quota/q/zookeeper_stats", "nonsense");
  assert.equal(quotas.check("/q/a", 1, 1, true), "within");
  create("/q/a", "1");
  assert.equal(usage("/q"), "count=1,bytes=1");
  remove("/zookeeper/quota/q/zookeeper_stats");
  create("/q/b", "1");
  assert.equal(quotas.check("/q/c", 1, 1, true), "within");
  remove("/zookeeper/quota/zookeeper_limits");
});

test("a quota on a subtree that is not there yet counts from its creation", () => {
  const { create, limit, usage } = scene();
  limit("/later", "count=5,bytes=-1");
  assert.equal(usage("/later"), "count=0,bytes=0");
  create("/later", "12");
  assert.equal(usage("/later"), "count=1,bytes=2");
});

test("after a load the quotas are found again and counted anew", () => {
  const { tree, create, limit, usage } = scene();
  create("/q", "123");
  limit("/q", "count=-1,bytes=-1=;countHardLimit=1");
  tree.setDataSilently(
    tree.findPath("/zookeeper/quota/q/zookeeper_stats"),
    utf8Encode("count=99,bytes=99"),
  );
  const quotas = new Quotas(tree);
  quotas.rebuild();
  assert.equal(usage("/q"), "count=1,bytes=3");
  assert.equal(quotas.check("/q/a", 1, 0, true), "countRefused");
  assert.deepEqual([...quotas.entries()].map((entry) => [entry.path, entry.usage?.bytes]), [[
    "/q",
    3,
  ]]);
});

test("a quota over /zookeeper counts quota nodes themselves once", () => {
  const { tree, create, remove, limit, usage } = scene();
  limit("/zookeeper", "count=99,bytes=-1");
  const count = () => Number(/count=(\d+)/.exec(usage("/zookeeper") ?? "")?.[1]);
  assert.equal(count(), tree.descendantCount(tree.findPath("/zookeeper")) + 1);
  const before = count();
  create("/zookeeper/quota/x");
  create("/zookeeper/quota/x/zookeeper_limits", "count=1");
  assert.equal(count(), before + 2);
  remove("/zookeeper/quota/x/zookeeper_limits");
  assert.equal(count(), before + 1);
});

test("only paths under /zookeeper/quota concern the hooks while there is no quota", () => {
  assert.equal(Quotas.concerns("/zookeeper/quota/a/zookeeper_limits"), true);
  assert.equal(Quotas.concerns("/a/zookeeper_limits"), false);
});

test("a hard limit stands in for the soft one, larger or smaller; what does not grow is not checked", () => {
  const { quotas, create, limit } = scene();
  for (const path of ["/lax", "/tight"]) create(path, "12345");
  limit("/lax", "count=1,bytes=-1=;countHardLimit=2");
  limit("/tight", "count=9,bytes=1=;countHardLimit=1");
  assert.equal(quotas.check("/lax/a", 1, 0, true), "within");
  assert.equal(quotas.check("/tight/a", 1, 0, true), "countRefused");
  assert.equal(quotas.check("/tight", 0, 0, true), "within");
});
