// What happens at the memory's limit: growth is refused before the system ends the process, and goes on when there is room.
import assert from "node:assert/strict";
import { test } from "node:test";
import { prometheusText } from "../../src/admin/prometheus.ts";
import { Op } from "../../src/protocol/ops.ts";
import type { Runtime } from "../../src/runtime.ts";
import type { TestClient } from "../support/client.ts";
import { inSim, type SimStage } from "../support/in_process.ts";
import {
  codeOf,
  create,
  createBody,
  done,
  multiBody,
  pathVersion,
  remove,
  setData,
  textAt,
} from "../support/requests.ts";

const MIB = 1024 * 1024;
const LIMIT_MIB = 100;

class Memory {
  residentMib = 50;
  heapUsedMib = 5;
  looks = 0;

  beside(runtime: Runtime): Runtime {
    const memory = () => {
      this.looks++;
      return {
        residentBytes: this.residentMib * MIB,
        heapUsedBytes: this.heapUsedMib * MIB,
        heapMaxBytes: 64 * MIB,
        systemBytes: 200 * MIB,
      };
    };
    return { ...runtime, process: { ...runtime.process, memory } };
  }
}

/** A server that believes `memory`. */
function withMemory(
  memoryLimitMib: number | undefined,
  body: (stage: SimStage, memory: Memory, client: TestClient) => Promise<void>,
): Promise<void> {
  return inSim({}, async (stage) => {
    const memory = new Memory();
    stage.serverRuntime = memory.beside(stage.serverRuntime);
    await stage.restart({ memoryLimitMib });
    await body(stage, memory, await stage.connect({ timeoutMs: 60_000 }));
  });
}

function refusals(stage: SimStage): number {
  return stage.server.view.stats.counters.memoryRefusals;
}

/** The guard looks at the memory again after 16 MiB of growth. */
async function grow(client: TestClient, mib: number): Promise<void> {
  for (let i = 0; i < mib * 2; i++) {
    await done(setData(client, "/large", ""));
    await done(setData(client, "/large", "x".repeat(MIB / 2)));
  }
}

test("beyond the limit creates and larger data are refused, and nothing else is", async () => {
  await withMemory(LIMIT_MIB, async (stage, memory, client) => {
    await done(create(client, "/a", "data"));
    await done(create(client, "/large"));
    memory.residentMib = LIMIT_MIB + 1;
    await grow(client, 15);
    assert.equal(refusals(stage), 0);
    await assert.rejects(grow(client, 2), /THROTTLED_OP/);
    assert.equal(await codeOf(create(client, "/b")), "THROTTLED_OP");
    assert.equal(await codeOf(setData(client, "/a", "data that is longer")), "THROTTLED_OP");
    const multi = multiBody([
      [Op.delete, pathVersion("/a")],
      [Op.create, createBody("/c")],
    ]);
    await client.send(Op.multi, multi);
    assert.equal(await textAt(client, "/a"), "data");
    assert.ok(refusals(stage) >= 4);
    // What makes nothing larger goes on: reads, other data, deletes, sessions.
    await done(setData(client, "/a", "tiny"));
    assert.equal(await textAt(client, "/a"), "tiny");
    const other = await stage.connect();
    await done(remove(other, "/a"));
    assert.equal(stage.errors().length, 1);
    assert.match(stage.errors()[0]?.message ?? "", /^Out of memory: creates and larger data/);
  });
});

test("a server is loaded again though it is beyond the limit, and refuses from the first create", async () => {
  await withMemory(LIMIT_MIB, async (stage, memory, client) => {
    await done(create(client, "/a", "data"));
    memory.residentMib = LIMIT_MIB + 1;
    await stage.restart();
    const again = await stage.connect();
    assert.equal(await textAt(again, "/a"), "data");
    assert.equal(await codeOf(create(again, "/b")), "THROTTLED_OP");
    memory.residentMib = 10;
    assert.equal(
      await codeOf(create(again, "/b")),
      "THROTTLED_OP",
      "not looked at at each request",
    );
    await stage.sleep(100);
    await done(create(again, "/b"));
    assert.deepEqual(
      stage.lines.filter(({ message }) => /memory/i.test(message)).map(({ level }) => level),
      ["error", "info"],
    );
  });
});

test("room that deleted znodes left counts as free, though the system does not get it back", async () => {
  await withMemory(LIMIT_MIB, async (stage, memory, client) => {
    const paths = Array.from({ length: 8 }, (_, i) => `/a${i}`);
    for (const path of paths) await done(create(client, path, "x".repeat(900_000)));
    memory.residentMib = LIMIT_MIB + 4;
    await done(create(client, "/large"));
    await assert.rejects(grow(client, 17), /THROTTLED_OP/);
    for (const path of paths) await done(remove(client, path));
    await stage.sleep(100);
    await done(create(client, "/b", "y".repeat(MIB / 2)));
  });
});

test("the engine's own heap has a limit too", async () => {
  await withMemory(LIMIT_MIB, async (_stage, memory, client) => {
    memory.heapUsedMib = 61;
    assert.equal(await codeOf(create(client, "/a")), "THROTTLED_OP");
  });
});

test("near the limit there is a warning, once", async () => {
  await withMemory(LIMIT_MIB, async (stage, memory, client) => {
    memory.residentMib = 0.95 * LIMIT_MIB;
    await done(create(client, "/large"));
    await grow(client, 17);
    const lines = stage.lines.filter(({ message }) =>
      message.startsWith("Memory is nearly used up")
    );
    assert.equal(lines.length, 1);
    assert.equal(refusals(stage), 0);
    assert.ok(memory.looks <= 2, `${memory.looks} looks`);
  });
});

test("without a setting the limit is a share of what the system allows; 0 is none", async () => {
  await withMemory(undefined, async (stage, memory, client) => {
    assert.equal(stage.server.view.stats.memoryLimitBytes, 180 * MIB);
    memory.residentMib = 180;
    assert.equal(await codeOf(create(client, "/a")), "THROTTLED_OP");
  });
  await withMemory(0, async (_stage, memory, client) => {
    memory.residentMib = 1000;
    await done(create(client, "/a"));
    assert.equal(memory.looks, 0);
  });
});

test("the metrics show limit, use and refusals", async () => {
  await withMemory(LIMIT_MIB, async (stage, memory, client) => {
    memory.residentMib = 123;
    await codeOf(create(client, "/a"));
    const page = prometheusText(stage.server.view, stage.serverRuntime, "1");
    assert.match(page, new RegExp(`^menagerie_memory_limit_bytes ${LIMIT_MIB * MIB}$`, "m"));
    assert.match(page, new RegExp(`^menagerie_memory_used_bytes ${123 * MIB}$`, "m"));
    assert.match(page, /^menagerie_memory_refusals 1$/m);
  });
});
