/** Apache's AdminServer, metrics and health over real HTTP (operations §3, §4.1). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PLAIN } from "../admin/apache_metrics.ts";
import { connect } from "../../src/client/index.ts";
import type { File, Fs, Runtime } from "../../src/runtime.ts";
import { json, TOKEN, withDoor } from "./door.ts";

// operations §3.2: primary names, the aliases of each, and the keys that a standalone server answers with.
const COMMANDS: readonly (readonly [names: string, keys: string])[] = [
  [
    "configuration conf config",
    "client_port data_dir data_log_dir tick_time max_client_cnxns min_session_timeout max_session_timeout server_id client_port_listen_backlog",
  ],
  ["connection_stat_reset crst", ""],
  ["connections cons", "connections secure_connections"],
  ["dirs", "datadir_size logdir_size"],
  ["dump", "expiry_time_to_session_ids session_id_to_ephemeral_paths"],
  [
    "environment env envi",
    "zookeeper.version host.name java.version java.vendor java.home java.class.path java.library.path java.io.tmpdir java.compiler os.name os.arch os.version user.name user.home user.dir os.memory.free os.memory.max os.memory.total",
  ],
  ["get_trace_mask gtmk", "tracemask"],
  ["hash", "digests"],
  ["initial_configuration icfg", "initial_configuration"],
  ["is_read_only isro", "read_only"],
  ["last_snapshot lsnp", "zxid timestamp"],
  ["observer_connection_stat_reset orst", ""],
  ["observers obsr", "synced_observers observers"],
  ["ruok", ""],
  ["server_stats srvr", "version read_only server_stats client_response node_count"],
  ["stat_reset srst", ""],
  [
    "stats stat",
    "version read_only server_stats client_response node_count connections secure_connections",
  ],
  ["voting_view", "current_config"],
  ["watch_summary wchs", "num_connections num_paths num_total_watches"],
  ["watches wchc", "session_id_to_watched_paths"],
  ["watches_by_path wchp", "path_to_session_ids"],
  ["zabstate", "voting zabstate"],
];

test("every command of Apache's answers with its keys, under each of its names", async () => {
  await withDoor(async ({ url }) => {
    for (const [names, keys] of COMMANDS) {
      const [primary] = names.split(" ");
      for (const name of names.split(" ")) {
        const response = await fetch(`${url}/commands/${name}`);
        assert.equal(response.status, 200, name);
        assert.match(response.headers.get("content-type") ?? "", /^application\/json/);
        const body = await json(response);
        const expected = [...keys === "" ? [] : keys.split(" "), "command", "error"];
        assert.deepEqual(Object.keys(body), expected, name);
        assert.equal(body["command"], primary);
        assert.equal(body["error"], null);
      }
    }
  });
});

test("monitor has what mntr has, as numbers", async () => {
  await withDoor(async ({ url }) => {
    const body = await json(fetch(`${url}/commands/mntr`));
    for (const name of PLAIN) assert.equal(typeof body[name], "number", name);
    assert.equal(body["server_state"], "standalone");
    assert.equal(body["version"], "3.9.5-test");
  });
});

test("the list of commands is the one that scrapers of Apache's know", async () => {
  await withDoor(async ({ url }) => {
    for (const path of ["/commands", "/commands/"]) {
      const text = await (await fetch(url + path)).text();
      assert.ok(text.startsWith('<a href="/commands/configuration">configuration</a>\n<br/>\n'));
      assert.ok(text.includes('<a href="/commands/restore">restore</a>\n<br/>\n'));
    }
  });
  await withDoor(async ({ url }) => {
    assert.equal((await fetch(`${url}/admin/ruok`)).status, 200);
    assert.equal((await fetch(`${url}/commands/ruok`)).status, 404);
  }, { adminCommandUrl: "/admin" });
});

test("sessions, ephemerals and watches show, ids as whole numbers", async () => {
  await withDoor(async ({ url, server }) => {
    const zk = await connect(`127.0.0.1:${server.address.port}`);
    await zk.create("/e", "x", { mode: "ephemeral" });
    await zk.exists("/w", { watch: () => {} });
    const id = BigInt.asIntN(64, zk.session.id);
    const text = async (name: string) => await (await fetch(`${url}/commands/${name}`)).text();
    assert.ok((await text("dump")).includes(`"${id}" : [ "/e" ]`));
    assert.ok((await text("wchc")).includes(`"${id}" : [ "/w" ]`));
    assert.ok((await text("wchp")).includes(`"/w" : [ ${id} ]`));
    assert.ok((await text("cons")).includes(`"session_id" : ${id}`));
    assert.match(await text("cons"), /"remote_socket_address" : "127\.0\.0\.1:\d+"/);
    const before = await json(fetch(`${url}/commands/srvr`));
    assert.notEqual((before["server_stats"] as { packets_received: number }).packets_received, 0);
    await fetch(`${url}/commands/srst`, { method: "POST" });
    const after = await json(fetch(`${url}/commands/srvr`));
    assert.equal((after["server_stats"] as { packets_received: number }).packets_received, 0);
    await zk.close();
  });
});

test("errors have codes: unknown, wrong method, bad argument, not serving", async () => {
  await withDoor(async ({ url, server }) => {
    const unknown = await fetch(`${url}/commands/nonsense`);
    assert.equal(unknown.status, 404);
    assert.deepEqual(await json(unknown), {
      command: "nonsense",
      error: "Unknown command: nonsense",
    });
    const wrong = await fetch(`${url}/commands/ruok`, { method: "PUT" });
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.get("allow"), "GET, HEAD");
    assert.equal((await fetch(`${url}/commands/restore`)).status, 405);
    const mask = async (query: string) => await fetch(`${url}/commands/stmk${query}`);
    assert.equal((await mask("")).status, 400);
    assert.match(
      String((await json(mask("?traceMask=x")))["error"]),
      /requires long traceMask argument, got x$/,
    );
    assert.equal((await json(mask("?traceMask=7")))["tracemask"], 7);
    assert.equal((await json(fetch(`${url}/commands/gtmk`)))["tracemask"], 7);
    assert.equal((await json(fetch(`${url}/commands/lead`)))["error"], "server is not initialized");
    assert.equal((await fetch(`${url}/health/ready`)).status, 200);
    await server.stop();
    const stopped = await fetch(`${url}/commands/ruok`);
    assert.equal(stopped.status, 503);
    assert.match(String((await json(stopped))["error"]), /not currently serving requests$/);
    assert.equal((await fetch(`${url}/health/ready`)).status, 503);
    assert.equal((await fetch(`${url}/health/leader`)).status, 503);
    assert.equal((await fetch(`${url}/health/live`)).status, 200);
  });
});

test("a snapshot needs credentials with every permission on the root", async () => {
  await withDoor(async ({ url, server }) => {
    const ask = (authorization?: string, query = "") =>
      fetch(
        `${url}/commands/snapshot${query}`,
        authorization === undefined ? {} : { headers: { authorization } },
      );
    const zk = await connect(`127.0.0.1:${server.address.port}`);
    await zk.create("/kept", "in the snapshot");
    assert.equal((await ask()).status, 401);
    assert.equal((await json(ask()))["error"], "Auth info is missing for the command");
    assert.equal((await ask("x509 whoever")).status, 401);
    assert.equal((await ask("digest a:b c")).status, 401);
    const taken = await ask("digest ann:secret");
    assert.equal(taken.status, 200);
    assert.match(taken.headers.get("last_zxid") ?? "", /^0x[0-9a-f]+$/);
    const bytes = new Uint8Array(await taken.arrayBuffer());
    assert.equal(String(bytes.length), taken.headers.get("snapshot_size"));
    assert.equal(String.fromCharCode(...bytes.subarray(0, 4)), "ZKSN");
    assert.ok(new TextDecoder().decode(bytes).includes("in the snapshot"));
    const last = await json(fetch(`${url}/commands/lsnp`));
    assert.equal(`0x${String(last["zxid"])}`, taken.headers.get("last_zxid"));
    const quiet = await ask("digest ann:secret", "?streaming=false");
    assert.deepEqual(await json(quiet), { command: "snapshot", error: null });
    await zk.addAuth("digest", "ann:secret");
    await zk.setAcl("/", [{ perms: 31, scheme: "auth", id: "" }]);
    assert.equal((await ask("digest bob:x")).status, 403);
    assert.equal((await ask("digest ann:secret")).status, 200);
    await zk.close();
  }, { adminRateLimitMs: 0 });
});

test("a snapshot takes Basic, and the credentials of a token, as REST does", async () => {
  await withDoor(async ({ url, server }) => {
    const zk = await connect(`127.0.0.1:${server.address.port}`);
    await zk.addAuth("digest", "ann:secret");
    await zk.setAcl("/", [{ perms: 31, scheme: "auth", id: "" }]);
    await zk.close();
    const ask = async (authorization: string) =>
      (await fetch(`${url}/commands/snapshot?streaming=false`, { headers: { authorization } }))
        .status;
    assert.equal(await ask(`Basic ${btoa("ann:secret")}`), 200);
    assert.equal(await ask(`Basic ${btoa("ann:wrong")}`), 403);
    assert.equal(await ask(`Bearer ${TOKEN}`), 200);
    assert.equal(await ask(`Bearer ${TOKEN}-of-nobody`), 401, "a token without credentials");
    assert.equal(await ask("Foo"), 401);
  }, { adminRateLimitMs: 0, tokens: [`${TOKEN} digest ann:secret`, `${TOKEN}-of-nobody`] });
});

test("snapshots are limited in rate, and can be switched off", async () => {
  const headers = { authorization: "digest a:b" };
  await withDoor(async ({ url }) => {
    assert.equal((await fetch(`${url}/commands/snap`, { headers })).status, 200);
    const second = await fetch(`${url}/commands/snap`, { headers });
    assert.equal(second.status, 429);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    assert.ok(metrics.includes("\nsnapshot_rate_limited_count 1\n"));
  });
  await withDoor(async ({ url }) => {
    assert.equal((await fetch(`${url}/commands/snap`, { headers })).status, 503);
  }, { adminSnapshotEnabled: false });
});

/** Counts the snapshot files that are open for reading. @param read in place of a file's own */
function countSnapshots(
  { fs }: Runtime,
  read?: (file: File, into: Uint8Array, offset: number) => Promise<number>,
): { open: number; opened: number } {
  const count = { open: 0, opened: 0 };
  const open = fs.open.bind(fs);
  (fs as { open: Fs["open"] }).open = async (path, mode) => {
    const file = await open(path, mode);
    if (mode !== "read" || !/\/snapshot\.[0-9a-f]+$/.test(path)) return file;
    count.open++;
    count.opened++;
    return Object.assign(Object.create(file) as File, {
      read: (into: Uint8Array, offset: number) =>
        read === undefined ? file.read(into, offset) : read(file, into, offset),
      close: () => {
        count.open--;
        return file.close();
      },
    });
  };
  return count;
}

