/** Containers and TTL nodes by the clock (client-protocol §3.5), in virtual time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Op } from "../../src/protocol/ops.ts";
import type { TestClient } from "../support/client.ts";
import { inSim, type SimStage } from "../support/in_process.ts";
import {
  childrenOf,
  codeOf,
  create,
  createBody,
  done,
  exists,
  multiBody,
  pathVersion,
  remove,
  setData,
  ttlBody,
} from "../support/requests.ts";

const CHECK = 10_000;
const OPTIONS = {
  extendedTypes: true,
  containerCheckIntervalMs: CHECK,
  maxSessionTimeoutMs: 24 * 3_600_000,
};
const LONG = { timeoutMs: 24 * 3_600_000 };

function container(client: TestClient, path: string) {
  return done(client.send(Op.createContainer, createBody(path, "", 4)));
}
function ttl(client: TestClient, path: string, ms: number) {
  return done(client.send(Op.createTtl, ttlBody(path, ms)));
}
async function isThere(client: TestClient, path: string): Promise<boolean> {
  return await codeOf(exists(client, path)) === "OK";
}
/** Behind the next check. */
async function afterCheck(stage: SimStage): Promise<void> {
  await stage.sleep(CHECK + 200);
}

test("a container goes at the check after its last child, and its watchers hear of it [58]", async () => {
  await inSim(OPTIONS, async (stage) => {
    const client = await stage.connect(LONG);
    await container(client, "/box");
    await done(create(client, "/box/c"));
    await afterCheck(stage);
    assert.equal(await isThere(client, "/box"), true);
    await done(remove(client, "/box/c"));
    await done(exists(client, "/box", true));
    await afterCheck(stage);
    assert.equal(await isThere(client, "/box"), false);
    assert.deepEqual(client.events.map(({ type, path }) => [type, path]), [[2, "/box"]]);
  });
});

test("nested containers go one level at each check [59]", async () => {
  await inSim(OPTIONS, async (stage) => {
    const client = await stage.connect(LONG);
    await container(client, "/a");
    await container(client, "/a/b");
    await done(create(client, "/a/b/c"));
    await done(remove(client, "/a/b/c"));
    await afterCheck(stage);
    assert.deepEqual([await isThere(client, "/a/b"), await isThere(client, "/a")], [false, true]);
    await afterCheck(stage);
    assert.equal(await isThere(client, "/a"), false);
  });
});

test("a container that never had a child stays, unless a time is set for those [60]", async () => {
  await inSim(OPTIONS, async (stage) => {
    const client = await stage.connect(LONG);
    await container(client, "/new");
    await stage.sleep(20 * CHECK);
    assert.equal(await isThere(client, "/new"), true);
    await stage.restart({ containerMaxNeverUsedMs: 3 * CHECK });
    const again = await stage.connect(LONG);
    await container(again, "/newer");
    await afterCheck(stage);
    assert.deepEqual([await isThere(again, "/new"), await isThere(again, "/newer")], [false, true]);
    await stage.sleep(3 * CHECK);
    assert.equal(await isThere(again, "/newer"), false);
  });
});

test("a container made and emptied in one multi goes [62]", async () => {
  await inSim(OPTIONS, async (stage) => {
    const client = await stage.connect(LONG);
    await done(client.send(
      Op.multi,
      multiBody([
        [Op.createContainer, createBody("/m", "", 4)],
        [Op.create, createBody("/m/c")],
        [Op.delete, pathVersion("/m/c")],
      ]),
    ));
    await afterCheck(stage);
    assert.equal(await isThere(client, "/m"), false);
  });
});

test("a TTL node lives on while it is written, and goes when it was silent for longer than its TTL [65]", async () => {
  await inSim(OPTIONS, async (stage) => {
    const client = await stage.connect(LONG);
    await ttl(client, "/t", 2 * CHECK);
    for (let i = 0; i < 6; i++) {
      await stage.sleep(CHECK);
      await done(setData(client, "/t", `${i}`));
    }
    await afterCheck(stage);
    assert.equal(await isThere(client, "/t"), true);
    await stage.sleep(2 * CHECK);
    assert.equal(await isThere(client, "/t"), false);
  });
});

