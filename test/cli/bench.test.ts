// `menagerie bench`, as a user runs it, against a server elsewhere.
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { connect } from "../../src/client/index.ts";
import { freePort } from "../support/ports.ts";
import { startServer } from "../support/server.ts";
import { runCommand, startServerCommand, untilWritten } from "./cli.ts";

const SHORT = ["--znodes", "20", "--size", "50", "--duration", "0.2", "--warmup", "0.1"];

test("a load is reported in words and in JSON, below a chroot, and leaves nothing", async () => {
  const server = await startServer({ config: ["tickTime=2000", "admin.enableServer=false"] });
  try {
    const address = `127.0.0.1:${server.port}`;
    await using client = await connect(address);
    await client.create("/app", "");
    const flags = ["--connect", `${address}/app`, "--mix", "getData=3,create=1", ...SHORT];
    const text = await runCommand(["bench", ...flags, "--connections", "2", "--window", "5"]);
    assert.equal(text.code, 0, text.stderr);
    const [title, rate, latency, fairness] = text.stdout.split("\n");
    assert.match(
      title ?? "",
      /^getData=3,create=1: 2 connections x 5 outstanding, 50 bytes, 20 znodes/,
    );
    assert.match(rate ?? "", /^[1-9]\d* operations a second$/);
    assert.match(latency ?? "", /^latency p50 [\d.]+ (us|ms), p90 .*, p99 .*, p99\.9 .*, max /);
    assert.match(fairness ?? "", /^requests per connection: min [1-9]\d*, p10 /);
    assert.match(text.stderr, /making 20 znodes below \/app\/bench\n.*\n.*\n.*\n.*\nremoving/);
    assert.deepEqual((await client.getChildren("/app")).children, []);

    const json = await runCommand(["bench", ...flags, "--json", "--keep", "--path", "/kept"]);
    assert.deepEqual([json.code, json.stderr], [0, ""]);
    const record = JSON.parse(json.stdout) as Record<string, unknown>;
    assert.equal(record["mix"], "getData=3,create=1");
    assert.equal(record["connections"], 10);
    assert.ok((record["replies"] as number) > 0 && (record["opsPerSecond"] as number) > 0);
    assert.ok((await client.getChildren("/app/kept")).children.length > 20);
  } finally {
    await server.stop();
  }
});

test("wrong use is told in one line, and so is a server that is not there", async () => {
  for (
    const [flags, words] of [
      [["--mix", "fly"], /Cannot use --mix: "fly" is no share of a mix/],
      [["--connect", "a:no-port"], /Cannot use --connect: .*a port is 1 to 65535/],
      [["--window", "0"], /Cannot use --window "0": expected a whole number from 1 to 100000/],
      [["--duration", "soon"], /Cannot use --duration "soon": expected a number from 0\.1/],
      [["--path", "bench"], /Cannot use --path "bench": a path starts with "\/"/],
      [["--path", "/"], /Cannot use --path "\/": the root cannot be removed/],
      [["--wnidow", "1"], /did you mean "--window"/],
    ] as const
  ) {
    const { code, stderr, stdout } = await runCommand(["bench", ...flags]);
    assert.deepEqual([code, stdout, stderr.trim().split("\n").length], [2, "", 1], stderr);
    assert.match(stderr, words);
  }
  const port = await freePort();
  const { code, stderr } = await runCommand(["bench", "--connect", `127.0.0.1:${port}`, "--json"]);
  assert.equal(code, 1);
  assert.match(stderr, /^menagerie: The load failed: .*\n$/);
});

test("a --path that is there is refused, and nothing of it is changed", async () => {
  const server = await startServer({ config: ["tickTime=2000", "admin.enableServer=false"] });
  try {
    const address = `127.0.0.1:${server.port}`;
    await using client = await connect(address);
    await client.create("/prod", "");
    await client.create("/prod/z0000001", "theirs");
    const flags = ["--connect", address, "--path", "/prod", "--mix", "setData", ...SHORT];
    const { code, stdout, stderr } = await runCommand(["bench", ...flags, "--json"]);
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(
      stderr,
      /^menagerie: The load failed: \/prod is there already.*another path.*deleteall \/prod .*\n$/,
    );
    const { data, stat } = await client.getData("/prod/z0000001");
    assert.deepEqual([new TextDecoder().decode(data ?? undefined), stat.version], ["theirs", 0]);
    assert.deepEqual((await client.getChildren("/prod")).children, ["z0000001"]);
  } finally {
    await server.stop();
  }
});

for (
  const [signal, code, znodes, phase] of [
    ["SIGINT", 130, "1000000", / {2}\d+ of 1000000\n/],
    ["SIGTERM", 143, "1000", /measuring for 600 s\n/],
  ] as const
) {
  test(`a load of ${znodes} znodes that gets ${signal} ends, says so, and removes them`, async () => {
    const server = await startServer({ config: ["tickTime=2000", "admin.enableServer=false"] });
    try {
      const address = `127.0.0.1:${server.port}`;
      await using client = await connect(address);
      const flags = ["--connect", address, "--znodes", znodes, "--size", "10", "--warmup", "0"];
      const bench = startServerCommand(
        ["bench", ...flags, "--mix", "getData,create", "--duration", "600"],
      );
      await untilWritten(bench, phase);
      process.kill(bench.pid, signal);
      process.kill(bench.pid, signal); // as from the terminal, and passed on by npm
      assert.equal(await bench.ended, code, bench.log());
      assert.match(bench.log(), new RegExp(`menagerie: ${signal}: the load ends, and its znodes`));
      assert.match(bench.log(), /removing the znodes\nmenagerie: The load was interrupted\n$/);
      assert.equal(await client.exists("/bench"), undefined);
    } finally {
      await server.stop();
    }
  });
}

test("what the servers refuse is told with what to do about it", async () => {
  const config = ["tickTime=2000", "admin.enableServer=false", "maxClientCnxns=3"];
  const server = await startServer({ config });
  try {
    const flags = ["bench", "--connect", `127.0.0.1:${server.port}`, ...SHORT];
    const many = await runCommand([...flags, "--connections", "10", "--json"]);
    assert.equal(many.code, 1);
    assert.match(
      many.stderr,
      /^menagerie: The load failed: .* maxClientCnxns from one address.*\n$/,
    );
    await using client = await connect(`127.0.0.1:${server.port}`);
    assert.equal(
      await client.exists("/bench"),
      undefined,
      "so that the next one finds the path free",
    );
    const orphan = await runCommand([...flags, "--path", "/no/such", "--json"]);
    assert.equal(orphan.code, 1);
    assert.match(
      orphan.stderr,
      /^menagerie: The load failed: .*NO_NODE: the parent of the path.*\n$/,
    );
  } finally {
    await server.stop();
  }
});
