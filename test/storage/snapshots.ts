/** Snapshots taken and loaded in tests, within a simulation. */
import type { Machine, Sim } from "../../runtimes/sim/index.ts";
import type { Compression } from "../../src/storage/names.ts";
import type { FileFormat } from "../../src/storage/host.ts";
import { type LoadedSnapshot, loadSnapshot } from "../../src/storage/snapshot_reader.ts";
import { type SnapshotReport, Snapshotter } from "../../src/storage/snapshot_writer.ts";
import { Database } from "../../src/txn/database.ts";
import { nameOf } from "./logs.ts";
import { codec, contextOf, DB_OPTIONS } from "./support.ts";

export const FOLDER = "/data/version-2";

export function snapshotterOf(
  machine: Machine,
  format: FileFormat = 3,
  compression: Compression = "",
  serializeLastZxid = true,
): Snapshotter {
  return new Snapshotter(contextOf(machine.runtime), codec, {
    folder: FOLDER,
    format,
    compression,
    serializeLastZxid,
  });
}

export async function take(
  sim: Sim,
  machine: Machine,
  db: Database,
  format: FileFormat = 3,
  compression: Compression = "",
  serializeLastZxid = true,
  onBegun: () => void = () => {},
): Promise<{ report: SnapshotReport; bytes: Uint8Array }> {
  const { fs } = machine.runtime;
  await sim.runUntil(fs.mkdir(FOLDER));
  const taking = snapshotterOf(machine, format, compression, serializeLastZxid).take(db);
  onBegun();
  const report = await sim.runUntil(taking);
  return { report, bytes: await sim.runUntil(fs.readFile(`${FOLDER}/${report.name}`)) };
}

export async function load(
  sim: Sim,
  machine: Machine,
  name: string,
  options = DB_OPTIONS,
): Promise<{ db: Database; loaded: LoadedSnapshot }> {
  const db = new Database(codec, options);
  const loaded = await sim.runUntil(
    loadSnapshot(machine.runtime, `${FOLDER}/${name}`, nameOf(name), db),
  );
  return { db, loaded };
}
