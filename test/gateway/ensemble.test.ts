/** The door of every member of an ensemble: leader, follower and observer (operations §3.2, §4.2). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { json } from "./door.ts";
import { type Place, withEnsemble } from "./members.ts";

test("every member's door tells its place in the ensemble", async () => {
  await withEnsemble(async ({ leader, follower, observer }) => {
    const ask = (place: Place, name: string) => json(fetch(`${place.url}/commands/${name}`));
    for (const place of [leader, follower, observer]) {
      assert.deepEqual(await ask(place, "leader"), {
        is_leader: place === leader,
        leader_id: leader.sid,
        leader_ip: "127.0.0.1",
        command: "leader",
        error: null,
      });
      const state = await ask(place, "zabstate");
      assert.deepEqual(
        [state["myid"], state["is_leader"], state["voting"], state["zabstate"]],
        [place.sid, place === leader, place !== observer, "broadcast"],
      );
      assert.equal(state["client_address"], `127.0.0.1:${place.server.address.port}`);
      const { current_config } = await ask(place, "voting_view") as { current_config: object };
      assert.deepEqual(Object.keys(current_config), ["1", "2"]);
      const monitor = await ask(place, "monitor");
      assert.equal(monitor["server_state"], place.server.view.mode);
      assert.equal(monitor["synced_observers"], place === leader ? 1 : undefined);
      const stats = await ask(place, "srvr");
      assert.equal("proposal_stats" in stats, place === leader);
    }
    const { observers } = await ask(leader, "observers") as { observers: { sid: number }[] };
    assert.deepEqual(observers.map(({ sid }) => sid), [3]);
    assert.deepEqual((await ask(follower, "observers"))["observers"], []);
  });
});

test("health and metrics: all are ready, one leads; a restore is refused; alone nobody is ready", async () => {
  await withEnsemble(async ({ leader, follower, observer }) => {
    const status = async (place: Place, path: string) => (await fetch(place.url + path)).status;
    for (const place of [leader, follower, observer]) {
      assert.equal(await status(place, "/health/live"), 200);
      assert.equal(await status(place, "/health/ready"), 200);
      assert.equal(await status(place, "/health/leader"), place === leader ? 200 : 503);
      const metrics = await (await fetch(`${place.url}/metrics`)).text();
      for (const name of ["quorum_size", "znode_count", "election_time_count"]) {
        assert.match(metrics, new RegExp(`^${name} \\d`, "m"), `${name} of ${place.sid}`);
      }
      const only = ["synced_followers", "synced_observers", "learners", "pending_syncs"];
      for (const name of only) {
        assert.equal(new RegExp(`^${name} \\d`, "m").test(metrics), place === leader, name);
      }
      const restore = await fetch(`${place.url}/commands/restore`, {
        method: "POST",
        headers: { authorization: "digest a:b" },
        body: "x",
      });
      assert.equal(restore.status, 409);
    }
    await follower.server.stop();
    while (leader.server.view.serving || observer.server.view.serving) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    for (const place of [leader, observer]) {
      assert.equal(await status(place, "/health/live"), 200);
      assert.equal(await status(place, "/health/ready"), 503);
      assert.equal(await status(place, "/health/leader"), 503);
      assert.equal(await status(place, "/commands/ruok"), 503);
      assert.equal(await status(place, "/v1/nodes/"), 503);
    }
  });
});

test("REST writes through follower and observer are everybody's; watches and sessions too", async () => {
  await withEnsemble(async ({ leader, follower, observer }) => {
    const post = (place: Place, path: string, body: string, headers = {}) =>
      fetch(`${place.url}/v1/nodes${path}`, { method: "POST", body, headers });
    const events = await fetch(`${leader.url}/v1/events/a?mode=recursive`);
    const reader = (events.body as ReadableStream<Uint8Array>).getReader();
    let heard = "";
    const until = async (text: string): Promise<void> => {
      while (!heard.includes(text)) {
        const { value, done } = await reader.read();
        assert.equal(done, false, heard);
        heard += new TextDecoder().decode(value);
      }
    };
    await until("event: open");
    assert.equal((await post(follower, "/a", "by the follower")).status, 201);
    assert.equal((await post(observer, "/a/b", "by the observer")).status, 201);
    await until('"path":"/a/b"');
    for (const place of [leader, follower, observer]) {
      assert.equal((await fetch(`${place.url}/v1/sync`, { method: "POST" })).status, 200);
      const headers = { accept: "application/octet-stream" };
      const read = async (path: string) =>
        await (await fetch(`${place.url}/v1/nodes${path}`, { headers })).text();
      assert.equal(await read("/a"), "by the follower");
      assert.equal(await read("/a/b"), "by the observer");
    }
    const opened = await json(fetch(`${observer.url}/v1/sessions`, { method: "POST" }));
    const session = { "zk-session": String(opened["session"]) };
    assert.equal((await post(observer, "/a/mine?mode=ephemeral", "", session)).status, 201);
    await until('"path":"/a/mine"');
    const url = `${observer.url}/v1/sessions/${String(opened["session"])}`;
    assert.equal((await fetch(url, { method: "DELETE" })).status, 204);
    await until("event: deleted");
    const stale = await fetch(`${follower.url}/v1/nodes/a`, {
      method: "PUT",
      body: "x",
      headers: { "if-match": '"7"' },
    });
    assert.equal(stale.status, 412);
    await reader.cancel();
  });
});
