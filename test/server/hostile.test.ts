/** Bytes that no client should send (issue 2, 10): the connection ends with a logged reason, no other notices. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Prng } from "../../src/base/random.ts";
import { Writer } from "../../src/jute/writer.ts";
import { Op } from "../../src/protocol/ops.ts";
import { concat, connectFrame, requestFrame, TestClient } from "../support/client.ts";
import { inSim, onHost, type Stage } from "../support/in_process.ts";
import {
  authBody,
  codeOf,
  create,
  createBody,
  done,
  getData,
  multiBody,
  pathWatch,
  ping,
  setDataBody,
  textAt,
} from "../support/requests.ts";

/** A client that works all the while, and must notice nothing. */
class Bystander {
  readonly client: TestClient;
  readonly #ended: Promise<void>;
  #isOn = true;
  rounds = 0;

  static async beside(stage: Stage): Promise<Bystander> {
    const client = await stage.connect({ timeoutMs: 60_000 });
    await done(create(client, "/bystander", "0"));
    return new Bystander(client, stage);
  }
  private constructor(client: TestClient, stage: Stage) {
    this.client = client;
    this.#ended = this.#run(stage);
  }
  async #run(stage: Stage): Promise<void> {
    for (; this.#isOn; this.rounds++) {
      const value = `${this.rounds}`;
      await done(this.client.send(Op.setData, setDataBody("/bystander", value)));
      assert.equal(await textAt(this.client, "/bystander"), value);
      await stage.sleep(1);
    }
  }
  async stop(): Promise<void> {
    this.#isOn = false;
    await this.#ended;
    assert.equal(this.client.isGone, false);
    assert.ok(this.rounds > 0);
  }
}

async function beside(stage: Stage, work: () => Promise<void>): Promise<void> {
  const bystander = await Bystander.beside(stage);
  await work();
  await bystander.stop();
  assert.deepEqual(stage.errors(), [], "no bug of ours");
}

function int32(value: number): Uint8Array {
  const w = new Writer(4);
  w.int32(value);
  return w.written();
}

const BAD_LENGTHS = [-1, -2, -0x8000_0000, 0x7fff_ffff, 0x10_0000, 0x00ff_ffff];

test("negative and huge lengths close the connection at once, before and after the handshake", async () => {
  await inSim({}, (stage) =>
    beside(stage, async () => {
      for (const length of BAD_LENGTHS) {
        const fresh = await stage.open();
        fresh.raw(int32(length));
        await fresh.gone;
        const client = await stage.connect();
        client.raw(int32(length));
        await client.gone;
      }
      const reasons = stage.closeReasons().filter((reason) => reason === "Length out of range");
      assert.equal(reasons.length, 2 * BAD_LENGTHS.length);
    }));
});

test("a length that is claimed and not sent takes no memory, and the handshake's time limit ends it", async () => {
  await inSim({ sessionlessTimeoutMs: 5000 }, (stage) =>
    beside(stage, async () => {
      const fresh = await stage.open();
      const began = stage.nowMs();
      fresh.raw(concat(int32(0xfffff), new Uint8Array(10)));
      await fresh.gone;
      assert.ok(stage.nowMs() - began < 11_000);
      assert.ok(stage.closeReasons().includes("No session within the time allowed"));
    }));
});

test("frames too short for a header, and frames of nothing, close the connection", async () => {
  await inSim({}, (stage) =>
    beside(stage, async () => {
      for (let length = 0; length < 8; length++) {
        const client = await stage.connect();
        const good = getData(client, "/bystander");
        client.raw(concat(int32(length), new Uint8Array(length)));
        assert.equal(await codeOf(good), "OK", "what came before is answered");
        await client.gone;
      }
    }));
});

test("connect requests cut at every byte are refused without an answer", async () => {
  await inSim({}, (stage) =>
    beside(stage, async () => {
      const whole = connectFrame().subarray(4);
      for (let end = 0; end < whole.length - 1; end++) {
        const fresh = await stage.open();
        fresh.raw(concat(int32(end), whole.subarray(0, end)));
        assert.equal(await fresh.expectHandshake(), undefined, `cut at ${end}`);
      }
    }));
});

test("requests of every operation, cut at every byte, get an answer or nothing, never another's", async () => {
  const bodies: readonly (readonly [number, Uint8Array])[] = [
    [Op.create, createBody("/x", "data")],
    [Op.setData, setDataBody("/x", "data")],
    [Op.getData, pathWatch("/bystander", true)],
    [Op.getChildren2, pathWatch("/bystander", true)],
    [Op.multi, multiBody([[Op.create, createBody("/x")], [Op.setData, setDataBody("/x", "y")]])],
    [Op.multiRead, multiBody([[Op.getData, pathWatch("/bystander")]])],
    [
      Op.setWatches,
      concat(new Uint8Array(8), int32(1), int32(2), Uint8Array.of(0x2f, 0x61), int32(0), int32(0)),
    ],
    [Op.addWatch, concat(int32(2), Uint8Array.of(0x2f, 0x61), int32(0))],
  ];
  await inSim({}, (stage) =>
    beside(stage, async () => {
      const client = await stage.connect();
      for (const [type, body] of bodies) {
        for (let end = 0; end < body.length; end++) {
          const code = await codeOf(client.send(type, body.subarray(0, end)));
          assert.equal(code, "MARSHALLING_ERROR", `operation ${type} cut at ${end}`);
        }
      }
      assert.equal(await codeOf(getData(client, "/x")), "NO_NODE");
    }));
});