const ASK_SNAPSHOT = { headers: { authorization: "digest a:b" } };

test("HEAD of a snapshot opens no file; GET closes its own, also when nobody takes it to the end", async () => {
  await withDoor(async ({ url, server, runtime }) => {
    const files = countSnapshots(runtime);
    const head = await fetch(`${url}/commands/snapshot`, { ...ASK_SNAPSHOT, method: "HEAD" });
    assert.equal(head.status, 200);
    assert.match(head.headers.get("snapshot_size") ?? "", /^[1-9]\d*$/);
    assert.equal(files.opened, 0);

    const zk = await connect(`127.0.0.1:${server.address.port}`);
    for (let n = 0; n < 20; n++) await zk.create(`/large${n}`, new Uint8Array(1_000_000).fill(n));
    const stop = new AbortController();
    const cut = await fetch(`${url}/commands/snapshot`, { ...ASK_SNAPSHOT, signal: stop.signal });
    await cut.body?.getReader().read();
    assert.equal(files.open, 1, "the system's buffers do not take all of it");
    stop.abort();
    for (let turn = 0; files.open > 0; turn++) {
      assert.ok(turn < 10_000, "the file stays open");
      await zk.exists("/");
    }
    const whole = await fetch(`${url}/commands/snapshot`, ASK_SNAPSHOT);
    const { byteLength } = await whole.arrayBuffer();
    assert.equal(String(byteLength), whole.headers.get("snapshot_size"));
    for (let turn = 0; files.open > 0; turn++) { // the reader has all of it before the door knows
      assert.ok(turn < 10_000, "the file stays open");
      await zk.exists("/");
    }
    assert.deepEqual(files, { open: 0, opened: 2 });
    await zk.close();
  }, { adminRateLimitMs: 0 });
});

