import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ProtocolError, UsageError } from "../../src/base/errors.ts";
import { zxidOf } from "../../src/base/zxid.ts";
import {
  formatMember,
  formatMembership,
  type Member,
  membershipOf,
  parseMember,
  parseMembership,
} from "../../src/zab/membership.ts";
import type { Sid } from "../../src/zab/vote.ts";
import { sid, sids } from "./support.ts";

function member(text: string, id = 1): Member {
  const found = parseMember(sid(id), text);
  assert.ok(typeof found !== "string", `${text}: expected ${JSON.stringify(found)}`);
  return found;
}

test("§3.1: server lines are read and printed", () => {
  const lines: [text: string, printed: string][] = [
    ["zk1:2888:3888", "zk1:2888:3888:participant"],
    ["zk1:2888:3888:OBSERVER", "zk1:2888:3888:observer"],
    ["zk1:2888:3888;2181", "zk1:2888:3888:participant;0.0.0.0:2181"],
    [" zk1:2888:3888 : participant ; 10.0.0.1:2181", "zk1:2888:3888:participant;10.0.0.1:2181"],
    ["[::1]:2888:3888:observer;[::]:2181", "[::1]:2888:3888:observer;[::]:2181"],
    ["zk2:1:2|zk1:3:4:observer", "zk1:3:4|zk2:1:2:observer"],
    ["zk2:1:2:observer|zk1:3:4:observer;5", "zk1:3:4|zk2:1:2:observer;0.0.0.0:5"],
    ["10.1.2.3:0:65535", "10.1.2.3:0:65535:participant"],
  ];
  for (const [text, printed] of lines) {
    assert.equal(formatMember(member(text)), printed);
    assert.equal(formatMember(member(printed)), printed, "and what is printed is read again");
  }
  const { addresses, client } = member("[::1]:2888:3888;[::]:2181");
  assert.deepEqual(addresses, [{ host: "::1", quorumPort: 2888, electionPort: 3888 }]);
  assert.deepEqual(client, { host: "::", port: 2181 });
  assert.equal(member("zk1:2888:3888").client, undefined);
});

test("§3.1: what is no server line is told in words", () => {
  const wrong: [text: string, expected: RegExp][] = [
    ["", /^host:/],
    ["zk1", /^host:/],
    ["zk1:2888", /^host:/],
    ["zk1:2888:x", /^host:/],
    ["zk1:2888:3888:voter", /^host:/],
    ["zk1:2888:3888;2181;2182", /^host:/],
    ["zk1:2888:3888;", /^host:/],
    ["::1:2888:3888", /^host:/],
    ["zk1:2888:65536", /ports up to 65535/],
    ["zk1:2888:3888;99999", /ports up to 65535/],
    ["zk1:2888:2888", /two different ports/],
    ["zk1:1:2:observer|zk2:1:2:participant", /same role/],
  ];
  for (const [text, expected] of wrong) {
    const found = parseMember(sid(1), text);
    assert.ok(typeof found === "string", text);
    assert.match(found, expected, text);
  }
});

const THREE = `server.1=a:1:2:participant;0.0.0.0:2181
server.2=b:1:2:participant
server.3=c:1:2:observer
version=100000000`;

test("§3.1: a whole configuration, with its version last and no line end", () => {
  const found = parseMembership(THREE);
  assert.equal(formatMembership(found), THREE);
  assert.equal(found.version, zxidOf(1, 0));
  assert.equal(found.members.get(sid(3))?.role, "observer");
  assert.deepEqual(found.quorum.voters, sids(1, 2));
  assert.equal(found.groupOf, undefined);
});

const GROUPED = `server.1=a:1:2:participant
server.2=b:1:2:participant
server.3=c:1:2:participant
group.1=1:2
group.2=3
weight.3=4
version=0`;

test("§3.1: groups and weights make a hierarchical quorum", () => {
  const found = parseMembership(GROUPED);
  assert.equal(formatMembership(found), GROUPED);
  assert.equal(found.quorum.weightOf(sid(3)), 4);
  assert.equal(found.quorum.has(sids(1, 2)), false);
  assert.equal(found.quorum.has(sids(1, 2, 3)), true);
});

