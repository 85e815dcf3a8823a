import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8Encode } from "../../../src/base/host.ts";
import { type AuthOptions, AuthSchemes, userOf } from "../../../src/session/auth/schemes.ts";
import { hostHash } from "./host_hash.ts";

const SUPER_DIGEST = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=";
const IP = { scheme: "ip", id: "127.0.0.1" };
const BEN = { scheme: "digest", id: "ben:GnIFqmuceuc/72KWrVhTHjDv9u4=" };
const USER = { scheme: "digest", id: "user:tl+z3z0vO6PfPfEENfLF96E6pM0=" };

function schemes(options: Partial<AuthOptions> = {}): AuthSchemes {
  return new AuthSchemes({
    hash: hostHash,
    digestEnabled: true,
    digestAlgorithm: "SHA-1",
    superDigest: SUPER_DIGEST,
    isIpExpression: (id) => id.startsWith("10."),
    ...options,
  });
}
const entry = (perms: number, scheme: string | null, id: string | null) => ({
  perms,
  id: { scheme, id },
});

// ------------------------------------------------------------------ auth packets

test("digest proves the user with the hash of the whole text", () => {
  assert.deepEqual(schemes().authenticate("digest", utf8Encode("ben:passwd")), {
    ok: true,
    identities: [BEN],
  });
});

test("the super digest proves super and the ordinary id, a near miss only itself (case 118)", () => {
  assert.deepEqual(schemes().authenticate("digest", utf8Encode("super:test")), {
    ok: true,
    identities: [{ scheme: "super", id: "" }, { scheme: "digest", id: SUPER_DIGEST }],
  });
  const other = schemes().authenticate("digest", utf8Encode("super:test2"));
  assert.deepEqual(other.ok && other.identities.map(({ scheme }) => scheme), ["digest"]);
  const none = schemes({ superDigest: undefined }).authenticate("digest", utf8Encode("super:test"));
  assert.deepEqual(none.ok && none.identities.map(({ scheme }) => scheme), ["digest"]);
});

test("unknown schemes, and those that nobody can prove, fail with a reply (case 119)", () => {
  for (const scheme of ["FOO", "", "world", "auth", "super", "sasl", "x509", "ensemble", null]) {
    assert.deepEqual(schemes().authenticate(scheme, utf8Encode("BAR")), { ok: false, reply: true });
  }
});

test("digest without data fails; any text is accepted", () => {
  assert.deepEqual(schemes().authenticate("digest", null), { ok: false, reply: true });
  for (const text of ["", "nocolon", ":", "a:b:c"]) {
    assert.equal(schemes().authenticate("digest", utf8Encode(text)).ok, true);
  }
});

test("digest switched off fails as an unknown scheme does (case 121)", () => {
  const off = schemes({ digestEnabled: false });
  assert.deepEqual(off.authenticate("digest", utf8Encode("a:b")), { ok: false, reply: true });
  assert.equal(off.resolveAcl([entry(31, "digest", "a:b")], [IP]), "invalidAcl");
  assert.equal(off.resolveAcl([entry(31, "auth", "")], [IP, BEN]), "invalidAcl");
});

test("an ip packet succeeds and proves nothing new", () => {
  assert.deepEqual(schemes().authenticate("ip", null), { ok: true, identities: [] });
});

test("a wrong ensemble name closes without a word, right, missing or unasked ones pass (case 128)", () => {
  const woo = schemes({ ensembleNames: ["woo", "moo"] });
  assert.deepEqual(woo.authenticate("ensemble", utf8Encode("goo")), { ok: false, reply: false });
  for (const auth of [utf8Encode("moo"), new Uint8Array(), null]) {
    assert.deepEqual(woo.authenticate("ensemble", auth), { ok: true, identities: [] });
  }
  assert.equal(schemes({ ensembleNames: [] }).authenticate("ensemble", utf8Encode("goo")).ok, true);
  assert.equal(woo.isValidId("ensemble", "woo"), false);
});

// ------------------------------------------------------------------ §7.6: lists in create and setACL

test("a list that is null, empty or has holes is invalid (case 112)", () => {
  const lists = [null, [], [null], [{ perms: 31, id: null }], [entry(31, null, "x")], [
    entry(31, "world", "anyone"),
    null,
  ]];
  for (const list of lists) assert.equal(schemes().resolveAcl(list, [IP]), "invalidAcl");
});

test("entries of the built-in schemes are stored as given, perms unseen", () => {
  const list = [
    entry(0, "world", "anyone"),
    entry(-1, "digest", "a:b"),
    entry(1 << 20, "ip", "10.0.0.1/8"),
  ];
  assert.deepEqual(schemes().resolveAcl(list, [IP]), [
    { perms: 0, scheme: "world", id: "anyone" },
    { perms: -1, scheme: "digest", id: "a:b" },
    { perms: 1 << 20, scheme: "ip", id: "10.0.0.1/8" },
  ]);
});

test("ids that their scheme does not take are invalid", () => {
  const bad = [
    ["world", "everyone"],
    ["world", ""],
    ["digest", "a:"],
    ["digest", "a"],
    ["ip", "300.1.1.1"],
    ["super", ""],
    ["sasl", "bob"],
    ["x509", "CN=a"],
    ["nosuch", "x"],
    ["", ""],
  ] as const;
  for (const [scheme, id] of bad) {
    const list = [entry(31, "world", "anyone"), entry(31, scheme, id)];
    assert.equal(schemes().resolveAcl(list, [IP]), "invalidAcl", `${scheme}:${id}`);
  }
});

test("equal entries are stored once, those that differ in perms stay (case 114)", () => {
  const world = entry(31, "world", "anyone");
  const list = [world, { ...world }, entry(1, "world", "anyone"), world];
  assert.deepEqual(schemes().resolveAcl(list, [IP])?.length, 2);
});

test("auth stands for every proved id that counts, with the perms asked for (case 112)", () => {
  const held = [IP, BEN, { scheme: "super", id: "" }, USER];
  for (const id of [null, "", "whatever"]) {
    assert.deepEqual(schemes().resolveAcl([entry(5, "auth", id)], held), [
      { perms: 5, ...BEN },
      { perms: 5, ...USER },
    ]);
  }
});

test("auth without a proved id is invalid, beside other entries too (case 111)", () => {
  const auth = entry(31, "auth", "");
  assert.equal(schemes().resolveAcl([auth], [IP]), "invalidAcl");
  const list = [entry(31, "world", "anyone"), auth];
  assert.equal(schemes().resolveAcl(list, [IP, { scheme: "super", id: "" }]), "invalidAcl");
});

test("a null id is an internal error where a scheme looks at it; the first bad entry decides", () => {
  for (const scheme of ["world", "digest", "ip"]) {
    assert.equal(schemes().resolveAcl([entry(31, scheme, null)], [IP]), "marshalling");
  }
  assert.equal(schemes().resolveAcl([entry(31, "nosuch", null)], [IP]), "invalidAcl");
  const list = [entry(31, "nosuch", "x"), entry(31, "digest", null)];
  assert.equal(schemes().resolveAcl(list, [IP]), "invalidAcl");
});

// ------------------------------------------------------------------ whoAmI

test("whoAmI shows digest users without hash, addresses and super as they are (case 126)", () => {
  assert.deepEqual([IP, BEN, USER, { scheme: "super", id: "" }].map(userOf), [
    "127.0.0.1",
    "ben",
    "user",
    "",
  ]);
});
