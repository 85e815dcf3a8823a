/** What one client asks for may make a txn, or its ids, longer than servers take from each other: nobody else is hurt. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Op } from "../../../src/protocol/ops.ts";
import type { ServerOptions } from "../../../src/server/options.ts";
import type { TestClient } from "../../support/client.ts";
import {
  authBody,
  childrenOf,
  codeOf,
  create,
  createBody,
  done,
  multiBody,
  setAclBody,
  setData,
} from "../../support/requests.ts";
import { inSimEnsemble, type SimEnsemble } from "./support.ts";

const AUTH = { perms: 31, scheme: "auth", id: "" };
const LISTS = [1, 3, 7, 31].map((perms) => ({ ...AUTH, perms }));

/** The body at a client of the leader and at one of a follower, and that nobody leaves meanwhile. */
async function atEach(
  body: (ensemble: SimEnsemble, client: TestClient, base: string) => Promise<void>,
  options: Partial<ServerOptions> = {},
): Promise<void> {
  await inSimEnsemble({ voters: 3, options }, async (ensemble) => {
    await ensemble.start();
    const leader = await ensemble.serve();
    for (const sid of [leader, leader === 1 ? 2 : 1]) {
      const client = await ensemble.connect(sid), base = `/at${sid}`;
      await done(create(client, base));
      await body(ensemble, client, base);
    }
    const left = ensemble.lines.filter(({ message }) =>
      message === "Learner is gone" || message === "Leaving the role"
    );
    assert.deepEqual(left, []);
  });
}

test("a write that would become too long by its caller's ids is refused, and all go on", () =>
  atEach(async (_, client, base) => {
    await done(client.send(Op.auth, authBody("digest", `${"u".repeat(800_000)}:p`)));
    const large = createBody(`${base}/large`, "", 0, LISTS);
    const codes = [
      await codeOf(client.send(Op.create, large)),
      await codeOf(client.send(Op.setAcl, setAclBody(base, LISTS))),
      await codeOf(client.send(Op.multi, multiBody([[Op.create, large]]))),
    ];
    assert.deepEqual(codes, ["MARSHALLING_ERROR", "MARSHALLING_ERROR", "MARSHALLING_ERROR"]);
    assert.deepEqual(await childrenOf(client, base), []);
    await done(create(client, `${base}/small`, "", 0, LISTS.slice(0, 2)));
  }));

test("a session with more ephemerals than a txn can list ends, and takes all of them with it", () =>
  atEach(async (ensemble, client, base) => {
    for (const letter of ["a", "b", "c", "d"]) {
      await done(create(client, `${base}/${letter.repeat(900_000)}`, "", 1));
    }
    await done(client.send(Op.closeSession));
    const other = await ensemble.connect(3);
    await done(other.send(Op.sync, new Uint8Array([0, 0, 0, 1, 0x2f])));
    assert.deepEqual(await childrenOf(other, base), []);
  }));

test("ids that a leader would not take are refused where they are proved", () =>
  atEach(async (_, client, base) => {
    const name = "語".repeat(250_000);
    await done(client.send(Op.auth, authBody("digest", `${name}:p`)));
    await done(create(client, `${base}/with`));
    const more = client.send(Op.auth, authBody("digest", `${name}x:p`));
    assert.equal(await codeOf(more), "AUTH_FAILED");
  }));

test("without room for txns to grow the longest requests are refused or taken, and all go on", () =>
  atEach(async (_, client, base) => {
    await done(create(client, `${base}/n`));
    const codes = new Set<string>();
    for (let length = 9900; length <= 10_000; length++) {
      const reply = setData(client, `${base}/n`, "x".repeat(length));
      codes.add(await codeOf(reply).catch(() => "GONE"));
      if (codes.has("GONE")) break; // longer than a request may be
    }
    assert.deepEqual([...codes], ["OK", "MARSHALLING_ERROR", "GONE"]);
  }, { juteMaxBufferBytes: 10_000, juteExtraBytes: 0 }));
