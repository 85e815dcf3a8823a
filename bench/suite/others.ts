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
          const mib = await settledMib(server);
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

/** Fours of servers, one after the other; of each, turns, of which the first warms up and is not counted. */
const FOURS = { full: { servers: 7, turns: 2 }, quick: { servers: 2, turns: 1 } };
const TURN = ["--seconds", "4", "--warmup", "1", "--mix", "getData=9,setData=1"];
const SCRAPE_EVERY_MS = 1000;
const NONE = "metricsProvider.className=org.apache.zookeeper.metrics.impl.NullMetricsProvider";
/**
 * `on` has metrics and the HTTP door; `scraped` too, and is asked for them each second. `off` and `same` are two with
 * neither: what differs between them is what the measure cannot tell.
 */
const SIDES = ["off", "on", "scraped", "same"] as const;
type Side = (typeof SIDES)[number];
/** Microseconds of the server's CPU per request. */
type CpuUs = Readonly<Record<Side, number>>;

/**
 * Four servers side by side, all loaded at once, so that what else the machine does weighs on all in the same seconds; loaded
 * in turn, one ratio lay between 0.7 and 1.8. Two processes of the same code differ by several percent, hence several fours.
 * The figure is the median of all ratios of on to off; those of scraped and of same to off stand beside it.
 */
export const metrics: Stage = async (context) => {
  const { settings, subject, note } = context;
  if (subject === "apache") return {};
  const fours = settings.quick ? FOURS.quick : FOURS.full;
  const cpuUs: CpuUs[] = [];
  const ratio = (side: Side) => median(cpuUs.map((one) => one[side] / one.off));
  for (let at = 0; at < fours.servers; at++) {
    const found = await comparedOnce(context, at, fours.turns);
    const all = (side: Side) => found.map((one) => (one[side] / one.off).toFixed(3)).join(", ");
    note(
      `${subject}: on ${all("on")}; scraped ${all("scraped")}; the same twice ${all("same")}`,
    );
    cpuUs.push(...found);
  }
  const beside = { scraped: ratio("scraped"), control: ratio("same") };
  note(
    `${subject}: on ${ratio("on").toFixed(3)}; scraped ${beside.scraped.toFixed(3)}; ` +
      `the same twice ${beside.control.toFixed(3)}`,
  );
  return { metrics: measure(ratio("on"), { cpuUs, ...beside }) };
};

/** The sides, begun with another one each time. */
function rotated(by: number): Side[] {
  return SIDES.map((_, at) => SIDES[(at + by) % SIDES.length] as Side);
}

function comparedOnce(context: StageContext, at: number, turns: number): Promise<CpuUs[]> {
  const { folder, port, snapCount } = context.settings, name = context.subject as ServerName;
  const config = [`snapCount=${snapCount}`];
  const adminPort = (side: Side) => port + SIDES.length + SIDES.indexOf(side);
  const own = (side: Side) =>
    side === "on" || side === "scraped"
      ? [
        "admin.enableServer=true",
        "admin.serverAddress=127.0.0.1",
        `admin.serverPort=${adminPort(side)}`,
      ]
      : [NONE];
  return withWorkFolder(folder, async (work) => {
    const servers = new Map<Side, BenchServer>();
    const scrape = startScraping(adminPort("scraped"));
    try {
      for (const side of rotated(at)) {
        const server = await startBenchServer(name, {
          port: port + SIDES.indexOf(side),
          folder: join(work, side),
          config: [...config, ...own(side)],
        });
        servers.set(side, server);
      }
      const found: CpuUs[] = [];
      for (let turn = 0; turn <= turns; turn++) {
        const spent = { off: NaN, on: NaN, scraped: NaN, same: NaN };
        await Promise.all(
          rotated(at + turn).map(async (side) => {
            const server = servers.get(side) as BenchServer;
            const args = [...TURN, "--pid", String(server.pid)];
            const { serverCpuUs } = await load(context, `127.0.0.1:${server.port}`, args);
            spent[side] = serverCpuUs ?? NaN;
          }),
        );
        if (turn > 0) found.push(spent);
      }
      if (scrape.count() === 0) throw new Error("The metrics were never served");
      return found;
    } finally {
      scrape.stop();
      await Promise.all([...servers.values()].map((server) => server.stop()));
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
