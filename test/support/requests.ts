/** Requests as tests send them, and what their replies say: over {@link TestClient}. */
import assert from "node:assert/strict";
import { utf8Encode } from "../../src/base/host.ts";
import { Writer } from "../../src/jute/writer.ts";
import { type Acl, OPEN_ACL } from "../../src/protocol/acl.ts";
import { codeName } from "../../src/protocol/codes.ts";
import { Op } from "../../src/protocol/ops.ts";
import * as records from "../../src/protocol/records.ts";
import type { Schema } from "../../src/protocol/schema.ts";
import { decode, encode, type Reply, type TestClient } from "./client.ts";

export function bytes(data: string | Uint8Array | null): Uint8Array | null {
  return typeof data === "string" ? utf8Encode(data) : data;
}

export function wireAcl(
  acl: readonly Acl[],
): { perms: number; id: { scheme: string; id: string } }[] {
  return acl.map(({ perms, scheme, id }) => ({ perms, id: { scheme, id } }));
}

export function createBody(
  path: string,
  data: string | Uint8Array | null = "",
  flags = 0,
  acl: readonly Acl[] = OPEN_ACL,
): Uint8Array {
  return encode(records.CreateRequest, { path, data: bytes(data), acl: wireAcl(acl), flags });
}

export function pathWatch(path: string, watch = false): Uint8Array {
  return encode(records.GetDataRequest, { path, watch });
}
export function pathVersion(path: string, version = -1): Uint8Array {
  return encode(records.DeleteRequest, { path, version });
}
export function setDataBody(
  path: string,
  data: string | Uint8Array | null,
  version = -1,
): Uint8Array {
  return encode(records.SetDataRequest, { path, data: bytes(data), version });
}
export function setAclBody(path: string, acl: readonly Acl[], version = -1): Uint8Array {
  return encode(records.SetAclRequest, { path, acl: wireAcl(acl), version });
}
export function pathOnly(path: string): Uint8Array {
  return encode(records.SyncRequest, { path });
}
export function authBody(scheme: string, auth: string): Uint8Array {
  return encode(records.AuthPacket, { type: 0, scheme, auth: utf8Encode(auth) });
}
export function addWatchBody(path: string, mode: number): Uint8Array {
  return encode(records.AddWatchRequest, { path, mode });
}
export function ttlBody(path: string, ttl: number, flags = 5): Uint8Array {
  return encode(records.CreateTtlRequest, {
    path,
    data: new Uint8Array(0),
    acl: wireAcl(OPEN_ACL),
    flags,
    ttl,
  });
}

/** A multi's body from its parts. */
export function multiBody(
  parts: readonly (readonly [type: number, body: Uint8Array])[],
): Uint8Array {
  const w = new Writer(256);
  for (const [type, body] of parts) {
    records.MultiHeader.write(w, { type, done: false, err: -1 });
    w.raw(body);
  }
  records.MultiHeader.write(w, { ...records.MULTI_END });
  return w.written();
}

/** The reply's body; fails unless the code is OK. */
export async function ok<T>(reply: Promise<Reply>, schema: Schema<T>): Promise<T> {
  return decode(schema, await done(reply).then(({ body }) => body));
}

export async function done(reply: Promise<Reply>): Promise<Reply> {
  const { err } = await reply;
  assert.equal(codeName(err), "OK");
  return await reply;
}

/** The reply's code by name, `NO_NODE` and the like. */
export async function codeOf(reply: Promise<Reply>): Promise<string> {
  return codeName((await reply).err);
}

export function create(
  client: TestClient,
  path: string,
  data: string | Uint8Array | null = "",
  flags = 0,
  acl?: readonly Acl[],
): Promise<Reply> {
  return client.send(Op.create, createBody(path, data, flags, acl));
}
export function setData(
  client: TestClient,
  path: string,
  data: string,
  version = -1,
): Promise<Reply> {
  return client.send(Op.setData, setDataBody(path, data, version));
}
export function remove(client: TestClient, path: string, version = -1): Promise<Reply> {
  return client.send(Op.delete, pathVersion(path, version));
}
export function exists(client: TestClient, path: string, watch = false): Promise<Reply> {
  return client.send(Op.exists, pathWatch(path, watch));
}
export function getData(client: TestClient, path: string, watch = false): Promise<Reply> {
  return client.send(Op.getData, pathWatch(path, watch));
}
export function ping(client: TestClient): Promise<Reply> {
  return client.send(Op.ping);
}

/** The node's data as text. */
export async function textAt(client: TestClient, path: string): Promise<string> {
  const { data } = await ok(getData(client, path), records.GetDataResponse);
  return new TextDecoder().decode(data ?? new Uint8Array(0));
}
export async function statAt(client: TestClient, path: string): Promise<records.Stat> {
  return (await ok(exists(client, path), records.ExistsResponse)).stat;
}
export async function childrenOf(client: TestClient, path: string): Promise<string[]> {
  const reply = client.send(Op.getChildren, pathWatch(path));
  return ((await ok(reply, records.GetChildrenResponse)).children ?? []).map((name) => name ?? "")
    .sort();
}
