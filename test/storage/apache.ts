/** Directories that Apache's servers wrote (test/golden/data), put on the disk of a simulated machine. */
import { utf8Decode } from "../../src/base/host.ts";
import type { Machine, Sim } from "../../runtimes/sim/index.ts";
import { projectRoot } from "../support/root.ts";
import { hostRuntime } from "../support/runtime.ts";
import { putFile } from "./logs.ts";

export const APACHE_FOLDERS = ["3.8.0", "3.9.5", "3.9.5-gz"];

export interface ExpectedNode {
  readonly path: string;
  readonly data: string | null;
  readonly acl: readonly (readonly [number, string, string])[];
  readonly [stat: string]: unknown;
}

/** What Apache itself reads from the directory. */
export interface Expected {
  readonly lastProcessedZxid: string;
  readonly digest: string;
  readonly sessions: Readonly<Record<string, number>>;
  readonly nodes: readonly ExpectedNode[];
}

export interface ApacheDirectory {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly expected: Expected;
}

/** From the real disk. */
export async function readApache(folder: string): Promise<ApacheDirectory> {
  const { fs } = await hostRuntime();
  const from = fs.join(projectRoot(), "test/golden/data", folder);
  const files = new Map<string, Uint8Array>();
  for (const name of (await fs.readDir(fs.join(from, "version-2"))).sort()) {
    files.set(name, await fs.readFile(fs.join(from, "version-2", name)));
  }
  const text = utf8Decode(await fs.readFile(fs.join(from, "tree.json")));
  return { files, expected: JSON.parse(text) as Expected };
}

/** Onto the disk of the machine, as /data. */
export async function putApache(sim: Sim, machine: Machine, from: ApacheDirectory): Promise<void> {
  for (const [name, bytes] of from.files) {
    await sim.runUntil(putFile(machine.runtime, `/data/version-2/${name}`, bytes));
  }
  await sim.runUntil(machine.runtime.fs.syncDir("/data"));
}
