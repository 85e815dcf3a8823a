/** Watches as Server-Sent Events: modes, resuming, limits, ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Client, connect } from "../../src/client/index.ts";
import { json, type Stage, withDoor } from "./door.ts";

interface Event {
  readonly id: string | undefined;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

/** The events of a stream, as a browser's EventSource would take them apart. */
class Reader {
  readonly #abort = new AbortController();
  #lines: AsyncGenerator<Event> | undefined;

  async open(url: string, headers: Record<string, string> = {}): Promise<Response> {
    const response = await fetch(url, { headers, signal: this.#abort.signal });
    this.#lines = events(response);
    return response;
  }
  async next(): Promise<Event> {
    const { value } = await (this.#lines as AsyncGenerator<Event>).next();
    return value as Event;
  }
  async isOver(): Promise<boolean> {
    return (await (this.#lines as AsyncGenerator<Event>).next()).done === true;
  }
  close(): void {
    this.#abort.abort();
  }
}

async function* events(response: Response): AsyncGenerator<Event> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const fields = new Map(
        text.slice(0, end).split("\n").map((line) => line.split(/: ?(.*)/, 2) as [string, string]),
      );
      text = text.slice(end + 2);
      const data = fields.get("data");
      if (data === undefined) continue; // a heartbeat
      const type = fields.get("event") ?? "message";
      yield { id: fields.get("id"), type, data: JSON.parse(data) as Event["data"] };
    }
  }
}

async function withWatch(
  body: (
    stage: Stage,
    zk: Client,
    watch: (query: string, headers?: Record<string, string>) => Promise<Reader>,
  ) => Promise<void>,
  options: Parameters<typeof withDoor>[1] = {},
): Promise<void> {
  await withDoor(async (stage) => {
    const zk = await connect(`127.0.0.1:${stage.server.address.port}`);
    const readers: Reader[] = [];
    try {
      await body(stage, zk, async (query, headers = {}) => {
        const reader = new Reader();
        readers.push(reader);
        const response = await reader.open(`${stage.url}/v1/events${query}`, headers);
        assert.equal(response.status, 200);
        assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
        return reader;
      });
    } finally {
      for (const reader of readers) reader.close();
      await zk.close();
    }
  }, options);
}

test("a persistent watch tells every change of a node and its children, with the zxid as its id", async () => {
  await withWatch(async (_stage, zk, watch) => {
    const reader = await watch("/a");
    const open = await reader.next();
    assert.equal(open.type, "open");
    assert.deepEqual([open.data["path"], open.data["mode"], open.data["exists"]], [
      "/a",
      "persistent",
      false,
    ]);
    const { stat } = await zk.create("/a", "1");
    assert.deepEqual(await reader.next(), {
      id: String(stat.czxid),
      type: "created",
      data: { path: "/a", zxid: stat.czxid },
    });
    const set = await zk.setData("/a", "2");
    assert.equal((await reader.next()).id, String(set.mzxid));
    await zk.create("/a/b");
    assert.equal((await reader.next()).type, "childrenChanged");
    await zk.delete("/a/b");
    assert.equal((await reader.next()).type, "childrenChanged");
    await zk.delete("/a");
    assert.equal((await reader.next()).type, "deleted");
  });
});

test("a recursive watch tells of everything below, a watch for once of one change", async () => {
  await withWatch(async (_stage, zk, watch) => {
    const all = await watch("/?mode=recursive");
    const once = await watch("/x?mode=once");
    assert.equal((await all.next()).type, "open");
    assert.equal((await once.next()).type, "open");
    await zk.create("/x");
    await zk.create("/x/y");
    await zk.setData("/x", "2");
    const seen = [await all.next(), await all.next(), await all.next()];
    assert.deepEqual(seen.map(({ type, data }) => [type, data["path"]]), [
      ["created", "/x"],
      ["created", "/x/y"],
      ["dataChanged", "/x"],
    ]);
    assert.equal((await once.next()).type, "created");
    assert.ok(await once.isOver());
  });
});

test("who comes back hears what was missed, or that it cannot be known", async () => {
  await withWatch(async (_stage, zk, watch) => {
    const { stat: { czxid } } = await zk.create("/a", "1");
    const first = await watch("/a");
    const seen = (await first.next()).id as string;
    first.close();
    const back = (path: string, id: string) => watch(path, { "last-event-id": id });

    const same = await back("/a", seen);
    await same.next();
    const { mzxid } = await zk.setData("/a", "2");
    assert.equal(
      (await same.next()).id,
      String(mzxid),
      "nothing was missed, so the next change comes first",
    );

    await zk.create("/a/b");
    const later = await back("/a", seen);
    await later.next();
    const changed = await later.next();
    assert.deepEqual([changed.type, changed.id], ["dataChanged", String(mzxid)]);
    assert.equal((await later.next()).type, "childrenChanged");

    const anew = await back("/a", String(czxid - 1));
    await anew.next();
    assert.deepEqual((await anew.next()).type, "created");

    const all = await back("/a?mode=recursive", seen);
    await all.next();
    const gap = await all.next();
    assert.deepEqual([gap.type, gap.data["reason"], gap.id], ["gap", "resumed", undefined]);
    const none = await back("/none", seen);
    await none.next();
    assert.equal((await none.next()).type, "gap");

    const once = await back("/a?mode=once", seen);
    await once.next();
    assert.equal((await once.next()).type, "dataChanged");
    assert.ok(await once.isOver(), "its one event was the one it had missed");
  });
});

test("streams of one caller share a session; each gets its own events", async () => {
  await withWatch(async (stage, zk, watch) => {
    const readers = await Promise.all(Array.from({ length: 20 }, (_, at) => watch(`/n${at % 10}`)));
    for (const reader of readers) await reader.next();
    assert.equal(stage.server.view.sessionCount, 2, "theirs and the test's own");
    await Promise.all(Array.from({ length: 10 }, (_, at) => zk.create(`/n${at}`)));
    for (const [at, reader] of readers.entries()) {
      assert.equal((await reader.next()).data["path"], `/n${at % 10}`);
    }
    assert.equal(stage.server.view.watches.pathCount, 10);
  });
});

test("a reader that leaves takes its watch along", async () => {
  await withWatch(async (stage, zk, watch) => {
    const [first, second] = [await watch("/a"), await watch("/b")];
    await first.next();
    await second.next();
    assert.equal(stage.server.view.watches.pathCount, 2);
    first.close();
    // The server notices by and by; other requests go on meanwhile.
    for (let turn = 0; stage.server.view.watches.pathCount > 1; turn++) {
      assert.ok(turn < 10_000, "the watch stays");
      await zk.exists("/");
    }
    await zk.create("/b");
    assert.equal((await second.next()).type, "created");
  });
});

test("a reader of one change that leaves before it takes its watch along, unless another needs it", async () => {
  await withWatch(async (stage, zk, watch) => {
    await zk.create("/a");
    const seen = String((await zk.exists("/"))?.czxid);
    const stays = await watch("/a?mode=once");
    await stays.next();
    for (const path of ["/a", "/b", "/b", "/c"]) {
      const leaves = await watch(`${path}?mode=once`);
      await leaves.next();
      leaves.close();
    }
    const missed = await watch("/a?mode=once", { "last-event-id": seen });
    for (let n = 0; n < 2; n++) await missed.next();
    assert.ok(await missed.isOver());
    for (let turn = 0; stage.server.view.watches.pathCount > 1; turn++) {
      assert.ok(turn < 10_000, "the watches stay");
      await zk.exists("/");
    }
    await zk.setData("/a", "2");
    assert.equal((await stays.next()).type, "dataChanged");
    assert.ok(await stays.isOver());
    assert.equal(stage.server.view.watches.pathCount, 0);
  });
});

test("there are so many streams and no more; a bad mode or id is refused", async () => {
  await withWatch(async (stage, _zk, watch) => {
    await (await watch("/a")).next();
    const full = await fetch(`${stage.url}/v1/events/b`);
    assert.equal(full.status, 503);
    assert.equal((await json(full))["code"], "TOO_MANY_STREAMS");
    assert.equal((await fetch(`${stage.url}/v1/events/b?mode=never`)).status, 400);
    assert.equal((await fetch(`${stage.url}/v1/events/b?lastEventId=x`)).status, 400);
    assert.equal((await fetch(`${stage.url}/v1/events/b`, { method: "POST" })).status, 405);
  }, { httpStreamsMax: 1 });
});

test("a stream ends when its session does", async () => {
  await withWatch(async (stage, _zk, watch) => {
    const { session } = await json(fetch(`${stage.url}/v1/sessions`, { method: "POST" }));
    const reader = await watch("/a", { "zk-session": String(session) });
    await reader.next();
    await fetch(`${stage.url}/v1/sessions/${String(session)}`, { method: "DELETE" });
    const end = await reader.next();
    assert.deepEqual([end.type, end.data["reason"]], ["end", "closed"]);
    assert.ok(await reader.isOver());
  });
});

test("HEAD opens no stream, which nobody would end", async () => {
  await withWatch(async ({ url, server }, _zk, watch) => {
    for (let n = 0; n < 3; n++) {
      const head = await fetch(`${url}/v1/events/a${n}`, { method: "HEAD" });
      assert.deepEqual([head.status, head.headers.get("allow")], [405, "GET"]);
    }
    assert.equal(server.view.watches.pathCount, 0);
    assert.equal((await (await watch("/a")).next()).type, "open");
  }, { httpStreamsMax: 1 });
});
