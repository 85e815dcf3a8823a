/** Several operations in one request: all or none of the writes, or many reads at once (client-protocol §3.6). */
import { messageOf } from "../base/errors.ts";
import { invariant } from "../base/invariant.ts";
import { JuteError, type Reader } from "../jute/reader.ts";
import { Writer } from "../jute/writer.ts";
import { Code } from "../protocol/codes.ts";
import { Op } from "../protocol/ops.ts";
import type { CallOptions } from "./call_options.ts";
import { createPlan, type NodeOptions } from "./create_mode.ts";
import { answered, misuse, type ZkError } from "./errors.ts";
import {
  type Data,
  readCreated,
  writeCreate,
  writeCreateTtl,
  writePathVersion,
  writeSetData,
} from "./operations.ts";
import { type Chroot, pathProblem, prefixProblem } from "./paths.ts";
import { type DataResult, readData, readPath, readStat, readTexts, type Stat } from "./results.ts";

/** Sends a finished body; given by the client. */
export type SendMulti = <T>(
  name: "multi" | "multiRead",
  body: Uint8Array,
  decode: (r: Reader) => T,
  options: CallOptions | undefined,
) => Promise<T>;

interface Step {
  readonly name: string;
  readonly path: string;
  /** Type of its entry in the reply. */
  readonly type: number;
  readonly read: (r: Reader) => unknown;
  /** Of a create that the server answers as the older operation: Apache 3.8 does so inside a multi. */
  readonly readBare?: (r: Reader) => unknown;
}

/** What a multi's create gives: Apache's servers of 3.8 tell the path alone, `stat` is then undefined. */
export interface MultiCreateResult {
  /** The real one, with the number of a sequential node. */
  readonly path: string;
  readonly stat: Stat | undefined;
}

const NO_VERSION = -1;

/** What both builders do: operations written one behind the other, and their results read in the same order. */
class Batch {
  readonly steps: Step[] = [];
  readonly #w = new Writer(256);
  readonly #chroot: Chroot;
  #isSent = false;

  constructor(chroot: Chroot) {
    this.#chroot = chroot;
  }

  get chroot(): Chroot {
    return this.#chroot;
  }

  add(step: Step, op: number, isPrefix: boolean, write: (w: Writer, full: string) => void): void {
    if (this.#isSent) throw misuse("multi", undefined, "it was sent already; build another one");
    const { path } = step;
    const problem = isPrefix ? prefixProblem(path) : pathProblem(path);
    if (problem !== undefined) throw misuse(step.name, path, problem);
    const start = this.#w.pos;
    try {
      this.#head(op, false);
      write(this.#w, isPrefix ? this.#chroot.prefix + path : this.#chroot.full(path));
    } catch (error) {
      this.#w.pos = start; // half an operation would spoil those that follow
      throw misuse(step.name, path, messageOf(error));
    }
    this.steps.push(step);
  }

  /** The whole body; the batch takes nothing more. */
  finish(): Uint8Array {
    if (this.#isSent) throw misuse("multi", undefined, "it was sent already; build another one");
    this.#isSent = true;
    this.#head(-1, true);
    return this.#w.written();
  }

  /** Results in order; `onError` makes of an error entry what the caller sees. */
  read(r: Reader, onError: (err: number, step: Step, index: number) => unknown): unknown[] {
    const results: unknown[] = [];
    for (const [index, step] of this.steps.entries()) {
      const type = r.int32();
      r.skip(5); // done, err: the entry's own code follows for errors
      if (type === Op.error) results.push(onError(r.int32(), step, index));
      else if (type === step.type) results.push(step.read(r));
      else if (type === Op.create && step.readBare !== undefined) results.push(step.readBare(r));
      else {throw new JuteError(
          `Entry ${index} of the multi has type ${type}, expected ${step.type}`,
        );}
    }
    invariant(results.length === this.steps.length, "Each step has its result");
    return results;
  }

  #head(type: number, done: boolean): void {
    this.#w.int32(type);
    this.#w.bool(done);
    this.#w.int32(-1);
  }
}

const nothing = (): void => {};

/**
 * Writes that happen all or not at all. Each call adds one; `commit` sends them and gives their results as a tuple.
 * @example const [created, stat] = await zk.multi().create("/a", "1").setData("/b", "2").commit();
 */
export class Multi<R extends readonly unknown[] = []> {
  readonly #batch: Batch;
  readonly #send: SendMulti;

  constructor(chroot: Chroot, send: SendMulti) {
    this.#batch = new Batch(chroot);
    this.#send = send;
  }

  create(path: string, data: Data = null, options?: NodeOptions): Multi<[...R, MultiCreateResult]> {
    const { op, kind, acl, isSequential } = createPlan(path, options);
    const { chroot } = this.#batch;
    const read = (r: Reader): MultiCreateResult => {
      const result = readCreated(r);
      return { ...result, path: chroot.own(result.path) };
    };
    const readBare = (r: Reader): MultiCreateResult => ({
      path: chroot.own(readPath(r)),
      stat: undefined,
    });
    const write = op === Op.createTtl ? writeCreateTtl : writeCreate;
    const step = { name: "create", path, type: Op.create2, read, readBare };
    this.#batch.add(step, op, isSequential, (w, full) => {
      write(w, full, { data, acl }, kind);
    });
    return this as unknown as Multi<[...R, MultiCreateResult]>;
  }

