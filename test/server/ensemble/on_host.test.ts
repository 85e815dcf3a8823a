// An ensemble on the host's own sockets and files, its servers in one process.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { TestClient } from "../../support/client.ts";
import { freePort } from "../../support/ports.ts";
import { create, done, pathOnly, setData, textAt } from "../../support/requests.ts";
import { hostRuntime } from "../../support/runtime.ts";
import { Op } from "../../../src/protocol/ops.ts";
import type { Runtime } from "../../../src/runtime.ts";
import {
  EnsembleServer,
  type EnsembleSetup,
  type LogLine,
  membersOf,
  optionsOf,
  storyOf,
} from "./support.ts";

interface Stage {
  readonly runtime: Runtime;
  readonly servers: EnsembleServer[];
  start(...sids: number[]): Promise<void>;
  /** The leader's sid, once all that run serve. */
  serve(): Promise<number>;
  connect(sid: number): Promise<TestClient>;
}

async function onHost(setup: EnsembleSetup, body: (stage: Stage) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "menagerie-ensemble-"));
  const runtime = await hostRuntime(), lines: LogLine[] = [];
  const places: { host: string; quorumPort: number; electionPort: number }[] = [];
  for (let i = 0; i < setup.voters + (setup.observers ?? 0); i++) {
    places.push({
      host: "127.0.0.1",
      quorumPort: await freePort(),
      electionPort: await freePort(),
    });
  }
  const members = membersOf(setup, (sid) => places[sid - 1] as (typeof places)[0]);
  const servers = members.map(({ sid }) => {
    const dataDir = join(folder, String(sid));
    const own = { clientPort: 0, clientPortAddress: "127.0.0.1", dataDir, dataLogDir: dataDir };
    const options = { ...optionsOf(setup, sid, members), ...own };
    return new EnsembleServer(sid, "127.0.0.1", options, lines);
  });
  const until = async (reached: () => boolean): Promise<void> => {
    const deadline = Date.now() + 60_000;
    while (!reached()) {
      if (Date.now() > deadline) throw new Error("not reached");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const stage: Stage = {
    runtime,
    servers,
    start: async (...sids) => {
      await Promise.all(sids.map((sid) => (servers[sid - 1] as EnsembleServer).start(runtime)));
    },
    serve: async () => {
      const running = () => servers.filter((server) => server.running !== undefined);
      const leaders = () => running().filter(({ mode }) => mode === "leader");
      await until(() => leaders().length === 1 && running().every(({ mode }) => mode !== "none"));
      return (leaders()[0] as EnsembleServer).sid;
    },
    connect: async (sid) => {
      const { running } = servers[sid - 1] as EnsembleServer;
      const client = await TestClient.open(runtime, running?.address.port ?? 0);
      await client.handshake();
      return client;
    },
  };
  try {
    await body(stage);
    assert.deepEqual(lines.filter(({ level }) => level === "error"), []);
  } catch (error) {
    if (error instanceof Error) error.message += `\n${storyOf(lines)}`;
    throw error;
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

test("three servers on loopback: writes everywhere, the leader stops, one comes back", async () => {
  await onHost({ voters: 3, observers: 1 }, async (stage) => {
    await stage.start(1, 2, 3, 4);
    const leader = await stage.serve();
    const clients = await Promise.all([1, 2, 3, 4].map((sid) => stage.connect(sid)));
    for (const [index, client] of clients.entries()) await done(create(client, `/n${index}`));
    const writes = clients.flatMap((client, index) =>
      Array.from({ length: 500 }, (_, i) => done(setData(client, `/n${index}`, String(i))))
    );
    await Promise.all(writes);
    await (stage.servers[leader - 1] as EnsembleServer).stop();
    const next = await stage.serve();
    assert.notEqual(next, leader);
    const client = await stage.connect(next);
    await done(create(client, "/later", "1"));
    await stage.start(leader);
    await stage.serve();
    for (const sid of [1, 2, 3, 4]) {
      const one = await stage.connect(sid);
      await done(one.send(Op.sync, pathOnly("/")));
      assert.equal(await textAt(one, "/later"), "1");
      for (const index of [0, 1, 2, 3]) assert.equal(await textAt(one, `/n${index}`), "499");
      one.cut();
    }
  });
});

test("a large value, and many of them, go through every server", async () => {
  await onHost({ voters: 3 }, async (stage) => {
    await stage.start(1, 2, 3);
    await stage.serve();
    const value = new Uint8Array(1_000_000).fill(7);
    for (const sid of [1, 2, 3]) {
      const client = await stage.connect(sid);
      await Promise.all(
        Array.from({ length: 8 }, (_, i) => done(create(client, `/v${sid}-${i}`, value))),
      );
    }
    for (const sid of [1, 2, 3]) {
      const client = await stage.connect(sid);
      await done(client.send(Op.sync, pathOnly("/")));
      for (const other of [1, 2, 3]) {
        assert.equal((await textAt(client, `/v${other}-7`)).length, value.length);
      }
    }
  });
});
