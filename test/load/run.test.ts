// The generator against the whole server in this process.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConnectString } from "../../src/client/index.ts";
import { DEFAULT_LOAD, type LoadOptions, type Mix } from "../../src/load/options.ts";
import { formatReport } from "../../src/load/report.ts";
import { type Phase, runLoad } from "../../src/load/run.ts";
import { startServer } from "../../src/testing/index.ts";
import { inSim } from "../support/in_process.ts";
import { hostRuntime } from "../support/runtime.ts";

const host = await hostRuntime();

function load(connectString: string, some: Partial<LoadOptions>): LoadOptions {
  return {
    ...DEFAULT_LOAD,
    servers: parseConnectString(connectString).hosts,
    connections: 3,
    window: 7,
    dataBytes: 100,
    znodes: 50,
    seconds: 0.15,
    warmupSeconds: 0.05,
    ...some,
  };
}

test("every operation is answered as asked, by all connections, and counted", async () => {
  await using zk = await startServer();
  const mixes: Mix[] = [
    { getData: 1 },
    { setData: 1 },
    { exists: 1 },
    { getChildren: 1 },
    { create: 1 },
    { getData: 5, setData: 3, create: 1, exists: 1, getChildren: 1 },
  ];
  for (const mix of mixes) {
    const phases: Phase[] = [];
    const options = load(zk.connectString, { mix, reuse: true });
    const result = await runLoad(host, options, { onPhase: (phase) => phases.push(phase) });
    const { min, max } = result.perConnection;
    assert.ok(min > 0 && max * 3 >= result.replies, JSON.stringify(result));
    assert.ok(Math.abs(result.opsPerSecond * result.seconds - result.replies) < 0.01);
    assert.ok(result.p50Us <= result.p90Us && result.p999Us <= result.maxUs);
    assert.deepEqual(phases, ["fill", "connect", "warmup", "measure", "close"]);
    assert.match(formatReport(options, result), /3 connections x 7 outstanding, 100 bytes/);
  }
  // Sessions are closed, not left to expire.
  assert.equal(zk.view.sessionCount, 0);
});

test("the load leaves nothing behind unless told to, whether it succeeds or fails", async () => {
  await using zk = await startServer();
  await using client = await zk.connect();
  const mix = { getData: 1, create: 1 };
  await runLoad(host, load(zk.connectString, { mix, keep: false }));
  assert.equal(await client.exists("/bench"), undefined);
  const twoServers = `${zk.connectString},127.0.0.1:1`;
  await assert.rejects(
    runLoad(host, load(twoServers, { mix, keep: false })),
    (error) => error instanceof Error && "code" in error && error.code === "REFUSED",
  );
  assert.equal(await client.exists("/bench"), undefined);
  await runLoad(host, load(zk.connectString, { keep: true }));
  assert.equal((await client.getChildren("/bench")).children.length, 50);
});

test("a load that fails while creates are under way removes them too", async () => {
  await using zk = await startServer();
  await using client = await zk.connect();
  const mix = { getData: 1, create: 1 };
  const running = runLoad(host, load(zk.connectString, { mix, seconds: 60, keep: false }), {
    onPhase: (phase) => {
      if (phase === "measure") void client.delete("/bench/z0000001");
    },
  });
  await assert.rejects(running, /NO_NODE: .*the znodes were removed meanwhile/);
  assert.equal(await client.exists("/bench"), undefined);
});

test("a load that is interrupted removes what it made, at whatever it was", async () => {
  await using zk = await startServer();
  await using client = await zk.connect();
  const mix = { getData: 1, create: 1 };
  for (const at of ["fill", "filling", "connect", "warmup", "measure", "close"] as const) {
    let interrupt: () => void = () => {};
    const stop = new Promise<void>((resolve) => interrupt = resolve);
    const znodes = at === "filling" ? 20_000 : 50, seconds = at === "close" ? 0.1 : 60;
    const options = load(zk.connectString, { mix, keep: false, znodes, seconds });
    const phases: string[] = [];
    const running = runLoad(host, options, {
      stop,
      onPhase: (phase) => {
        phases.push(phase);
        if (phase === at) interrupt();
      },
      onFill: () => {
        if (at === "filling") interrupt();
      },
    });
    await assert.rejects(running, { name: "Interrupted", message: "The load was interrupted" });
    const last = at === "filling" ? "fill" : at;
    assert.deepEqual(phases.filter((phase) => phase !== "clear").at(-1), last);
    assert.equal(await client.exists("/bench"), undefined, at);
    assert.equal(zk.view.sessionCount, 1, "its sessions are closed, not left to expire");
  }
});