  delete(path: string, version: number = NO_VERSION): Multi<[...R, void]> {
    this.#batch.add(
      { name: "delete", path, type: Op.delete, read: nothing },
      Op.delete,
      false,
      (w, full) => writePathVersion(w, full, version),
    );
    return this as unknown as Multi<[...R, void]>;
  }

  setData(path: string, data: Data, version: number = NO_VERSION): Multi<[...R, Stat]> {
    const step = { name: "setData", path, type: Op.setData, read: readStat };
    this.#batch.add(step, Op.setData, false, (w, full) => writeSetData(w, full, data, version));
    return this as unknown as Multi<[...R, Stat]>;
  }

  /** The rest happens only if the node has this version; -1: if it is there at all. */
  check(path: string, version: number = NO_VERSION): Multi<[...R, void]> {
    this.#batch.add(
      { name: "check", path, type: Op.check, read: nothing },
      Op.check,
      false,
      (w, full) => writePathVersion(w, full, version),
    );
    return this as unknown as Multi<[...R, void]>;
  }

  /**
   * @returns the results in order
   * @throws {ZkError} of the operation that failed, with its path and index; none of them took effect
   */
  commit(options?: CallOptions): Promise<R> {
    const batch = this.#batch;
    if (batch.steps.length === 0) return Promise.resolve([] as unknown as R);
    const decode = (r: Reader): R => {
      let failure: ZkError | undefined;
      // Entries before the one to blame say OK, those behind it say that another failed.
      const results = batch.read(r, (err, { name, path }, index) => {
        if (err !== Code.ok) failure ??= answered(err, name, path, index);
      });
      if (failure !== undefined) throw failure;
      return results as unknown as R;
    };
    return sendBatch(batch, (body) => this.#send("multi", body, decode, options));
  }
}

/** One read of a multiRead: what it found, or why it could not. */
export type ReadResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ZkError };

/**
 * Many reads in one request; each fails or succeeds by itself, and sets no watch.
 * @example const [a, kids] = await zk.multiRead().getData("/a").getChildren("/").commit();
 */
export class MultiRead<R extends readonly unknown[] = []> {
  readonly #batch: Batch;
  readonly #send: SendMulti;

  constructor(chroot: Chroot, send: SendMulti) {
    this.#batch = new Batch(chroot);
    this.#send = send;
  }

  getData(path: string): MultiRead<[...R, ReadResult<DataResult>]> {
    return this.#read("getData", Op.getData, path, readData) as never;
  }

  getChildren(path: string): MultiRead<[...R, ReadResult<string[]>]> {
    return this.#read("getChildren", Op.getChildren, path, readTexts) as never;
  }

  commit(options?: CallOptions): Promise<R> {
    const batch = this.#batch;
    if (batch.steps.length === 0) return Promise.resolve([] as unknown as R);
    const decode = (r: Reader): R =>
      batch.read(r, (err, { name, path }, index) => ({
        ok: false,
        error: answered(err, name, path, index),
      })) as unknown as R;
    return sendBatch(batch, (body) => this.#send("multiRead", body, decode, options));
  }

  #read(name: string, type: number, path: string, read: (r: Reader) => unknown): this {
    const step = { name, path, type, read: (r: Reader) => ({ ok: true, value: read(r) }) };
    this.#batch.add(step, type, false, (w, full) => {
      w.ustring(full);
      w.bool(false);
    });
    return this;
  }
}

function sendBatch<T>(batch: Batch, send: (body: Uint8Array) => Promise<T>): Promise<T> {
  try {
    return send(batch.finish());
  } catch (error) {
    return Promise.reject(error as ZkError);
  }
}
