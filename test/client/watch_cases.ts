/** What a client promises of watches, as cases like those of cases.ts. */
import assert from "node:assert/strict";
import { textOf, type WatchEvent, WatchQueue, type ZkError } from "../../src/client/index.ts";
import { type ClientCase, failure, open, simple } from "./cases.ts";

async function take(events: AsyncIterable<WatchEvent>, count: number): Promise<string[]> {
  const found: string[] = [];
  const reader = events[Symbol.asyncIterator]();
  while (found.length < count) {
    const { value, done } = await reader.next();
    if (done === true) break;
    found.push(value.type === "gap" ? `gap ${value.reason}` : `${value.type} ${value.path}`);
  }
  return found;
}

export const watchCases: readonly ClientCase[] = [
  simple("one-shot watches fire once, by callback and by iterator", async (zk) => {
    const seen: string[] = [];
    const queue = new WatchQueue();
    const listener = (event: { type: string }) => void seen.push(event.type);
    assert.equal(await zk.exists("/a", { watch: listener }), undefined);
    await zk.getChildren("/", { watch: queue });
    await zk.create("/a");
    await zk.getData("/a", { watch: queue });
    await zk.setData("/a", "1");
    await zk.setData("/a", "2");
    assert.deepEqual(seen, ["created"]);
    assert.deepEqual(await take(queue, 2), ["childrenChanged /", "dataChanged /a"]);
    await zk.getData("/a", { watch: listener });
    await zk.getChildren("/a", { watch: listener });
    await zk.delete("/a");
    assert.deepEqual(seen, ["created", "deleted"]);
  }),
  simple(
    "a persistent watch hears of the node and its children, a recursive one of all below",
    async (zk) => {
      const node = await zk.addWatch("/w", "persistent");
      const all = await zk.addWatch("/", "recursive");
      await zk.create("/w");
      await zk.create("/w/x");
      await zk.setData("/w/x", "1");
      await zk.setData("/w", "1");
      await zk.delete("/w/x");
      await zk.delete("/w");
      assert.deepEqual(
        await take(node, 5),
        ["created /w", "childrenChanged /w", "dataChanged /w", "childrenChanged /w", "deleted /w"],
      );
      assert.deepEqual(await take(all, 6), [
        "created /w",
        "created /w/x",
        "dataChanged /w/x",
        "dataChanged /w",
        "deleted /w/x",
        "deleted /w",
      ]);
    },
  ),
  simple(
    "a closed watch is silent and gone from the server; another on the same path lives on",
    async (zk) => {
      const seen: string[] = [];
      const first = await zk.addWatch("/p", "persistent", {
        onEvent: (event) => void seen.push(event.type),
      });
      const second = await zk.addWatch("/p", "persistent");
      await first.close();
      await zk.create("/p");
      assert.deepEqual(await take(second, 1), ["created /p"]);
      await zk.checkWatches("/p", "persistent");
      await second.close();
      assert.equal((await failure(zk.checkWatches("/p", "persistent"))).code, "NO_WATCHER");
      assert.deepEqual(seen, []);
    },
  ),
  simple("removeWatches tells those who waited", async (zk) => {
    const seen: string[] = [];
    await zk.exists("/r", { watch: (event) => void seen.push(event.type) });
    const watch = await zk.addWatch("/r", "recursive");
    await zk.removeWatches("/r", "any");
    assert.deepEqual(seen, ["ended"]);
    assert.deepEqual(await take(watch, 1), []);
    assert.equal((await failure(zk.removeWatches("/r", "any"))).code, "NO_WATCHER");
  }),
  simple(
    "a one-shot watch taken back is silent; it goes from the server with the last",
    async (zk) => {
      const heard: string[] = [];
      const a = (event: { type: string }) => void heard.push(`a ${event.type}`);
      const b = (event: { type: string }) => void heard.push(`b ${event.type}`);
      const isWatched = async (type: "data" | "children") =>
        await zk.checkWatches("/o", type).then(() => true, ({ code }: ZkError) => {
          assert.equal(code, "NO_WATCHER");
          return false;
        });
      await zk.exists("/o", { watch: a });
      await zk.create("/o");
      await zk.unwatch("/o", a); // it has fired
      assert.deepEqual(heard.splice(0), ["a created"]);
      await zk.exists("/o", { watch: a });
      await zk.getData("/o", { watch: b });
      await zk.getChildren("/o", { watch: a });
      await using lasting = await zk.addWatch("/o", "persistent");
      await zk.unwatch("/o", a);
      assert.deepEqual([await isWatched("data"), await isWatched("children")], [true, false]);
      await zk.setData("/o", "1");
      assert.deepEqual(heard.splice(0), ["b dataChanged"]);
      await zk.getData("/o", { watch: b });
      await zk.unwatch("/o", b);
      assert.equal(await isWatched("data"), false);
      await zk.create("/o/c");
      assert.deepEqual(await take(lasting, 2), ["dataChanged /o", "childrenChanged /o"]);
      await zk.exists("/never", { watch: a });
      await zk.unwatch("/never", a);
      await zk.create("/never");
      assert.deepEqual(heard, []);
    },
  ),
  simple("a watch that fires while it is taken back disturbs nobody", async (zk, place) => {
    await using other = await open(place);
    await zk.create("/f");
    const heard = { a: 0, b: 0 };
    const a = () => void heard.a++;
    const b = () => void heard.b++;
    for (let round = 0; round < 50; round++) {
      await zk.exists("/f", { watch: a });
      const changed = other.setData("/f", String(round));
      const armed = zk.exists("/f", { watch: b }); // by the time of its answer it is the only one
      await Promise.all([zk.unwatch("/f", a), armed, changed]);
      if (heard.b === round) await zk.setData("/f", "again");
      await zk.sync("/f");
      assert.equal(heard.b, round + 1);
    }
    assert.equal((await failure(zk.checkWatches("/f", "data"))).code, "NO_WATCHER");
    assert.ok(heard.a <= 50);
    assert.equal(zk.state, "connected");
  }),
  simple("kept values and children that are closed leave no watch behind", async (zk) => {
    await zk.create("/k");
    for (const path of ["/k", "/none"]) {
      const all = [await zk.watchValue(path), await zk.watchChildren(path)];
      for (const one of all) await one.close();
      await zk.sync(path);
      for (const type of ["data", "children"] as const) {
        assert.equal((await failure(zk.checkWatches(path, type))).code, "NO_WATCHER");
      }
    }
  }),
  simple("a slow reader is told of a gap instead of being fed without bound", async (zk) => {
    const watch = await zk.addWatch("/", "recursive", { bufferMax: 3 });
    for (let i = 0; i < 6; i++) await zk.create(`/g${i}`);
    assert.deepEqual(await take(watch, 4), [
      "created /g0",
      "created /g1",
      "created /g2",
      "gap overflow",
    ]);
    await zk.create("/later");
    assert.deepEqual(await take(watch, 1), ["created /later"]);
  }),
  simple("a kept value and kept children follow the server", async (zk) => {
    await using value = await zk.watchValue("/v");
    await using children = await zk.watchChildren("/v");
    assert.equal(value.current, undefined);
    assert.equal(children.current, undefined);
    const reader = value[Symbol.asyncIterator]();
    assert.equal((await reader.next()).value, undefined);
    await zk.create("/v", "1");
    assert.equal(textOf((await reader.next()).value?.data ?? null), "1");
    const listing = new Promise<string[]>((resolve) =>
      children.onChange((now) => {
        if (now?.children.length === 2) resolve(now.children);
      })
    );
    await zk.create("/v/b");
    await zk.create("/v/a");
    assert.deepEqual(await listing, ["a", "b"]);
    await zk.setData("/v", "2");
    assert.equal(textOf((await reader.next()).value?.data ?? null), "2");
  }),
];
