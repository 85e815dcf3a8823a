/** What a restarted server holds, read through a client, and how it differs from the model. */
import { utf8Decode } from "../../src/base/host.ts";
import { Code } from "../../src/protocol/codes.ts";
import { Op } from "../../src/protocol/ops.ts";
import * as records from "../../src/protocol/records.ts";
import { decode, type Reply, type TestClient } from "../support/client.ts";
import { ok, pathOnly, pathWatch } from "../support/requests.ts";
import type { Node, State } from "./model.ts";
import { ACLS, SHARED_FOLDER } from "./writes.ts";

export interface FoundNode {
  readonly data: string;
  readonly stat: records.Stat;
  readonly acl: string;
  readonly kids: readonly string[];
}

export interface FoundShared {
  readonly path: string;
  readonly stat: records.Stat;
}

const REQUESTS_AT_ONCE = 300;

/** The node and all below it; empty when it is not there. */
export async function readBelow(client: TestClient, root: string): Promise<Map<string, FoundNode>> {
  const found = new Map<string, FoundNode>();
  let level = [root];
  while (level.length > 0) {
    const below: string[] = [];
    for (let at = 0; at < level.length; at += REQUESTS_AT_ONCE) {
      const some = level.slice(at, at + REQUESTS_AT_ONCE);
      const nodes = await Promise.all(some.map((path) => readNode(client, path)));
      for (const [index, node] of nodes.entries()) {
        const path = some[index] as string;
        if (node === undefined) {
          if (path !== root) throw new Error(`${path} is listed among the children but not there`);
          continue;
        }
        found.set(path, node);
        below.push(...node.kids.map((name) => `${path}/${name}`));
      }
    }
    level = below;
  }
  return found;
}

async function readNode(client: TestClient, path: string): Promise<FoundNode | undefined> {
  const data = client.send(Op.getData, pathWatch(path));
  const kids = client.send(Op.getChildren, pathWatch(path));
  const acl = client.send(Op.getAcl, pathOnly(path));
  if (await isMissing(data)) return undefined;
  const got = await ok(data, records.GetDataResponse);
  return {
    data: utf8Decode(got.data ?? new Uint8Array(0)),
    stat: got.stat,
    acl: aclText((await ok(acl, records.GetAclResponse)).acl ?? []),
    kids: ((await ok(kids, records.GetChildrenResponse)).children ?? []).map((name) => name ?? ""),
  };
}

async function isMissing(reply: Promise<Reply>): Promise<boolean> {
  return (await reply).err === Code.noNode;
}

type WireAcl = readonly {
  readonly perms: number;
  readonly id: { readonly scheme: string | null; readonly id: string | null };
}[];

function aclText(acl: WireAcl): string {
  return acl.map(({ perms, id }) => `${id.scheme}:${id.id}:${perms}`).join();
}

const ACL_TEXTS = ACLS.map((acl) =>
  acl.map(({ perms, scheme, id }) => `${scheme}:${id}:${perms}`).join()
);

/** The shared folder by data. @throws when two nodes have the same: a write took effect twice */
export async function readShared(client: TestClient): Promise<Map<string, FoundShared>> {
  const shared = new Map<string, FoundShared>();
  for (const [path, { data, stat }] of await readBelow(client, SHARED_FOLDER)) {
    if (path === SHARED_FOLDER) continue;
    if (shared.has(data)) {
      throw new Error(`${path} and ${shared.get(data)?.path} are both of the write ${data}`);
    }
    shared.set(data, { path, stat });
  }
  const byZxid = [...shared.values()].sort((a, b) => a.stat.czxid - b.stat.czxid);
  for (const [index, { path }] of byZxid.entries()) {
    const before = byZxid[index - 1];
    if (before !== undefined && before.path >= path) {
      throw new Error(`${path} was made after ${before.path}`);
    }
  }
  return shared;
}

export async function topLevel(client: TestClient): Promise<string[]> {
  const { body } = await client.send(Op.getChildren, pathWatch("/"));
  return (decode(records.GetChildrenResponse, body).children ?? []).map((name) => name ?? "")
    .sort();
}

/** Differences between the model and what was found; at most `limit`. */
export function differences(
  state: State,
  found: ReadonlyMap<string, FoundNode>,
  sharedFound: ReadonlyMap<string, FoundShared>,
  names: ReadonlyMap<string, string>,
  limit = 1,
): string[] {
  const list: string[] = [];
  const add = (text: string): boolean => list.push(text) >= limit;
  for (const path of found.keys()) {
    if (!state.nodes.has(path) && add(`${path} is there`)) return list;
  }
  for (const [path, node] of state.nodes) {
    const there = found.get(path);
    const wrong = there === undefined ? "is missing" : nodeDifference(node, there);
    if (wrong !== undefined && add(`${path} ${wrong}`)) return list;
  }
  for (const data of sharedFound.keys()) {
    if (!state.shared.has(data) && add(`shared ${data} is there`)) return list;
  }
  for (const [data, owner] of state.shared) {
    const there = sharedFound.get(data), name = names.get(data);
    const wrong = there === undefined
      ? "is missing"
      : there.stat.ephemeralOwner !== owner
      ? `has the owner ${there.stat.ephemeralOwner}, not ${owner}`
      : name !== undefined && name !== there.path
      ? `is ${there.path}, not ${name}`
      : undefined;
    if (wrong !== undefined && add(`shared ${data} ${wrong}`)) return list;
  }
  return list;
}

function nodeDifference(node: Node, { data, stat, acl, kids }: FoundNode): string | undefined {
  if (data !== node.data) return `holds ${brief(data)}, not ${brief(node.data)}`;
  if (acl !== ACL_TEXTS[node.acl]) return `has the ACL ${acl}, not ${ACL_TEXTS[node.acl]}`;
  if (kids.length !== node.kids.size || kids.some((name) => !node.kids.has(name))) {
    return `has the children ${kids}, not ${[...node.kids]}`;
  }
  const wanted: readonly (readonly [keyof records.Stat, number | bigint | undefined])[] = [
    ["version", node.version],
    ["aversion", node.aversion],
    ["cversion", 2 * node.creates - node.kids.size],
    ["numChildren", node.kids.size],
    ["dataLength", node.data.length],
    ["ephemeralOwner", node.owner],
    ["czxid", node.czxid],
    ["mzxid", node.mzxid],
    ["pzxid", node.pzxid],
    ["ctime", node.ctime],
    ["mtime", node.mtime],
  ];
  const wrong = wanted.find(([field, value]) => value !== undefined && stat[field] !== value);
  return wrong === undefined ? undefined : `has the ${wrong[0]} ${stat[wrong[0]]}, not ${wrong[1]}`;
}

function brief(data: string): string {
  return `${data.length} bytes "${data.slice(0, 24)}"`;
}

/** The numbers that were not known are known now. */
export function adopt(state: State, found: ReadonlyMap<string, FoundNode>): void {
  for (const [path, node] of state.nodes) {
    const there = found.get(path);
    if (there === undefined) continue;
    const { czxid, mzxid, pzxid, ctime, mtime } = there.stat;
    Object.assign(node, { czxid, mzxid, pzxid, ctime, mtime });
  }
}
