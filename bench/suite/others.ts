/** Idle sessions and watches; metrics on and off. */
import { median } from "../figures.ts";
import { startCrowd } from "../support/crowd_process.ts";
import { type ServerName, startBenchServer, withWorkFolder } from "../support/servers.ts";
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

const METRICS_TURNS = 4;
const SCRAPE_EVERY_MS = 1000;

/** Two servers side by side, one scraped each second, one without HTTP; each is loaded in turn, the other idles. */
export const metrics: Stage = async (context) => {
  const { settings, subject, note } = context;
  if (subject === "apache") return {};
  const folder = settings.folder, name = subject as ServerName;
  return await withWorkFolder(folder, (off) =>
    withWorkFolder(folder, async (on) => {
      const adminPort = settings.port + 2;
      const without = await startBenchServer(name, serverOptions(settings, off));
      const scraped = await startBenchServer(name, {
        port: settings.port + 1,
        folder: on,
        config: [
          `snapCount=${settings.snapCount}`,
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
      try {
        const cpu: [off: number[], on: number[]] = [[], []];
        for (let i = 0; i < 2 * METRICS_TURNS; i++) {
          const server = i % 2 === 0 ? without : scraped;
          const result = await load(context, `127.0.0.1:${server.port}`, [
            "--mix",
            "getData=9,setData=1",
            "--pid",
            String(server.pid),
          ]);
          cpu[i % 2]?.push(result.serverCpuUs ?? NaN);
        }
        if (scrapes === 0) throw new Error("The metrics were never served");
        note(`${subject}: ${scrapes} scrapes of ${pageBytes} bytes`);
        return { metrics: measure(median(cpu[1]) / median(cpu[0]), { cpuUs: cpu, pageBytes }) };
      } finally {
        clearInterval(scrape);
        await without.stop();
        await scraped.stop();
      }
    }));
};
