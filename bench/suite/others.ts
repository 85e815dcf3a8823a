/** Idle sessions and watches; metrics on and off. */
import { median } from "../figures.ts";
import { startCrowd } from "../support/crowd_process.ts";
import {
  type BenchServer,
  type ServerName,
  startBenchServer,
  withWorkFolder,
} from "../support/servers.ts";
import { load, measure, type Measures, serverOptions, settledMib, type Stage } from "./stage.ts";

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

/** Pairs of turns, one with each server. The first pair warms up and is not counted. */
const PAIRS = { full: 15, quick: 4 };
const TURN = { seconds: 2, warmupSeconds: 0.5 };
const SCRAPE_EVERY_MS = 1000;
const NONE = "metricsProvider.className=org.apache.zookeeper.metrics.impl.NullMetricsProvider";

/**
 * Two servers side by side: one without metrics and HTTP, one with both that is scraped each second. Each is loaded for
 * many short turns while the other idles; who is first changes from pair to pair, so that what else the machine does
 * weighs on both. The figure is the median of the pairs' ratios.
 */
export const metrics: Stage = async (context) => {
  const { settings, subject, note } = context;
  if (subject === "apache") return {};
  const folder = settings.folder, name = subject as ServerName;
  return await withWorkFolder(folder, (off) =>
    withWorkFolder(folder, async (on) => {
      const adminPort = settings.port + 2;
      const config = [`snapCount=${settings.snapCount}`];
      const without = await startBenchServer(name, {
        port: settings.port,
        folder: off,
        config: [...config, NONE],
      });
      const scraped = await startBenchServer(name, {
        port: settings.port + 1,
        folder: on,
        config: [
          ...config,
          "admin.enableServer=true",
          "admin.serverAddress=127.0.0.1",
          `admin.serverPort=${adminPort}`,
        ],
      });
      let pageBytes = 0, scrapes = 0;
      const scrape = setInterval(() => {
        fetch(`http://127.0.0.1:${adminPort}/metrics`).then((page) => page.text()).then((page) => {
          pageBytes = page.length;
          scrapes++;
        }, () => {});
      }, SCRAPE_EVERY_MS);
      const timing = ["--seconds", String(TURN.seconds), "--warmup", String(TURN.warmupSeconds)];
      const cpuUsOf = async ({ port, pid }: BenchServer): Promise<number> => {
        const mix = ["--mix", "getData=9,setData=1", "--pid", String(pid)];
        const { serverCpuUs } = await load(context, `127.0.0.1:${port}`, [...mix, ...timing]);
        return serverCpuUs ?? NaN;
      };
      try {
        const cpuUs: [off: number, on: number][] = [];
        const pairs = settings.quick ? PAIRS.quick : PAIRS.full;
        for (let pair = 0; pair <= pairs; pair++) {
          const isOffFirst = pair % 2 === 0;
          const first = await cpuUsOf(isOffFirst ? without : scraped);
          const second = await cpuUsOf(isOffFirst ? scraped : without);
          if (pair > 0) cpuUs.push(isOffFirst ? [first, second] : [second, first]);
        }
        if (scrapes === 0) throw new Error("The metrics were never served");
        note(`${subject}: ${scrapes} scrapes of ${pageBytes} bytes`);
        const ratio = median(cpuUs.map(([off, on]) => on / off));
        return { metrics: measure(ratio, { cpuUs, pageBytes }) };
      } finally {
        clearInterval(scrape);
        await without.stop();
        await scraped.stop();
      }
    }));
};
