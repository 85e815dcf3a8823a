import { test } from "node:test";
import { Model } from "../model.ts";
import { readEntries, readTxn, type Txn } from "../txn_log.ts";
import { DigestCheck } from "./digests.ts";
import { finds, findsNothing } from "./hand.ts";

/** What Apache 3.8.0 wrote (storage-format 14.2): a session, create /a "one", setData /a "two". */
const LOG = [
  "00000000c58c0aef 00000030 0100001126730000 00000000 0000000000000001 000001a1f855defc fffffff6 00002710 00000002 0000000051c6d660 42",
  "00000000cad80d2a 00000059 0100001126730000 00000001 0000000000000002 000001a1f855df07 00000001 000000022f61 000000036f6e65" +
  "00000001 0000001f 00000005776f726c64 00000006616e796f6e65 00 00000001 00000002 00000000ada6f8a3 42",
  "00000000bd1e0848 0000003d 0100001126730000 00000002 0000000000000003 000001a1f855df10 00000005 000000022f61 0000000374776f 00000001 00000002 00000000a87bf7a8 42",
].join("").replaceAll(" ", "");

function apachesTxns(): Txn[] {
  return readEntries(Uint8Array.from(Buffer.from(LOG, "hex")), 16).map(({ payload }) =>
    readTxn(payload)
  );
}

function check(txns: readonly Txn[]): DigestCheck["violations"] {
  const model = new Model(), digests = new DigestCheck(model);
  for (const txn of txns) {
    model.apply(txn);
    digests.check(model, txn, model.touched);
  }
  return digests.violations;
}

test("the digests in Apache's own log are the model's", () => {
  const txns = apachesTxns();
  if (txns.length !== 3) throw new Error(`${txns.length} txns were read`);
  findsNothing(check(txns));
});

test("a digest of another tree is found, and a txn without one says nothing", () => {
  const [session, create, set] = apachesTxns() as [Txn, Txn, Txn];
  findsNothing(check([session, { ...create, digest: undefined }, set]));
  const later = { ...create, timeMs: create.timeMs + 1 };
  finds(
    check([session, { ...later, digest: undefined }, set]),
    "digests",
    /0x3 carries 2826696616,/,
  );
  finds(check([session, { ...create, digest: 1n }, set]), "digests", /0x2 carries 1, .*2913400995/);
});