test("a snapshot that cannot be read to its end is cut off, and its file closed", async () => {
  await withDoor(async ({ url, server, runtime }) => {
    const zk = await connect(`127.0.0.1:${server.address.port}`);
    await zk.create("/large", new Uint8Array(1_000_000));
    await zk.close();
    const files = countSnapshots(runtime, (file, into, offset) => {
      if (offset > 0) throw new Error("The disk is gone");
      return file.read(into, offset);
    });
    await assert.rejects(async () => {
      const answer = await fetch(`${url}/commands/snapshot`, ASK_SNAPSHOT);
      await answer.arrayBuffer();
    });
    assert.deepEqual(files, { open: 0, opened: 1 });
  });
});

test("metrics are on the door, and on a port of their own when the Prometheus provider is asked for", async () => {
  await withDoor(async ({ url, door }) => {
    const response = await fetch(`${url}/metrics`);
    assert.match(response.headers.get("content-type") ?? "", /^text\/plain; ?version=0\.0\.4/);
    assert.ok((await response.text()).includes("\n# TYPE znode_count gauge\nznode_count 5\n"));
    const { port } = door.metricsAddress as { port: number };
    const own = await fetch(`http://127.0.0.1:${port}/metrics`);
    assert.ok((await own.text()).includes("\nznode_count 5\n"));
    assert.equal((await fetch(`http://127.0.0.1:${port}/commands`)).status, 404);
    assert.equal(
      (await fetch(`http://127.0.0.1:${port}/metrics`, { method: "POST" })).status,
      404,
    );
  }, { metricsPortEnabled: true, metricsPort: 0, metricsAddress: "127.0.0.1" });
});

test("NullMetricsProvider: no metrics anywhere, and Apache's statistics of the server go on", async () => {
  await withDoor(async ({ url, server }) => {
    const put = { method: "POST", body: "x", headers: { "content-type": "text/plain" } };
    assert.equal((await fetch(`${url}/v1/nodes/a`, put)).status, 201);
    assert.equal((await fetch(`${url}/v1/nodes/a`)).status, 200);
    const metrics = await fetch(`${url}/metrics`);
    assert.equal(metrics.status, 404);
    assert.match(await metrics.text(), /NullMetricsProvider/);
    const monitor = await (await fetch(`${url}/commands/monitor`)).json() as object;
    assert.deepEqual(Object.keys(monitor).sort(), ["command", "error", "server_state", "version"]);
    const { server_stats: stats } = await (await fetch(`${url}/commands/stats`)).json() as {
      server_stats: Record<string, number>;
    };
    assert.ok((stats["packets_received"] ?? 0) >= 3 && (stats["packets_sent"] ?? 0) >= 3);
    assert.ok(server.view.stats.latencyMs.count >= 2);
    assert.equal(server.view.stats.counters.bytesReceived, 0);
    assert.equal(server.view.stats.summaries.updateMs.count, 0);
  }, { metricsEnabled: false });
});
