/** The shapes of REST's bodies and parameters: what is checked here is what /v1/openapi.json says (openapi.ts). */
import * as v from "valibot";
import type { CreateMode } from "../client/create_mode.ts";
import type { Stat } from "../client/results.ts";
import { type Acl, Perm } from "../protocol/acl.ts";
import { Problem } from "./problem.ts";

const TTL_MS_MAX = 1_099_511_627_775;
const INT32_MAX = 0x7fff_ffff;
const OPS_MAX = 10_000;

export const MODES = [
  "persistent",
  "ephemeral",
  "persistentSequential",
  "ephemeralSequential",
  "container",
  "persistentWithTtl",
  "persistentSequentialWithTtl",
] as const satisfies readonly CreateMode[];

const version = v.pipe(v.number(), v.integer(), v.minValue(-1), v.maxValue(INT32_MAX));
/** What a path may be made of (client-protocol §4); that no part is empty, `.` or `..` is checked with the path. */
export const PATH_CHARS = "[\\u0020-\\u007e\\u00a0-\\ud7ff\\uf900-\\uffef]";
const path = v.pipe(v.string(), v.regex(new RegExp(`^/${PATH_CHARS}*$`)));
const encoding = v.optional(v.picklist(["utf8", "base64"]), "utf8");
const data = v.optional(v.nullable(v.string()), null);
const ttlMs = v.optional(
  v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(TTL_MS_MAX)),
);

export const AclEntry = v.strictObject({
  scheme: v.pipe(v.string(), v.minLength(1)),
  id: v.string(),
  perms: v.pipe(v.string(), v.regex(/^[cdrwa]{1,5}$/)),
});
export const AclBody = v.strictObject({
  acl: v.pipe(v.array(AclEntry), v.minLength(1)),
});

export const CreateBody = v.strictObject({
  data,
  encoding,
  mode: v.optional(v.picklist(MODES), "persistent"),
  ttlMs,
  acl: v.optional(AclBody.entries.acl),
});
export const SetBody = v.strictObject({ data, encoding });
export const SyncBody = v.strictObject({ path: v.optional(path, "/") });

export const MultiOp = v.variant("op", [
  v.strictObject({ op: v.literal("create"), path, ...CreateBody.entries }),
  v.strictObject({
    op: v.literal("setData"),
    path,
    ...SetBody.entries,
    version: v.optional(version, -1),
  }),
  v.strictObject({ op: v.literal("delete"), path, version: v.optional(version, -1) }),
  v.strictObject({ op: v.literal("check"), path, version: v.optional(version, -1) }),
]);
export const MultiBody = v.strictObject({
  ops: v.pipe(v.array(MultiOp), v.minLength(1), v.maxLength(OPS_MAX)),
});

export const SessionBody = v.strictObject({
  timeoutMs: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(1000), v.maxValue(3_600_000)),
    30_000,
  ),
});

// Parameters of the query; all are text there.
export const Encoding = v.picklist(["utf8", "base64"]);
export const WatchMode = v.picklist(["once", "persistent", "recursive"]);
export const Mode = v.picklist(MODES);
export const Limit = v.pipe(
  v.string(),
  v.regex(/^\d{1,6}$/),
  v.transform(Number),
  v.minValue(1),
  v.maxValue(100_000),
);
export const Ttl = v.pipe(
  v.string(),
  v.regex(/^\d{1,13}$/),
  v.transform(Number),
  v.minValue(1),
  v.maxValue(TTL_MS_MAX),
);

// What answers hold.
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const signedCount = v.pipe(v.number(), v.integer());
export const StatShape = v.strictObject({
  czxid: count,
  mzxid: count,
  pzxid: count,
  ctime: signedCount,
  mtime: signedCount,
  version: signedCount,
  cversion: signedCount,
  aversion: signedCount,
  ephemeralOwner: v.pipe(v.string(), v.regex(/^0x[0-9a-f]+$/)),
  dataLength: count,
  numChildren: count,
});
export const NodeAnswer = v.strictObject({
  path,
  data: v.nullable(v.string()),
  encoding: Encoding,
  stat: StatShape,
});
export const CreatedAnswer = v.strictObject({ path, stat: StatShape });
export const StatAnswer = v.strictObject({ path, stat: StatShape });
export const ChildrenAnswer = v.strictObject({
  path,
  children: v.array(v.string()),
  next: v.optional(v.string()),
  stat: StatShape,
});
export const AclAnswer = v.strictObject({ path, acl: v.array(AclEntry), stat: StatShape });
export const MultiAnswer = v.strictObject({
  results: v.array(v.strictObject({
    op: v.picklist(["create", "setData", "delete", "check"]),
    path,
    stat: v.optional(StatShape),
  })),
});
export const SyncAnswer = v.strictObject({ zxid: count });
export const SessionAnswer = v.strictObject({
  session: v.string(),
  zkSession: v.pipe(v.string(), v.regex(/^0x[0-9a-f]+$/)),
  timeoutMs: count,
});
export const WhoAnswer = v.strictObject({
  identities: v.array(v.strictObject({ scheme: v.string(), user: v.string() })),
});
export const ProblemAnswer = v.object({
  type: v.string(),
  title: v.string(),
  status: v.pipe(v.number(), v.integer()),
  detail: v.string(),
  code: v.string(),
  zkCode: v.optional(v.pipe(v.number(), v.integer())),
  path: v.optional(v.string()),
  outcome: v.optional(v.picklist(["failed", "unknown"])),
  index: v.optional(v.pipe(v.number(), v.integer())),
});

/** @throws {Problem} which place is wrong, and how */
export function check<T>(schema: v.GenericSchema<unknown, T>, value: unknown, what: string): T {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const at = v.getDotPath(issue);
  throw new Problem("BAD_REQUEST", `${what}${at === null ? "" : ` at ${at}`}: ${issue.message}`);
}

/** A parameter that may be missing. @throws {Problem} */
export function checkOptional<T>(
  schema: v.GenericSchema<unknown, T>,
  value: string | undefined,
  name: string,
): T | undefined {
  return value === undefined ? undefined : check(schema, value, `Parameter ${name}`);
}

const LETTERS = [
  ["c", Perm.create],
  ["d", Perm.delete],
  ["r", Perm.read],
  ["w", Perm.write],
  ["a", Perm.admin],
] as const;

export function aclOf(entries: readonly v.InferOutput<typeof AclEntry>[]): Acl[] {
  return entries.map(({ scheme, id, perms }) => ({
    scheme,
    id,
    perms: LETTERS.reduce((sum, [letter, bit]) => perms.includes(letter) ? sum | bit : sum, 0),
  }));
}

export function aclText(acl: readonly Acl[]): v.InferOutput<typeof AclEntry>[] {
  return acl.map(({ scheme, id, perms }) => ({
    scheme,
    id,
    perms: LETTERS.map(([letter, bit]) => (perms & bit) === 0 ? "" : letter).join(""),
  }));
}

/** Session ids have 64 bits, which JSON's readers do not hold as numbers. */
export function idText(id: bigint): string {
  return `0x${BigInt.asUintN(64, id).toString(16)}`;
}

export function statOf(stat: Stat): v.InferOutput<typeof StatShape> {
  return { ...stat, ephemeralOwner: idText(stat.ephemeralOwner) };
}
