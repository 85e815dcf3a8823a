/** Kinds of nodes as callers name them, and how each is asked for (client-protocol §3.3). */
import { type Acl, OPEN_ACL } from "../protocol/acl.ts";
import { CreateMode as Flags, isSequentialMode, isTtlMode, Op } from "../protocol/ops.ts";
import { misuse } from "./errors.ts";
import type { CreateKind } from "./operations.ts";

export type CreateMode =
  | "persistent"
  | "ephemeral"
  | "persistentSequential"
  | "ephemeralSequential"
  | "container"
  | "persistentWithTtl"
  | "persistentSequentialWithTtl";

export interface NodeOptions {
  /** Default `persistent`. */
  readonly mode?: CreateMode | undefined;
  /** Default: everybody may do everything. */
  readonly acl?: readonly Acl[] | undefined;
  /** Of a TTL mode, and only there: 1 to 1099511627775. */
  readonly ttlMs?: number | undefined;
}

export interface CreatePlan {
  readonly op: typeof Op.create2 | typeof Op.createContainer | typeof Op.createTtl;
  readonly kind: CreateKind;
  readonly acl: readonly Acl[];
  readonly isSequential: boolean;
}

const PLAIN: CreatePlan = planFor({});

/** @throws {ZkError} BAD_ARGUMENTS */
export function createPlan(path: string, options: NodeOptions | undefined): CreatePlan {
  if (options === undefined) return PLAIN;
  const plan = planFor(options);
  const isTtl = plan.op === Op.createTtl;
  if (plan.kind.flags === undefined) {
    throw misuse("create", path, `there is no mode "${options.mode}"; see CreateMode`);
  }
  if (isTtl !== (options.ttlMs !== undefined)) {
    const why = isTtl ? "give ttlMs, in milliseconds" : "ttlMs needs a mode that ends in WithTtl";
    throw misuse("create", path, why);
  }
  return plan;
}

function planFor({ mode = "persistent", acl = OPEN_ACL, ttlMs = 0 }: NodeOptions): CreatePlan {
  const flags = Flags[mode];
  const op = mode === "container"
    ? Op.createContainer
    : isTtlMode(flags)
    ? Op.createTtl
    : Op.create2;
  return { op, kind: { flags, ttlMs }, acl, isSequential: isSequentialMode(flags) };
}
