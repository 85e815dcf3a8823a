/** Idle sessions and watches; metrics on and off. */
import { join } from "node:path";
import { median } from "../figures.ts";
import { startCrowd } from "../support/crowd_process.ts";
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
} from "./stage.ts";

/** The first ones warm the server up and are not counted. */
const FIRES = { warm: 3, counted: 3 };

export const sessions: Stage = ({ settings, subject, wants, note }) =>
  withWorkFolder(settings.folder, async (folder) => {
    const server = await startBenchServer(subject as ServerName, serverOptions(settings, folder));
    const measures: Measures = {};
    try {
      const emptyMib = server.residentMib();
      const crowd = await startCrowd(server.port, settings.sessions, settings.watches);
      try {
        if (wants("sessions")) {
          const mib = await settledMib(server.residentMib);
          note(
            `${subject}: ${settings.sessions} sessions, ${emptyMib.toFixed(0)} -> ${
              mib.toFixed(0)
            } MiB`,
          );
          measures["sessions"] = measure(mib, { emptyMib, sessions: settings.sessions });
        }
        if (wants("watches")) {
          const times: number[] = [];
          for (let i = 0; i < FIRES.warm + FIRES.counted; i++) times.push(await crowd.fire());
          note(`${subject}: watches fired in ${times.map((ms) => ms.toFixed(0)).join(", ")} ms`);
          measures["watches"] = measure(median(times.slice(FIRES.warm)), {
            watches: settings.sessions * settings.watches,
            times,
          });
        }
      } finally {
        await crowd.stop();
      }
      return measures;
    } finally {
      await server.stop();
    }
  });

/** Pairs of servers, one after the other; of each, pairs of turns, of which the first warms up and is not counted. */
const PAIRS = { full: { servers: 5, turns: 3 }, quick: { servers: 2, turns: 2 } };
const TURN = ["--seconds", "2", "--warmup", "0.5", "--mix", "getData=9,setData=1"];
const SCRAPE_EVERY_MS = 1000;
const NONE = "metricsProvider.className=org.apache.zookeeper.metrics.impl.NullMetricsProvider";

/**
 * Two servers side by side: one without metrics and HTTP, one with both that is scraped each second. Each is loaded for
 * short turns while the other idles; who is first changes from pair to pair, so that what else the machine does weighs on
 * both. Two processes of the same code differ by several percent, hence several pairs of servers, which start in turn. The
 * figure is the median of all pairs' ratios.
 */
export const metrics: Stage = async (context) => {
  const { settings, subject, note } = context;
  if (subject === "apache") return {};
  const pairs = settings.quick ? PAIRS.quick : PAIRS.full;
  const cpuUs: CpuPair[] = [];
  for (let at = 0; at < pairs.servers; at++) {
    const found = await comparedOnce(context, at % 2 === 0, pairs.turns);
    note(`${subject}: ${found.map(({ off, on }) => (on / off).toFixed(3)).join(", ")}`);
    cpuUs.push(...found);
  }
  return { metrics: measure(median(cpuUs.map(({ off, on }) => on / off)), { cpuUs }) };
};

/** Microseconds of the server's CPU per request. */
interface CpuPair {
  readonly off: number;
  readonly on: number;
}

function comparedOnce(
  context: StageContext,
  isOffFirst: boolean,
  turns: number,
): Promise<CpuPair[]> {
  const { folder, port, snapCount } = context.settings, name = context.subject as ServerName;
  const config = [`snapCount=${snapCount}`];
  const adminPort = port + 2;
  const door = [
    "admin.enableServer=true",
    "admin.serverAddress=127.0.0.1",
    `admin.serverPort=${adminPort}`,
  ];
  return withWorkFolder(folder, async (work) => {
    const servers: { off?: BenchServer; on?: BenchServer } = {};
    const scrape = startScraping(adminPort);
    try {
      for (const kind of isOffFirst ? ["off", "on"] as const : ["on", "off"] as const) {
        servers[kind] = await startBenchServer(name, {
          port: kind === "off" ? port : port + 1,
          folder: join(work, kind),
          config: [...config, ...(kind === "off" ? [NONE] : door)],
        });
      }
      const pairs: CpuPair[] = [];
      for (let turn = 0; turn <= turns; turn++) {
        const pair = { off: NaN, on: NaN };
        for (const kind of turn % 2 === 0 ? ["off", "on"] as const : ["on", "off"] as const) {
          const server = servers[kind] as BenchServer;
          const args = [...TURN, "--pid", String(server.pid)];
          const { serverCpuUs } = await load(context, `127.0.0.1:${server.port}`, args);
          pair[kind] = serverCpuUs ?? NaN;
        }
        if (turn > 0) pairs.push(pair);
      }
      if (scrape.count() === 0) throw new Error("The metrics were never served");
      return pairs;
    } finally {
      scrape.stop();
      await servers.off?.stop();
      await servers.on?.stop();
    }
  });
}

function startScraping(port: number): { count(): number; stop(): void } {
  let scrapes = 0;
  const timer = setInterval(() => {
    fetch(`http://127.0.0.1:${port}/metrics`).then((page) => page.text())
      .then(() => scrapes++, () => {}); // before it serves
  }, SCRAPE_EVERY_MS);
  return { count: () => scrapes, stop: () => clearInterval(timer) };
}
