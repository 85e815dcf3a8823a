// A session that goes from a server of one kind to one of the other, and takes its ephemerals and watches with it.
import assert from "node:assert/strict";
import { Op } from "../../src/protocol/ops.ts";
import { SetWatches } from "../../src/protocol/records.ts";
import { type HandshakeOptions, TestClient } from "../support/client.ts";
import {
  codeOf,
  create,
  done,
  exists,
  getData,
  pathOnly,
  setData,
  statAt,
} from "../support/requests.ts";
import { hostRuntime } from "../support/runtime.ts";
import type { Scene } from "./scene.ts";

const DATA_CHANGED = 3;

async function open(
  scene: Scene,
  sid: number,
  options: HandshakeOptions = {},
): Promise<TestClient> {
  const { clientPort } = scene.ensemble.server(sid);
  const untilMs = Date.now() + 20_000;
  for (;;) {
    const client = await TestClient.open(await hostRuntime(), clientPort);
    const answer = await client.handshake({ timeoutMs: 20_000, ...options });
    if (answer !== undefined && answer.timeoutMs > 0) return client;
    // It has not what the client saw elsewhere yet, or has just come back.
    assert.ok(Date.now() < untilMs, `server ${sid} takes the session`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** From one server to the other while a watched node changes; then a change that the new server tells of by itself. */
export async function moveSession(scene: Scene, from: number, to: number): Promise<void> {
  const top = `/moves-${from}-${to}`;
  const first = await open(scene, from), other = await open(scene, to);
  await done(create(first, top));
  await done(create(first, `${top}/e`, "", 1));
  for (const name of ["changed", "kept"]) {
    await done(create(first, `${top}/${name}`));
    await done(getData(first, `${top}/${name}`, true));
  }
  const seen = first.replies.at(-1)?.zxid ?? 0, { session } = first;
  assert.ok(session !== undefined);
  first.cut();
  await done(other.send(Op.sync, pathOnly("/")));
  await done(setData(other, `${top}/changed`, "meanwhile"));

  const { sessionId, password } = session;
  const moved = await open(scene, to, { sessionId, password, lastZxidSeen: seen });
  assert.equal(moved.session?.sessionId, sessionId);
  const watches = { existWatches: [], childWatches: [] };
  await done(moved.record(Op.setWatches, SetWatches, {
    relativeZxid: seen,
    dataWatches: [`${top}/changed`, `${top}/kept`],
    ...watches,
  }));
  await moved.eventsReached(1);
  await done(setData(other, `${top}/kept`, "later"));
  await moved.eventsReached(2);
  assert.deepEqual(
    moved.events.map(({ type, path }) => [type, path]),
    [[DATA_CHANGED, `${top}/changed`], [DATA_CHANGED, `${top}/kept`]],
  );
  assert.equal((await statAt(moved, `${top}/e`)).ephemeralOwner, sessionId);
  await done(moved.send(Op.closeSession));
  assert.equal(await codeOf(exists(other, `${top}/e`)), "NO_NODE");
  await done(other.send(Op.closeSession));
}
