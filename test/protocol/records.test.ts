/** The records against the bytes of client-protocol §1.6, and every schema round and cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { JuteError, Reader } from "../../src/jute/reader.ts";
import { Writer } from "../../src/jute/writer.ts";
import { Code } from "../../src/protocol/codes.ts";
import { Op } from "../../src/protocol/ops.ts";
import * as records from "../../src/protocol/records.ts";
import type { Schema } from "../../src/protocol/schema.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A frame: length, then what is written. */
function frame(write: (w: Writer) => void): string {
  const w = new Writer(16);
  w.int32(0);
  write(w);
  w.patchInt32(0, w.pos - 4);
  return hexOf(w.written());
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
function plain(hex: string): string {
  return hex.replaceAll(" ", "");
}
const ZEROS = "00".repeat(16);
const OPEN = [{ perms: 31, id: { scheme: "world", id: "anyone" } }];

test("a connect request for a new session", () => {
  const bytes = frame((w) => {
    records.ConnectRequest.write(w, {
      protocolVersion: 0,
      lastZxidSeen: 0,
      timeOut: 30_000,
      sessionId: 0n,
      passwd: new Uint8Array(16),
    });
    w.bool(false);
  });
  assert.equal(
    bytes,
    plain(`0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010 ${ZEROS} 00`),
  );
});

test("connect responses: a session, and one that is gone", () => {
  const passwd = Uint8Array.from(
    "f22acd4a97e69d6d20a49bb638eadb38".match(/../g) ?? [],
    (two) => parseInt(two, 16),
  );
  const answer = (timeOut: number, sessionId: bigint, bytes: Uint8Array) =>
    frame((w) => {
      records.ConnectResponse.write(w, { protocolVersion: 0, timeOut, sessionId, passwd: bytes });
      w.bool(false);
    });
  assert.equal(
    answer(30_000, 0x100000000000000n, passwd),
    plain(
      "00000025 00000000 00007530 0100000000000000 00000010 f22acd4a97e69d6d20a49bb638eadb38 00",
    ),
  );
  assert.equal(
    answer(0, 0n, new Uint8Array(16)),
    plain(`00000025 00000000 00000000 0000000000000000 00000010 ${ZEROS} 00`),
  );
});

test("create and its reply", () => {
  const request = frame((w) => {
    records.RequestHeader.write(w, { xid: 1, type: Op.create });
    records.CreateRequest.write(w, { path: "/a", data: text("x"), acl: OPEN, flags: 0 });
  });
  assert.equal(
    request,
    plain(
      "00000032 00000001 00000001 00000002 2f61 00000001 78 00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 00000000",
    ),
  );
  const reply = frame((w) => {
    records.ReplyHeader.write(w, { xid: 1, zxid: 2, err: 0 });
    records.CreateResponse.write(w, { path: "/a" });
  });
  assert.equal(reply, plain("00000016 00000001 0000000000000002 00000000 00000002 2f61"));
});

test("an error reply is a header alone", () => {
  const bytes = frame((w) =>
    records.ReplyHeader.write(w, { xid: 2, zxid: 3, err: Code.nodeExists })
  );
  assert.equal(bytes, plain("00000010 00000002 0000000000000003 ffffff92"));
});

test("a notification", () => {
  const bytes = frame((w) => {
    records.ReplyHeader.write(w, { xid: -1, zxid: 4, err: 0 });
    records.WatcherEvent.write(w, { type: 3, state: 3, path: "/a" });
  });
  assert.equal(
    bytes,
    plain("0000001e ffffffff 0000000000000004 00000000 00000003 00000003 00000002 2f61"),
  );
});

test("a multi of check and delete, and its reply", () => {
  const part = (type: number) => ({ type, done: false, err: -1 });
  const request = frame((w) => {
    records.RequestHeader.write(w, { xid: 3, type: Op.multi });
    records.MultiHeader.write(w, part(Op.check));
    records.CheckVersionRequest.write(w, { path: "/a", version: 0 });
    records.MultiHeader.write(w, part(Op.delete));
    records.DeleteRequest.write(w, { path: "/a", version: 7 });
    records.MultiHeader.write(w, { ...records.MULTI_END });
  });
  assert.equal(
    request,
    plain(
      "00000037 00000003 0000000e 0000000d 00 ffffffff 00000002 2f61 00000000 00000002 00 ffffffff 00000002 2f61 00000007 ffffffff 01 ffffffff",
    ),
  );
  const reply = frame((w) => {
    records.ReplyHeader.write(w, { xid: 3, zxid: 5, err: 0 });
    for (const err of [Code.ok, Code.badVersion]) {
      records.MultiHeader.write(w, { type: Op.error, done: false, err });
      records.ErrorResponse.write(w, { err });
    }
    records.MultiHeader.write(w, { ...records.MULTI_END });
  });
  assert.equal(
    reply,
    plain(
      "00000033 00000003 0000000000000005 00000000 ffffffff 00 00000000 00000000 ffffffff 00 ffffff99 ffffff99 ffffffff 01 ffffffff",
    ),
  );
});

test("ping and closeSession are headers alone", () => {
  const header = (xid: number, type: number) =>
    frame((w) => records.RequestHeader.write(w, { xid, type }));
  assert.equal(header(-2, Op.ping), plain("00000008 fffffffe 0000000b"));
  assert.equal(header(9, Op.closeSession), plain("00000008 00000009 fffffff5"));
});

test("a Stat is 68 bytes in the order of client-protocol §5", () => {
  const w = new Writer(8);
  records.Stat.write(w, {
    czxid: 1,
    mzxid: 2,
    ctime: 3,
    mtime: 4,
    version: 5,
    cversion: 6,
    aversion: 7,
    ephemeralOwner: -8n,
    dataLength: 9,
    numChildren: 10,
    pzxid: 11,
  });
  assert.equal(w.pos, records.STAT_BYTES);
  const at = (offset: number, bytes: number) => hexOf(w.written().subarray(offset, offset + bytes));
  assert.deepEqual(
    [at(0, 8), at(8, 8), at(16, 8), at(24, 8), at(32, 4), at(36, 4), at(40, 4)].map((hex) =>
      parseInt(hex, 16)
    ),
    [1, 2, 3, 4, 5, 6, 7],
  );
  assert.equal(at(44, 8), "fffffffffffffff8");
  assert.deepEqual([at(52, 4), at(56, 4), at(60, 8)].map((hex) => parseInt(hex, 16)), [9, 10, 11]);
});

test("a txn header and a txn digest take the bytes that offsets are computed with", () => {
  const w = new Writer(8);
  records.TxnHeader.write(w, { clientId: -1n, cxid: 2, zxid: 3, time: 4, type: 5 });
  assert.equal(w.pos, records.TXN_HEADER_BYTES);
  w.pos = 0;
  records.TxnDigest.write(w, { version: records.DIGEST_VERSION, treeDigest: -1n });
  assert.equal(w.pos, records.TXN_DIGEST_BYTES);
});

const stat = {
  czxid: 1,
  mzxid: 2,
  ctime: 3,
  mtime: 4,
  version: -5,
  cversion: 6,
  aversion: 7,
  ephemeralOwner: -8n,
  dataLength: 9,
  numChildren: 10,
  pzxid: 11,
};
const path = "/päth";
const data = text("data");
const acl = [...OPEN, { perms: 0, id: { scheme: "auth", id: null } }];

/** One value of each record; names are those of records.ts. */
const samples: Readonly<Record<string, unknown>> = {
  Id: { scheme: "ip", id: "::1" },
  AclRecord: acl[1],
  Stat: stat,
  ConnectRequest: {
    protocolVersion: 0,
    lastZxidSeen: 2 ** 40,
    timeOut: -1,
    sessionId: -2n,
    passwd: null,
  },
  ConnectResponse: { protocolVersion: 0, timeOut: 1, sessionId: 2n, passwd: data },
  RequestHeader: { xid: -2, type: 11 },
  ReplyHeader: { xid: 1, zxid: -1, err: -110 },
  MultiHeader: { type: -1, done: true, err: -1 },
  AuthPacket: { type: 0, scheme: "digest", auth: data },
  ErrorResponse: { err: -1 },
  WatcherEvent: { type: 1, state: 3, path },
  CreateRequest: { path, data, acl, flags: 3 },
  CreateTtlRequest: { path, data: null, acl: null, flags: 5, ttl: 2 ** 39 },
  DeleteRequest: { path, version: -1 },
  CheckVersionRequest: { path, version: 3 },
  DeleteContainerRequest: { path },
  ExistsRequest: { path, watch: true },
  GetDataRequest: { path, watch: false },
  GetChildrenRequest: { path: null, watch: true },
  GetChildren2Request: { path, watch: true },
  SetDataRequest: { path, data, version: 1 },
  GetAclRequest: { path },
  SetAclRequest: { path, acl, version: 1 },
  SyncRequest: { path },
  GetAllChildrenNumberRequest: { path },
  GetEphemeralsRequest: { prefixPath: null },
  CheckWatchesRequest: { path, type: 3 },
  RemoveWatchesRequest: { path, type: 4 },
  AddWatchRequest: { path, mode: 1 },
  SetWatches: { relativeZxid: 5, dataWatches: [path], existWatches: [], childWatches: null },
  SetWatches2: {
    relativeZxid: 5,
    dataWatches: [],
    existWatches: [],
    childWatches: [],
    persistentWatches: [path, "/b"],
    persistentRecursiveWatches: ["/"],
  },
  ReconfigRequest: { joiningServers: "a", leavingServers: null, newMembers: "", curConfigId: -1 },
  GetSaslRequest: { token: data },
  SetSaslResponse: { token: null },
  CreateResponse: { path },
  Create2Response: { path, stat },
  ExistsResponse: { stat },
  SetDataResponse: { stat },
  SetAclResponse: { stat },
  GetDataResponse: { data, stat },
  GetChildrenResponse: { children: ["a", "b"] },
  GetChildren2Response: { children: [], stat },
  GetAclResponse: { acl, stat },
  SyncResponse: { path },
  GetAllChildrenNumberResponse: { totalNumber: 3 },
  GetEphemeralsResponse: { ephemerals: [path] },
  ClientInfo: { authScheme: "ip", user: "127.0.0.1" },
  WhoAmIResponse: { clientInfo: [{ authScheme: "ip", user: "127.0.0.1" }] },
  TxnHeader: { clientId: 1n, cxid: 2, zxid: 3, time: 4, type: 5 },
  TxnDigest: { version: 2, treeDigest: 1n << 40n },
  CreateTxn: { path, data, acl, ephemeral: true, parentCVersion: 4 },
  CreateContainerTxn: { path, data, acl, parentCVersion: 4 },
  CreateTtlTxn: { path, data, acl, parentCVersion: 4, ttl: 77 },
  DeleteTxn: { path },
  SetDataTxn: { path, data, version: 4 },
  SetAclTxn: { path, acl, version: 4 },
  CheckVersionTxn: { path, version: 4 },
  ErrorTxn: { err: -5 },
  CreateSessionTxn: { timeOut: 30_000 },
  CloseSessionTxn: { paths2Delete: [path] },
  MultiTxn: [{ type: 1, data }, { type: -1, data: null }],
};

for (const [name, schema] of Object.entries(records)) {
  if (typeof schema !== "object" || !("read" in schema)) continue;
  test(`${name}: written, read again, and an error when cut anywhere`, () => {
    const value = samples[name];
    assert.ok(value !== undefined, `no sample of ${name}`);
    const any = schema as Schema<unknown>;
    const w = new Writer(4);
    any.write(w, value);
    const bytes = w.written();
    const r = new Reader().reset(bytes, 0, bytes.length);
    assert.deepEqual(any.read(r), value);
    assert.equal(r.remaining, 0);
    for (let end = 0; end < bytes.length; end++) {
      assert.throws(() => any.read(new Reader().reset(bytes, 0, end)), JuteError, `cut at ${end}`);
    }
  });
}
