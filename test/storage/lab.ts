/** A simulated machine with a data directory, for tests of recovery. */
import { createSim, type Machine, type Sim } from "../../runtimes/sim/index.ts";
import type { StorageOptions } from "../../src/storage/recovery.ts";
import { putFile } from "./logs.ts";
import { FOLDER } from "./snapshots.ts";
import { Author, Changes, Heard, MiniServer } from "./support.ts";

export interface Lab {
  readonly sim: Sim;
  readonly machine: Machine;
  readonly author: Author;
  readonly heard: Heard;
  start(options?: Partial<StorageOptions>): Promise<MiniServer>;
  stop(server: MiniServer): Promise<void>;
  put(name: string, bytes: Uint8Array): Promise<void>;
  names(folder?: string): Promise<string[]>;
  bytes(name: string): Promise<Uint8Array>;
}

export function lab(seed = 1): Lab {
  const sim = createSim({ seed });
  const machine = sim.machine("a");
  const author = new Author();
  const heard = new Heard();
  return {
    sim,
    machine,
    author,
    heard,
    start: (options = {}) =>
      sim.runUntil(MiniServer.start(machine.runtime, author, options, heard)),
    stop: (server) => sim.runUntil(server.storage.close()),
    put: (name, bytes) => sim.runUntil(putFile(machine.runtime, `${FOLDER}/${name}`, bytes)),
    names: async (folder = FOLDER) =>
      (await sim.runUntil(machine.runtime.fs.readDir(folder))).sort(),
    bytes: (name) => sim.runUntil(machine.runtime.fs.readFile(`${FOLDER}/${name}`)),
  };
}

/** Three logs of ten txns each, and snapshots at 0, 10 and 20. */
export async function populated(options: Partial<StorageOptions> = {}, seed = 1): Promise<Lab> {
  const it = lab(seed);
  const server = await it.start(options);
  const changes = new Changes(seed);
  for (let n = 1; n <= 30; n++) {
    server.submit(changes.next());
    if (n % 10 !== 0) continue;
    await it.sim.runUntil(() => server.acked === n);
    server.storage.journal.roll();
    if (n < 30) await it.sim.runUntil(server.storage.snapshotter.take(server.storage.database));
  }
  await it.stop(server);
  return it;
}

export const ALL = ["log.1", "log.15", "log.b", "snapshot.0", "snapshot.14", "snapshot.a"];
