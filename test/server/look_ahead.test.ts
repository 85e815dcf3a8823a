/** Requests of a chunk looked up ahead: hostile bytes do no harm, and answers of a large tree are right. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Op } from "../../src/protocol/ops.ts";
import { lookAhead } from "../../src/server/look_ahead.ts";
import { PREFETCH_NODES_MIN } from "../../src/tree/prefetch.ts";
import { inSim } from "../support/in_process.ts";
import {
  create,
  createBody,
  done,
  getData,
  multiBody,
  setData,
  textAt,
} from "../support/requests.ts";
import { newTree, put, snapshotOf } from "../tree/support.ts";

/** A frame with a path, and whatever else is said of it. */
function frameOf(type: number, path: string, length?: number, pathLength?: number): number[] {
  const name = [...new TextEncoder().encode(path)], body = [0, 0, 0, 1, ...word(type)];
  const rest = [...word(pathLength ?? name.length), ...name, 0];
  return [...word(length ?? body.length + rest.length), ...body, ...rest];
}

function word(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

test("any bytes, frames cut and frames that lie: nothing changes, nothing is thrown", () => {
  const tree = newTree();
  for (const path of ["/a", "/a/b", "/a/b/c"]) put(tree, path, { data: "x".repeat(100) });
  const before = snapshotOf(tree);
  const paths = fc.constantFrom(
    "/a",
    "/a/b",
    "/a/b/c",
    "/none/b",
    "",
    "/",
    "//",
    "a",
    "/a/",
    "/a//b",
  );
  const lies = fc.option(fc.oneof(fc.integer(), fc.nat(40)), { nil: undefined });
  const types = fc.constantFrom(Op.getData, Op.exists, Op.create, Op.setData, Op.multi, 999);
  const frames = fc.tuple(types, paths, lies, lies).map((given) => frameOf(...given));
  const noise = fc.array(fc.nat(255), { maxLength: 40 });
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 4, arbitrary: frames }, noise)),
      fc.nat(60),
      (all, from) => {
        const chunk = Uint8Array.from(all.flat());
        lookAhead(tree.prefetch, chunk, Math.min(from, chunk.length));
      },
    ),
    { numRuns: 2000 },
  );
  const many = Uint8Array.from(
    Array.from({ length: 1000 }, () => frameOf(Op.getData, "/a/b")).flat(),
  );
  lookAhead(tree.prefetch, many, 0);
  assert.deepEqual(snapshotOf(tree), before);
});

test("reads and writes of a large tree, many in a chunk, are answered in order", async () => {
  await inSim({ snapCount: 1 << 30 }, async (stage) => {
    const client = await stage.connect({ timeoutMs: 60_000 });
    await done(create(client, "/p"));
    const parts = 1000;
    for (let i = 0; i < PREFETCH_NODES_MIN / parts; i++) {
      const ops = Array.from({ length: parts }, (_, k) => {
        const path = `/p/${i * parts + k}`;
        return [Op.create, createBody(path, path)] as const;
      });
      await done(client.send(Op.multi, multiBody(ops)));
    }
    await done(create(client, "/p/66000"));
    const answers = [];
    for (let k = 0; k < 300; k++) {
      if (k % 7 === 3) answers.push(done(setData(client, `/p/${k * 200}`, `new ${k}`)));
      else answers.push(done(getData(client, `/p/${k * 201}`)));
    }
    await Promise.all(answers);
    for (const k of [0, 3, 150, 297]) {
      assert.equal(
        await textAt(client, `/p/${k * 200}`),
        k % 7 === 3 ? `new ${k}` : `/p/${k * 200}`,
      );
    }
  });
});
