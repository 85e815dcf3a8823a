/**
 * The two charts by which ZooKeeper is known, from measurements on this machine, ours beside Apache's:
 *
 *   npm run bench -- read-ratio [--sizes 3,5,7] [--kinds apache,bun] [--seconds 4] [--step 10] [--out docs/charts]
 *   npm run bench -- failures   [--kinds apache,bun] [--servers 7] [--pace 10] [--out docs/charts]
 *
 * Throughput as the share of reads goes from 0 to 100 percent; throughput over time, 30 percent writes, while servers fail
 * and recover: a follower, another follower, the leader, two followers, the new leader, which stays away. Expected before
 * measuring: ours 8 to 12 times Apache's at any share; writes fall as servers are added; each failure of a follower leaves
 * throughput as it was but for its own clients' reconnecting, each of a leader stops it for about as long as
 * `npm run bench -- failover` says.
 */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import type { RealEnsemble } from "../test/support/real_ensemble.ts";
import { projectRoot } from "../test/support/root.ts";
import { type Chart, drawChart, type Series } from "./suite/chart.ts";
import { withEnsemble } from "./suite/ensemble.ts";
import { runLoadProcess } from "./support/load_process.ts";
import { provenance } from "./support/machine.ts";
import { machineLoad } from "./support/processes.ts";
import { numberFrom } from "./support/refusal.ts";
import { bunCommand } from "./support/servers.ts";

const SNAP_COUNT = 100_000;
const SLICE_MS = 500;
/** Connections of each server. */
const PER_SERVER = 4;

interface Options {
  readonly kinds: readonly string[];
  readonly sizes: readonly number[];
  readonly seconds: number;
  readonly step: number;
  readonly servers: number;
  readonly paceSeconds: number;
  readonly jvmWarmupSeconds: number;
  readonly out: string;
}

function optionsOf(args: readonly string[]): Options {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      kinds: { ...text, default: "apache,bun" },
      sizes: { ...text, default: "3,5,7" },
      seconds: { ...text, default: "4" },
      step: { ...text, default: "10" },
      servers: { ...text, default: "7" },
      pace: { ...text, default: "10" },
      "jvm-warmup": { ...text, default: "30" },
      out: { ...text, default: "docs/charts" },
    },
  });
  return {
    kinds: values.kinds.split(","),
    sizes: values.sizes.split(",").map((size) => numberFrom(1, "--sizes", size)),
    seconds: numberFrom(0.1, "--seconds", values.seconds),
    step: numberFrom(1, "--step", values.step),
    servers: numberFrom(1, "--servers", values.servers),
    paceSeconds: numberFrom(1, "--pace", values.pace),
    jvmWarmupSeconds: numberFrom(0, "--jvm-warmup", values["jvm-warmup"]),
    out: values.out,
  };
}

function note(text: string): void {
  process.stderr.write(`${new Date().toTimeString().slice(0, 8)} ${text}\n`);
}

/** Fills the znodes, and works the JVM in. */
async function prepare(ensemble: RealEnsemble, kind: string, options: Options): Promise<void> {
  const warmup = kind === "apache" ? options.jvmWarmupSeconds : 1;
  const mix = ["--mix", "getData=7,setData=3", "--warmup", String(warmup), "--seconds", "0.1"];
  await runLoadProcess(["--connect", ensemble.connectString, ...mix]);
}

function save(out: string, name: string, chart: Chart, facts: object): void {
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, `${name}.svg`), drawChart(chart));
  const record = { ...provenance(), ...facts, series: chart.series, marks: chart.marks };
  writeFileSync(join(out, `${name}.json`), `${JSON.stringify(record)}\n`);
  note(`wrote ${join(out, name)}.svg and .json`);
}

function under(): string {
  const { machine, date, commit } = provenance();
  return `${machine}; ${date.slice(0, 10)}, commit ${commit}; load ${machineLoad().toFixed(1)}`;
}