test("§3.1: other servers' ways of writing are read", () => {
  const texts = [
    "# comment\n! too\n\n  server.1 : a:1:2\r\nserver.2\ta:1:3\rversion = 0",
    "server.1=a:1:2:participant;2181;2281\nserver.2=b:1:2:participant;;2281\nversion=0",
    "server.1=a\\:1\\:2\nserver.2=a:1:3",
    "server.1=z:9:8:observer\nserver.2=a:1:3\nserver.1=a:1:2", // the last of equal keys counts
  ];
  for (const text of texts) {
    const found = parseMembership(text);
    assert.deepEqual([...found.quorum.voters].sort(), [1, 2], text);
    assert.equal(found.version, 0);
  }
  assert.equal(parseMembership("server.1=a:1:2\nversion=ffffffffffffffff").version, -1);
  const far = parseMembership("server.1=a:1:2\nversion=7fffffffffffffff");
  assert.equal(far.version, Number.MAX_SAFE_INTEGER);
});

test("§6.2: a peer's text that is wrong is its fault, not a reason to stop", () => {
  const wrong = [
    "",
    "version=0",
    "server.1=a:1:2:observer\nversion=0",
    "server.1=a:x:2",
    "server.x=a:1:2",
    "server.1",
    "server.1=a:1:2\nfoo=bar",
    "server.1=a:1:2\nversion=xyz",
    "server.1=a:1:2\nversion=10000000000000000",
    "server.1=a:1:2\ngroup.1=1:x",
    "server.1=a:1:2\nweight.1=-1",
    "server.1=a:1:2\nserver.2=b:1:2\ngroup.1=1", // 2 is in no group
    "server.1=a:1:2\ngroup.1=1\ngroup.2=1",
    "server.1=a:1:2\nweight.1=1",
  ];
  for (const text of wrong) {
    assert.throws(() => parseMembership(text), ProtocolError, JSON.stringify(text));
  }
  fc.assert(fc.property(fc.string({ maxLength: 60 }), (noise) => {
    try {
      parseMembership(`server.1=${noise}\n${noise}`);
    } catch (error) {
      assert.ok(error instanceof ProtocolError, String(error));
    }
  }));
});

test("an operator's groups that do not fit are a UsageError", () => {
  const voters = [member("a:1:2", 1), member("b:1:2", 2)];
  const groups = (...lists: number[][]) => new Map(lists.map((list, i) => [i, list as Sid[]]));
  assert.throws(() => membershipOf([member("a:1:2:observer")]), UsageError);
  assert.throws(() => membershipOf(voters, undefined, groups([1])), /server 2 is in none/);
  assert.throws(() => membershipOf(voters, undefined, groups([1, 2], [2])), /server 2 is in two/);
  const observer = member("c:1:2:observer", 3);
  assert.deepEqual(
    membershipOf([...voters, observer], undefined, groups([1], [2])).quorum.voters,
    sids(1, 2),
  );
});

/** deepEqual tells objects without a prototype from others. */
const PLAIN = { noNullPrototype: true };
const hosts = fc.constantFrom("a", "zk-1.example.org", "10.0.0.1", "::1", "fe80::1%eth0");
const ports = fc.nat(65_535);
const members: fc.Arbitrary<Omit<Member, "sid">> = fc.record({
  role: fc.constantFrom("participant" as const, "observer" as const),
  addresses: fc.array(
    fc.record({ host: hosts, quorumPort: ports, electionPort: ports }, PLAIN),
    { minLength: 1, maxLength: 3 },
  ).map((list) =>
    list.sort((a, b) => a.host < b.host ? -1 : 1)
      .map((one) => ({ ...one, electionPort: (one.quorumPort + 1) % 65_536 }))
  ),
  client: fc.option(fc.record({ host: hosts, port: ports }, PLAIN), { nil: undefined }),
}, PLAIN);

test("what is printed is read back the same", () => {
  fc.assert(
    fc.property(
      fc.array(members, { minLength: 1, maxLength: 6 }),
      fc.maxSafeNat(),
      (list, version) => {
        const all = list.map((one, i): Member => ({ ...one, sid: sid(i + 1) }));
        if (
          all.every(({ role }) => role === "observer")
        ) return;
        const written = membershipOf(all, version as never);
        const read = parseMembership(formatMembership(written));
        assert.deepEqual([...read.members], [...written.members]);
        assert.equal(read.version, version);
      },
    ),
  );
});