test("an auth packet that cannot be read closes without a word", async () => {
  await inSim({}, (stage) =>
    beside(stage, async () => {
      const whole = authBody("digest", "user:password");
      for (const end of [0, 3, 5, 12, whole.length - 1]) {
        const client = await stage.connect();
        client.raw(requestFrame(-4, Op.auth, whole.subarray(0, end)));
        await client.gone;
        assert.equal(client.replies.length, 0);
      }
    }));
});

test("a sender of one byte at a time is served like any other", async () => {
  await inSim({}, (stage) =>
    beside(stage, async () => {
      const client = await stage.open();
      const handshake = client.expectHandshake();
      const bytes = concat(
        connectFrame(),
        requestFrame(1, Op.create, createBody("/slow", "data")),
        requestFrame(2, Op.getData, pathWatch("/slow")),
        requestFrame(-2, Op.ping),
      );
      const replies = [1, 2, -2].map((xid) => client.expect(xid));
      for (const byte of bytes) {
        client.raw(Uint8Array.of(byte));
        await stage.sleep(1);
      }
      assert.ok(((await handshake)?.timeoutMs ?? 0) > 0);
      for (const reply of replies) assert.equal(await codeOf(reply), "OK");
    }));
});

test("frames cut in two at every offset give the same answers", async () => {
  await inSim({}, async (stage) => {
    const frames = (i: number) =>
      concat(
        connectFrame(),
        requestFrame(1, Op.create, createBody(`/cut${i}`, "data")),
        requestFrame(2, Op.getData, pathWatch(`/cut${i}`)),
      );
    const length = frames(100).length;
    for (let at = 1; at < length; at++) {
      const client = await stage.open();
      const handshake = client.expectHandshake();
      const replies = [1, 2].map((xid) => client.expect(xid));
      const bytes = frames(100 + at);
      client.raw(bytes.subarray(0, at));
      await stage.sleep(5);
      client.raw(bytes.subarray(at));
      assert.ok(await handshake, `cut at ${at}`);
      for (const reply of replies) assert.equal(await codeOf(reply), "OK", `cut at ${at}`);
      client.cut();
    }
  });
});

test("after the handshake four letters are a length [S14]", async () => {
  await inSim({}, (stage) =>
    beside(stage, async () => {
      for (const word of ["ruok", "srvr", "mntr", "zzzz"]) {
        const client = await stage.connect();
        client.raw(new TextEncoder().encode(word));
        await client.gone;
        assert.equal(client.text, "");
      }
    }));
});

/** Random bytes, and good requests with some bytes changed: the mix that reaches deepest. */
function garbage(random: Prng): Uint8Array {
  const noise = new Uint8Array(random.below(120));
  random.fill(noise);
  if (random.chance(1, 4)) return noise;
  const types = [...Object.values(Op), 888];
  const bodies = [
    createBody("/f", "x"),
    setDataBody("/f", "y"),
    pathWatch("/f", true),
    multiBody([[Op.create, createBody("/f/g")], [Op.delete, createBody("/f/g")]]),
    authBody("digest", "a:b"),
    noise,
  ];
  const body = (bodies[random.below(bodies.length)] ?? noise).slice();
  for (let i = random.below(4); i > 0; i--) {
    if (body.length > 0) body[random.below(body.length)] = random.uint32() & 0xff;
  }
  const type = types[random.below(types.length)] ?? 0;
  return requestFrame(random.below(5) - 2, type, body);
}

async function attack(stage: Stage, random: Prng): Promise<void> {
  const client = await stage.open();
  if (random.chance(4, 5)) client.raw(connectFrame());
  for (let i = random.below(12); i >= 0 && !client.isGone; i--) {
    client.raw(garbage(random));
    if (random.chance(1, 4)) await stage.sleep(1);
  }
  if (random.chance(1, 2)) client.finish();
  await stage.sleep(random.below(5));
  client.cut();
}

test("random bytes and damaged requests harm nobody else, in the simulator", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1 << 30 }), async (seed) => {
      await inSim({ maxClientCnxns: 0 }, (stage) =>
        beside(stage, async () => {
          const random = new Prng(seed);
          for (let i = 0; i < 20; i++) await attack(stage, random);
        }), seed);
    }),
    { numRuns: 25 },
  );
});

test("and on the host's sockets", async () => {
  await onHost({}, (stage) =>
    beside(stage, async () => {
      const random = new Prng(2026);
      for (let round = 0; round < 15; round++) {
        await Promise.all(Array.from({ length: 10 }, () => attack(stage, random)));
      }
      const last = await stage.connect();
      await ping(last);
    }));
});

test("a multiRead whose answer would fill the memory is refused, and the server goes on", async () => {
  await inSim({}, (stage) =>
    beside(stage, async () => {
      const client = await stage.connect();
      await done(create(client, "/big", new Uint8Array(1_000_000)));
      const parts = Array.from(
        { length: 3000 },
        (): [number, Uint8Array] => [Op.getData, pathWatch("/big")],
      );
      assert.equal(await codeOf(client.send(Op.multiRead, multiBody(parts))), "MARSHALLING_ERROR");
      const few = await done(client.send(Op.multiRead, multiBody(parts.slice(0, 5))));
      assert.ok(few.body.length > 5_000_000);
    }));
});