test("children keep a TTL node, and their coming and going does not renew it [65]", async () => {
  await inSim(OPTIONS, async (stage) => {
    const client = await stage.connect(LONG);
    await ttl(client, "/t", 3 * CHECK);
    await done(create(client, "/t/c"));
    await stage.sleep(6 * CHECK);
    assert.equal(await isThere(client, "/t"), true);
    await done(remove(client, "/t/c"));
    await afterCheck(stage);
    assert.equal(await isThere(client, "/t"), false);
  });
});

test("a TTL survives a restart and runs on from the last write", async () => {
  await inSim(OPTIONS, async (stage) => {
    const client = await stage.connect(LONG);
    await ttl(client, "/t", 3 * CHECK);
    stage.end("kill");
    await stage.sleep(4 * CHECK);
    await stage.revive();
    const again = await stage.connect(LONG);
    assert.equal(await isThere(again, "/t"), true, "nothing is removed before the first check");
    await afterCheck(stage);
    assert.equal(await isThere(again, "/t"), false);
  });
});

test("a wall clock that went back makes TTL nodes live longer, never shorter", async () => {
  await inSim(OPTIONS, async (stage) => {
    const client = await stage.connect(LONG);
    await ttl(client, "/t", 2 * CHECK);
    stage.machine.wallSkewMs -= 5 * CHECK;
    await stage.sleep(5 * CHECK);
    assert.equal(await isThere(client, "/t"), true);
    await stage.sleep(4 * CHECK);
    assert.equal(await isThere(client, "/t"), false);
  });
});

test("plain and ephemeral nodes are never reaped, whatever their age", async () => {
  await inSim({ ...OPTIONS, containerMaxNeverUsedMs: 1 }, async (stage) => {
    const client = await stage.connect(LONG);
    await done(create(client, "/plain"));
    await done(create(client, "/mine", "", 1));
    await done(create(client, "/plain/c"));
    await done(remove(client, "/plain/c"));
    await stage.sleep(10 * CHECK);
    assert.deepEqual(await childrenOf(client, "/"), ["mine", "plain", "zookeeper"]);
  });
});

test("removals keep to their rate [containerMaxPerMinute]", async () => {
  await inSim(
    { ...OPTIONS, containerMaxPerMinute: 60, containerMaxNeverUsedMs: 1 },
    async (stage) => {
      const client = await stage.connect(LONG);
      for (let i = 0; i < 30; i++) await container(client, `/box${i}`);
      const left = async () => (await childrenOf(client, "/")).length - 1;
      while (await left() === 30) await stage.sleep(100);
      const began = stage.nowMs();
      await stage.sleep(10_000);
      const gone = 30 - await left();
      assert.ok(gone >= 9 && gone <= 12, `${gone} in ${stage.nowMs() - began} ms at one a second`);
      await stage.sleep(25_000);
      assert.equal(await left(), 0);
    },
  );
});

test("a container that got a child between check and removal stays [61]", async () => {
  await inSim({ ...OPTIONS, containerMaxPerMinute: 60 }, async (stage) => {
    const client = await stage.connect(LONG);
    for (const name of ["/a", "/b", "/c"]) {
      await container(client, name);
      await done(create(client, `${name}/x`));
      await done(remove(client, `${name}/x`));
    }
    while (
      await isThere(client, "/a") && await isThere(client, "/b") && await isThere(client, "/c")
    ) {
      await stage.sleep(50);
    }
    const rest = (await childrenOf(client, "/")).filter((name) => name !== "zookeeper");
    assert.equal(rest.length, 2, "the others wait for their turn");
    for (const name of rest) await done(create(client, `/${name}/late`));
    await stage.sleep(5000);
    for (const name of rest) assert.equal(await isThere(client, `/${name}/late`), true);
  });
});
