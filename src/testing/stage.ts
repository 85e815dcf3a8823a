/** What stands around a server under test: its clock, its files and its network, put together from the host's door. */
import type { Fs, Net, Runtime } from "../runtime.ts";
import { FaultNet } from "./fault_net.ts";
import { MemoryFs } from "./memory_fs.ts";
import { MemoryNet } from "./memory_net.ts";
import type { TestServerOptions } from "./options.ts";
import { makeScratch, removeScratch, withoutSync } from "./scratch.ts";
import { Tracker } from "./tracked.ts";
import { Turns } from "./turns.ts";
import { VirtualClock } from "./virtual_clock.ts";

const MEMORY_DIRECTORY = "/data";

export interface Stage {
  /** The server's door. */
  readonly server: Runtime;
  /** The clients' door. */
  readonly clients: Runtime;
  /** Undefined: the clock is the host's. */
  readonly virtual: VirtualClock | undefined;
  readonly net: FaultNet;
  readonly memory: MemoryNet;
  readonly directory: string;
  /** Removes what `directory: "temporary"` made. */
  readonly clear: () => Promise<void>;
}

/** @param nextTurn see {@link Turns} */
export async function buildStage(
  host: Runtime,
  nextTurn: (task: () => void) => void,
  options: TestServerOptions,
): Promise<Stage> {
  const turns = new Turns(host.clock, nextTurn);
  const memory = new MemoryNet(turns);
  const tracker = new Tracker();
  const isBusy = () => memory.pending > 0 || tracker.pending > 0;
  const isVirtual = options.clock === "virtual";
  const virtual = isVirtual ? new VirtualClock(host.clock, turns, isBusy) : undefined;
  const clock = virtual ?? host.clock;
  const files = await filesOf(host, options, clock);
  const isInMemory = options.network === "memory";
  const outside = virtual === undefined ? host.net : tracker.net(host.net);
  const net = new FaultNet(memory, isInMemory ? undefined : outside, (task) => clock.soon(task));
  // A virtual clock sees what is under way in memory, and nothing of the system's sockets.
  const clientNet: Net = isInMemory || virtual !== undefined ? memory : host.net;
  return {
    server: virtual === undefined
      ? { ...host, clock, net, fs: files.fs }
      : { ...host, clock, net, fs: tracker.fs(files.fs), gzip: tracker.gzip(host.gzip) },
    clients: { ...host, clock, net: clientNet },
    virtual,
    net,
    memory,
    directory: files.directory,
    clear: files.clear,
  };
}

interface Files {
  readonly fs: Fs;
  readonly directory: string;
  readonly clear: () => Promise<void>;
}

async function filesOf(
  host: Runtime,
  { directory = "memory" }: TestServerOptions,
  clock: Runtime["clock"],
): Promise<Files> {
  const keep = () => Promise.resolve();
  if (typeof directory === "object") return { fs: host.fs, directory: directory.path, clear: keep };
  if (directory === "memory") {
    return { fs: new MemoryFs(clock), directory: MEMORY_DIRECTORY, clear: keep };
  }
  const path = await makeScratch(host);
  return {
    fs: withoutSync(host.fs),
    directory: path,
    clear: () => removeScratch(host.fs, path),
  };
}