test("a load that is interrupted leaves what it was to keep", async () => {
  await using zk = await startServer();
  await using client = await zk.connect();
  let interrupt: () => void = () => {};
  const stop = new Promise<void>((resolve) => interrupt = resolve);
  const running = runLoad(host, load(zk.connectString, { keep: true, seconds: 60 }), {
    stop,
    onPhase: (phase) => {
      if (phase === "measure") interrupt();
    },
  });
  await assert.rejects(running, { name: "Interrupted" });
  assert.equal((await client.getChildren("/bench")).children.length, 50);
});

test("an interrupted load does not wait for ever for a server that does not answer, and says what stays", async () => {
  await inSim({ tickMs: 2000 }, async (stage) => {
    const servers = [{ host: stage.host, port: stage.port }];
    let interrupt: () => void = () => {};
    const stop = new Promise<void>((resolve) => interrupt = resolve);
    const options = load("127.0.0.1:1", { servers, keep: false, seconds: 600 });
    const running = runLoad(stage.runtime, options, {
      stop,
      onPhase: (phase) => {
        if (phase !== "measure") return;
        stage.sim.network.partition("clients", "server");
        interrupt();
      },
    });
    const beganMs = stage.nowMs();
    await assert.rejects(running, /interrupted; \/bench stays, for it could not be removed: /);
    assert.ok(stage.nowMs() - beganMs < 60_000);
  });
});

test("a path that is there is refused, and stays as it is", async () => {
  await using zk = await startServer();
  await using client = await zk.connect();
  await client.create("/bench", "theirs");
  await client.create("/bench/z0000001", "too");
  for (const keep of [false, true]) {
    await assert.rejects(
      runLoad(host, load(zk.connectString, { keep, mix: { setData: 1, create: 1 } })),
      /^Error: \/bench is there already.*: choose another path, or.*\(deleteall \/bench in/,
    );
  }
  const text = async (path: string) =>
    new TextDecoder().decode((await client.getData(path)).data ?? undefined);
  assert.equal(await text("/bench"), "theirs");
  assert.equal(await text("/bench/z0000001"), "too");
  assert.deepEqual((await client.getChildren("/bench")).children, ["z0000001"]);
});

test("what somebody makes below the path while the load fills it stays as it is", async () => {
  await using zk = await startServer();
  await using client = await zk.connect();
  let made: Promise<unknown> = Promise.resolve();
  const znodes = 20_000, options = load(zk.connectString, { znodes, keep: false });
  const running = runLoad(host, options, {
    onFill: (count) => {
      if (count < 10_000) made = client.create("/bench/z0019999", "theirs");
    },
  });
  await assert.rejects(running, /\/bench\/z0019999 was made by somebody else/);
  await made;
  assert.deepEqual((await client.getChildren("/bench")).children, ["z0019999"]);
});

test("a load that reuses what is there gives it data of the size asked for, and leaves it", async () => {
  await using zk = await startServer();
  await using client = await zk.connect();
  await runLoad(host, load(zk.connectString, { dataBytes: 10 }));
  const options = { dataBytes: 300, znodes: 60, reuse: true, keep: false };
  await runLoad(host, load(zk.connectString, options));
  assert.equal((await client.getData("/bench/z0000007")).data?.length, 300);
  assert.equal((await client.getChildren("/bench")).children.length, 60);
});

test("connections are spread over the servers in turn", async () => {
  await using one = await startServer();
  await using two = await startServer();
  // Each has its own tree: the second is filled before by a load of its own.
  await runLoad(host, load(two.connectString, {}));
  const both = `${one.connectString},${two.connectString}`;
  let seen: number[] = [];
  await runLoad(host, load(both, { connections: 4, reuse: true }), {
    onPhase: (phase) => {
      if (phase === "measure") seen = [one.view.connectionCount, two.view.connectionCount];
    },
  });
  assert.deepEqual(seen, [2, 2]);
});

test("what the server refuses ends the load with its words", async () => {
  await using zk = await startServer();
  const failing = (some: Partial<LoadOptions>) => runLoad(host, load(zk.connectString, some));
  await assert.rejects(failing({ base: "/no/such/parent" }), /with NO_NODE: the parent/);
  await assert.rejects(
    runLoad(host, load("127.0.0.1:1", {})),
    (error) => error instanceof Error && "code" in error && error.code === "REFUSED",
  );
});

test("a server that goes away ends the load", async () => {
  const zk = await startServer();
  const running = runLoad(host, load(zk.connectString, { seconds: 60 }), {
    onPhase: (phase) => {
      if (phase === "measure") void zk.stop();
    },
  });
  await assert.rejects(running, /closed a connection/);
});
