/** What live values read, and when two readings are the same. */
import { ZkError } from "./errors.ts";
import type { LiveSource } from "./live.ts";
import type { ChildrenResult, DataResult, Stat } from "./results.ts";
import type { SessionState } from "./session_machine.ts";
import type { WatchSink } from "./watch_events.ts";

export type NodeValue = DataResult;
export type ChildrenValue = ChildrenResult;

/** What of the client is needed here. */
export interface Reads {
  getData(path: string, options: { readonly watch: WatchSink }): Promise<DataResult>;
  getChildren(path: string, options: { readonly watch: WatchSink }): Promise<ChildrenResult>;
  exists(path: string, options: { readonly watch: WatchSink }): Promise<Stat | undefined>;
  onState(listener: (state: SessionState) => void): () => void;
  /** Drops a one-shot watch of the path that nobody waits for any more. */
  forget(sink: WatchSink): void;
  pause(): Promise<void>;
}

export function valueSource(reads: Reads, path: string): LiveSource<NodeValue | undefined> {
  return {
    read: (watch) => readOrAwait(reads, path, watch, () => reads.getData(path, { watch })),
    same: (a, b) => a?.stat.czxid === b?.stat.czxid && a?.stat.mzxid === b?.stat.mzxid,
    onState: (listener) => reads.onState(listener),
    forget: (sink) => reads.forget(sink),
    pause: () => reads.pause(),
  };
}

export function childrenSource(reads: Reads, path: string): LiveSource<ChildrenValue | undefined> {
  return {
    read: (watch) =>
      readOrAwait(reads, path, watch, async () => {
        const { children, stat } = await reads.getChildren(path, { watch });
        return { children: children.sort(), stat };
      }),
    same: (a, b) => a?.stat.czxid === b?.stat.czxid && a?.stat.pzxid === b?.stat.pzxid,
    onState: (listener) => reads.onState(listener),
    forget: (sink) => reads.forget(sink),
    pause: () => reads.pause(),
  };
}

/** A read of a missing node leaves no watch; exists does, unless the node came to be in between. */
async function readOrAwait<T>(
  reads: Reads,
  path: string,
  watch: WatchSink,
  read: () => Promise<T>,
): Promise<T | undefined> {
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof ZkError && error.code === "NO_NODE")) throw error;
    }
    if (await reads.exists(path, { watch }) === undefined) return undefined;
  }
}
