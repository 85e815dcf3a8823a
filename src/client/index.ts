/** menagerie/client: a ZooKeeper client for Node, Deno and Bun. docs/client.md has a tour. */
import type { Client } from "./client.ts";
import { connectWith } from "./connect.ts";
import { hostRuntime } from "./host_runtime.ts";
import type { ConnectOptions } from "./options.ts";

/**
 * Opens a session: resolves when a server has granted it.
 * @param connectString `host1:2181,host2:2181/chroot`; port 2181 unless given, IPv6 as `[::1]:2181`
 * @throws {ZkError} BAD_ARGUMENTS, OPERATION_TIMEOUT, ABORTED, AUTH_FAILED
 * @example await using zk = await connect("127.0.0.1:2181", { timeoutMs: 5000 });
 */
export async function connect(
  connectString: string,
  options: ConnectOptions = {},
): Promise<Client> {
  return await connectWith(options.runtime ?? await hostRuntime(), connectString, options);
}

export { type Acl, OPEN_ACL, Perm, READ_ONLY_ACL } from "../protocol/acl.ts";
export type { Runtime } from "../runtime.ts";
export type { CallOptions } from "./call_options.ts";
export type {
  Client,
  CreateOptions,
  ReadOptions,
  ReconfigOptions,
  VersionOptions,
  WatchOptions,
  WatchType,
} from "./client.ts";
export { DEFAULT_PORT, type Host, parseConnectString } from "./connect_string.ts";
export type { CreateMode, NodeOptions } from "./create_mode.ts";
export { type Outcome, ZkError, type ZkErrorCode } from "./errors.ts";
export type { Live } from "./live.ts";
export type { ChildrenValue, NodeValue } from "./live_sources.ts";
export type { Multi, MultiCreateResult, MultiRead, ReadResult } from "./multi.ts";
export type { Data } from "./operations.ts";
export type { Auth, ConnectOptions } from "./options.ts";
export {
  type ChildrenResult,
  type CreateResult,
  type DataResult,
  type Stat,
  textOf,
} from "./results.ts";
export {
  createSequential,
  ensurePath,
  isPassing,
  retry,
  type RetryCallOptions,
  type RetryOptions,
  type SequentialOptions,
  setDataOnce,
  update,
} from "./retry.ts";
export type { SessionIdentity, SessionState } from "./session_machine.ts";
export type { Watch, WatchMode } from "./watch.ts";
export {
  type ChangeEvent,
  type ChangeType,
  type EndedEvent,
  type GapEvent,
  type Watcher,
  type WatchEvent,
  type WatchListener,
  WatchQueue,
  type WatchSink,
} from "./watch_events.ts";