export async function readRatio(args: readonly string[]): Promise<void> {
  const options = optionsOf(args);
  const shares: number[] = [];
  for (let share = 0; share <= 100; share += options.step) shares.push(share);
  const series: Series[] = [];
  for (const kind of options.kinds) {
    for (const size of options.sizes) {
      const values = await withEnsemble(kind, size, SNAP_COUNT, async (ensemble) => {
        await prepare(ensemble, kind, options);
        const figures: number[] = [];
        for (const share of shares) {
          const { opsPerSecond } = await runLoadProcess([
            "--connect",
            ensemble.connectString,
            "--mix",
            `getData=${share},setData=${100 - share}`,
            "--connections",
            String(PER_SERVER * size),
            "--window",
            "100",
            "--warmup",
            "1",
            "--seconds",
            String(options.seconds),
          ]);
          note(`${kind}, ${size} servers, ${share} % reads: ${Math.round(opsPerSecond)}/s`);
          figures.push(opsPerSecond);
        }
        return figures;
      });
      series.push({ name: `${kind === "apache" ? "Apache" : kind}, ${size}`, values });
    }
  }
  save(options.out, "ensemble_read_ratio", {
    title: "Operations a second by share of reads, 3 to 7 servers on two cores (logarithmic)",
    subtitle: under(),
    kind: "lines",
    categories: shares.map((share) => `${share}`),
    xTitle: "percent reads; 4 connections x 100 at each server, 1 KiB",
    yTitle: "a second",
    isLogarithmic: true,
    series,
  }, { options });
}

type Step = readonly [words: string, act: () => Promise<void> | void];

const LEADER_TIMEOUT_MS = 60_000;
const LOOK_AGAIN_MS = 100;

/** Once there is one: a step may come while an election is under way. @throws {Error} when there is none for a minute */
async function leaderOf(ensemble: RealEnsemble): Promise<number> {
  for (const untilMs = performance.now() + LEADER_TIMEOUT_MS;;) {
    try {
      return await ensemble.leader();
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }
}

/** What happens to the servers, one step after the other. */
function scriptOf(ensemble: RealEnsemble): Step[] {
  let down: number[] = [];
  const kill = async (pick: (leader: number, others: number[]) => number[]): Promise<void> => {
    const leader = await leaderOf(ensemble);
    const others = ensemble.servers.filter(({ sid, process: child }) =>
      sid !== leader && child?.running() === true
    ).map(({ sid }) => sid);
    down = pick(leader, others);
    await Promise.all(down.map((sid) => ensemble.kill(sid)));
  };
  const recover = (): void => {
    for (const sid of down) ensemble.start(sid);
  };
  return [
    ["follower fails", () => kill((_, others) => others.slice(0, 1))],
    ["recovers", recover],
    ["another fails", () => kill((_, others) => others.slice(1, 2))],
    ["recovers", recover],
    ["leader fails", () => kill((leader) => [leader])],
    ["recovers", recover],
    ["two fail", () => kill((_, others) => others.slice(0, 2))],
    ["recover", recover],
    ["leader fails", () => kill((leader) => [leader])],
  ];
}

export async function failures(args: readonly string[]): Promise<void> {
  const options = optionsOf(args);
  for (const kind of options.kinds) {
    const { points, marks } = await withEnsemble(
      kind,
      options.servers,
      SNAP_COUNT,
      (ensemble) => timelineOf(ensemble, kind, options),
    );
    save(options.out, `failures_${kind}`, {
      title: `${kind === "apache" ? "Apache 3.8.0" : `Ours on ${kind}`}: operations a second, ` +
        `${options.servers} servers, 30 % writes, through failures`,
      subtitle: under(),
      kind: "lines",
      xTitle: "seconds",
      yTitle: "a second",
      series: [{ name: kind, values: points }],
      marks,
    }, { options });
  }
}

async function timelineOf(
  ensemble: RealEnsemble,
  kind: string,
  options: Options,
): Promise<{ points: [number, number][]; marks: { at: number; text: string }[] }> {
  await prepare(ensemble, kind, options);
  const child = spawn(bunCommand, [
    "run",
    join(projectRoot(), "bench/load/timeline.ts"),
    ensemble.connectString,
    String(2 * options.servers),
    "100",
    "getData=70,setData=30",
    String(SLICE_MS),
  ], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.on("close", resolve));
  const points: [number, number][] = [], marks: { at: number; text: string }[] = [];
  const began = performance.now();
  const seconds = (): number => Number(((performance.now() - began) / 1000).toFixed(2));
  child.stdout.on("data", (chunk: unknown) => {
    for (const [, figure] of String(chunk).matchAll(/slice (\d+)/g)) {
      points.push([seconds(), Number(figure)]);
    }
  });
  const pause = () => new Promise((resolve) => setTimeout(resolve, options.paceSeconds * 1000));
  try {
    await pause();
    for (const [text, act] of scriptOf(ensemble)) {
      marks.push({ at: seconds(), text });
      note(`${kind} at ${seconds()} s: ${text}; ${points.at(-1)?.[1]}/s before`);
      await act();
      await pause();
    }
    return { points, marks };
  } finally {
    child.stdin.end();
    await ended;
  }
}
