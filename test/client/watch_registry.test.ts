/** Which watcher hears of which event, and what the server is told again (client-protocol §6.4, §6.7). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Chroot } from "../../src/client/paths.ts";
import type { WatchSink } from "../../src/client/watch_events.ts";
import { WATCH_KINDS, type WatchKind, WatchRegistry } from "../../src/client/watch_registry.ts";
import { EventType } from "../../src/protocol/watch_types.ts";

function world(prefix = "") {
  const registry = new WatchRegistry(new Chroot(prefix));
  const heard: string[] = [];
  const sink = (name: string): WatchSink => ({
    event: (event) =>
      void heard.push(`${name} ${event.type} ${event.type === "gap" ? "" : event.path}`.trim()),
    ended: (reason) => void heard.push(`${name} ended ${reason}`),
  });
  /** What was heard since the last call. */
  const take = () => heard.splice(0).sort();
  return { registry, sink, take };
}

test("each event reaches the watches it concerns, and uses up the one-shot ones", () => {
  const table: Record<string, Partial<Record<WatchKind, string>>> = {
    // By event at /a/b: which kind of watch at which path hears it.
    nodeCreated: { data: "/a/b", exists: "/a/b", persistent: "/a/b", recursive: "/a /a/b /" },
    nodeDataChanged: { data: "/a/b", exists: "/a/b", persistent: "/a/b", recursive: "/a /a/b /" },
    nodeDeleted: {
      data: "/a/b",
      exists: "/a/b",
      child: "/a/b",
      persistent: "/a/b",
      recursive: "/a /a/b /",
    },
    nodeChildrenChanged: { child: "/a/b", persistent: "/a/b" },
  };
  for (const [name, hearers] of Object.entries(table)) {
    for (const kind of WATCH_KINDS) {
      for (const path of ["/", "/a", "/a/b", "/a/b/c", "/a/bb"]) {
        const { registry, sink, take } = world();
        registry.add(kind, path, sink("w"));
        const type = EventType[name as keyof typeof EventType];
        registry.dispatch(type, "/a/b", 5, false);
        const hears = (hearers[kind] ?? "").split(" ").includes(path);
        assert.equal(take().length, hears ? 1 : 0, `${name} ${kind} ${path}`);
        registry.dispatch(type, "/a/b", 6, false);
        const lasts = kind === "persistent" || kind === "recursive";
        assert.equal(take().length, hears && lasts ? 1 : 0, `${name} ${kind} ${path} again`);
        assert.equal(registry.count(), hears && !lasts ? 0 : 1);
      }
    }
  }
});

test("a watcher registered many times hears an event once", () => {
  const { registry, sink, take } = world("/app");
  const one = sink("one");
  registry.add("data", "/app/x", one);
  registry.add("child", "/app/x", one);
  registry.add("persistent", "/app/x", one);
  registry.add("recursive", "/app", one);
  registry.dispatch(EventType.nodeDeleted, "/app/x", 5, false);
  assert.deepEqual(take(), ["one deleted /x"]);
});

test("what setWatches answers is for one-shot watches; the others hear of the gap", () => {
  const { registry, sink, take } = world();
  registry.add("data", "/x", sink("data"));
  registry.add("persistent", "/x", sink("persistent"));
  registry.tellGap();
  registry.dispatch(EventType.nodeDataChanged, "/x", -1, true);
  assert.deepEqual(take(), ["data dataChanged /x", "persistent gap"]);
  registry.dispatch(EventType.nodeDataChanged, "/x", -1, false);
  assert.deepEqual(take(), ["persistent dataChanged /x"]);
});

test("removal says who was the last, and the end tells everybody once", () => {
  const { registry, sink, take } = world();
  const [a, b] = [sink("a"), sink("b")];
  registry.add("persistent", "/x", a);
  registry.add("persistent", "/x", b);
  assert.equal(registry.remove("persistent", "/x", a), false);
  assert.equal(registry.remove("persistent", "/x", a), false);
  assert.equal(registry.remove("persistent", "/x", b), true);
  registry.add("data", "/x", a);
  registry.add("recursive", "/x", a);
  registry.removeAll(["data"], "/x");
  registry.end("expired", undefined);
  registry.end("closed", undefined);
  assert.deepEqual(take(), ["a ended expired", "a ended removed"]);
  registry.dispatch(99, "/x", 1, false);
  assert.deepEqual(take(), []);
});

test("who takes a one-shot watch back is told which of the server's nobody waits for any more", () => {
  const { registry, sink, take } = world();
  const [a, b] = [sink("a"), sink("b")];
  registry.add("data", "/x", a);
  registry.add("exists", "/x", a);
  registry.add("exists", "/x", b); // the server's table for both is one
  registry.add("child", "/x", a);
  registry.add("persistent", "/x", a);
  assert.deepEqual(registry.forget("/x", a), ["children"]);
  assert.deepEqual(registry.forget("/x", a), []);
  assert.deepEqual(registry.forget("/y", b), []);
  registry.dispatch(EventType.nodeCreated, "/x", 5, false);
  assert.deepEqual(take(), ["a created /x", "b created /x"]);
  registry.add("data", "/x", b);
  assert.deepEqual(registry.forget("/x", a), []);
  assert.deepEqual(registry.forget("/x", b), ["data"]);
  assert.equal(registry.count(), 1);
});

test("all watches are told again, in pieces, each once", () => {
  const { registry, sink } = world();
  for (let i = 0; i < 100; i++) {
    registry.add(WATCH_KINDS[i % 5] as WatchKind, `/node${String(i).padStart(4, "0")}`, sink("w"));
  }
  assert.equal(registry.chunks().length, 1);
  const pieces = registry.chunks(130);
  assert.equal(pieces.length, 10);
  const paths = pieces.flatMap((piece) => WATCH_KINDS.flatMap((kind) => piece[kind]));
  assert.equal(new Set(paths).size, 100);
  assert.equal(paths.length, 100);
  assert.deepEqual(new WatchRegistry(new Chroot("")).chunks(), []);
});

test("a piece stays below its bytes of UTF-8, unless it is one path", () => {
  const { registry, sink } = world();
  for (const name of ["ab", "ü", "€", "𐐷", "c".repeat(50)]) {
    registry.add("persistent", `/${name}`, sink("w"));
  }
  const texts = registry.chunks(17).map(({ persistent }) => persistent.join(" "));
  assert.deepEqual(texts, ["/ab /ü", "/€ /𐐷", `/${"c".repeat(50)}`]);
});
