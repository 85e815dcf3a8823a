/** One server with 1,000,000 znodes of 100 bytes: reads at random, memory, start, and what a snapshot does to others. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import {
  type BenchServer,
  type ServerName,
  startBenchServer,
  withWorkFolder,
} from "../support/servers.ts";
import {
  load,
  measure,
  type Measures,
  serverOptions,
  settledMib,
  type Stage,
  type StageContext,
  warmJvm,
  WIDE,
} from "./stage.ts";

const NO_SNAPSHOTS = 2 ** 30;
/** Of the JVM's heap: in 1 GiB it collects garbage without end once it holds 3,000,000 znodes. */
const HEAP_MIB_PER_MILLION = 1024;
/** Snapshots come often enough to be met within the seconds measured. */
const SNAPSHOT_SECONDS_MIN = 8;

export const million: Stage = (context) =>
  withWorkFolder(context.settings.folder, async (folder) => {
    const { settings, subject, wants, note } = context;
    const name = subject as ServerName;
    const measures: Measures = {};
    const heapMib = Math.ceil(settings.znodes / 1_000_000) * HEAP_MIB_PER_MILLION;
    const options = { ...serverOptions(settings, folder), heapMib };
    const znodes = ["--znodes", String(settings.znodes), "--bytes", "100"];
    let server = await startBenchServer(name, options);
    const connect = `127.0.0.1:${server.port}`;
    try {
      await warmJvm(context, connect);
      note(`${subject}: making ${settings.znodes} znodes`);
      const reads = await load(context, connect, [...WIDE, ...znodes, "--pid", String(server.pid)]);
      if (wants("random-reads")) measures["random-reads"] = measure(reads.opsPerSecond, reads);
      if (wants("memory")) measures["memory"] = await memoryOf(server);
      if (wants("start-million") || wants("snapshot")) {
        await server.stop();
        server = await startBenchServer(name, {
          ...options,
          config: [`snapCount=${NO_SNAPSHOTS}`],
        });
        note(`${subject}: started with them in ${server.startMs.toFixed(0)} ms`);
        if (wants("start-million")) measures["start-million"] = measure(server.startMs);
      }
      if (wants("snapshot")) {
        await warmJvm(context, connect, [...znodes, "--filled"]);
        const calm = await loadOfHalf(context, connect, znodes);
        await server.stop();
        server = await startBenchServer(name, options);
        await warmJvm(context, connect, [...znodes, "--filled"]);
        const before = snapshotsOf(server);
        const beside = await loadOfHalf(context, connect, znodes);
        const after = snapshotsOf(server);
        measures["snapshot"] = measure(beside.p999Us / calm.p999Us, {
          snapshots: after.filter((file) => !before.includes(file)).length,
          calm,
          beside,
        });
      }
      return measures;
    } finally {
      await server.stop();
    }
  });

function loadOfHalf(
  context: StageContext,
  connect: string,
  znodes: readonly string[],
): ReturnType<typeof load> {
  const seconds = Math.max(SNAPSHOT_SECONDS_MIN, context.settings.seconds);
  const timing = ["--seconds", String(context.settings.quick ? context.settings.seconds : seconds)];
  const half = ["--mix", "getData=1,setData=1", ...WIDE];
  return load(context, connect, [...half, ...znodes, "--filled", ...timing]);
}

function snapshotsOf({ dataDir }: BenchServer): string[] {
  return readdirSync(join(dataDir, "version-2")).filter((name) => name.startsWith("snapshot."));
}

async function memoryOf(server: BenchServer): Promise<Measures[string]> {
  const before = server.residentMib();
  return measure(await settledMib(server), { beforeMib: before });
}
