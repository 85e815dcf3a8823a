/** Three servers on the two cores: throughput, and a follower that was away. */
import { messageOf } from "../../src/base/errors.ts";
import { RealEnsemble, type ServerKind } from "../../test/support/real_ensemble.ts";
import { runLoadProcess } from "../support/load_process.ts";
import { APACHE, untilFirstReply } from "../support/servers.ts";
import { load, measure, type Measures, SERIAL, type Stage, warmJvm } from "./stage.ts";

const WIDE = ["--connections", "12", "--window", "100"];
export const TRIO_LOADS: readonly (readonly [row: string, args: readonly string[]])[] = [
  ["trio-reads", ["--mix", "getData", ...WIDE]],
  ["trio-half", ["--mix", "getData=1,setData=1", ...WIDE]],
  ["trio-writes", ["--mix", "setData", ...WIDE]],
  ["trio-serial", ["--mix", "setData", ...SERIAL]],
];
const RETURN_TIMEOUT_MS = 300_000;
/** Of each server, when something fails. */
const LOG_LINES = 6;

export function kindOf(subject: string): ServerKind {
  return subject === "apache" ? `apache-${APACHE}` : subject as ServerKind;
}

/** @param subject one kind for all, or `mixed`: ours in turn */
export function kindsOf(subject: string, count: number): ServerKind[] {
  const ours = ["node", "deno", "bun"] as const;
  return Array.from(
    { length: count },
    (_, i) => subject === "mixed" ? ours[i % ours.length] as ServerKind : kindOf(subject),
  );
}

export async function withEnsemble<T>(
  subject: string,
  count: number,
  snapCount: number,
  body: (ensemble: RealEnsemble) => Promise<T>,
  flagsOf?: (sid: number) => readonly string[],
): Promise<T> {
  const ensemble = await RealEnsemble.start({
    kinds: kindsOf(subject, count),
    tickMs: 2000,
    jvm: "full",
    config: [`snapCount=${snapCount}`],
    ...(flagsOf === undefined ? {} : { flagsOf }),
  });
  try {
    return await body(ensemble);
  } catch (error) {
    throw new Error(`${messageOf(error)}\n${ensemble.logs(LOG_LINES)}`);
  } finally {
    await ensemble.stop();
  }
}

export const trio: Stage = (context) => {
  const { settings, subject, wants } = context;
  return withEnsemble(subject, 3, settings.snapCount, async (ensemble) => {
    const measures: Measures = {};
    await warmJvm(context, ensemble.connectString);
    for (const [row, args] of TRIO_LOADS) {
      if (!wants(row)) continue;
      const isSerial = row === "trio-serial";
      const leader = await ensemble.leader();
      const connect = isSerial
        ? `127.0.0.1:${ensemble.server(leader).clientPort}`
        : ensemble.connectString;
      const result = await load(context, connect, args);
      measures[row] = measure(isSerial ? result.p50Us : result.opsPerSecond, {
        ...result,
        leader: ensemble.server(leader).kind,
      });
    }
    return measures;
  });
};

/**
 * A follower is stopped, the others take creates of 1 KiB, it starts again: until it serves, which it does in sync.
 * @param beforeReturn while it is away
 */
export async function followerReturn(
  ensemble: RealEnsemble,
  subject: string,
  creates: number,
  beforeReturn: () => void = () => {},
): Promise<{
  readonly leader: number;
  readonly sid: number;
  readonly fromMs: number;
  readonly ms: number;
}> {
  const leader = await ensemble.leader();
  const { sid, clientPort } = ensemble.servers.find((one) => one.sid !== leader) ??
    ensemble.server(1);
  await ensemble.end(sid);
  const connect = `127.0.0.1:${ensemble.server(leader).clientPort}`;
  const znodes = ["--znodes", String(creates), "--bytes", "1024"];
  await runLoadProcess(["--connect", connect, ...znodes, "--seconds", "0.1", "--warmup", "0"]);
  beforeReturn();
  const fromMs = Date.now(), began = performance.now();
  ensemble.start(sid);
  const { process: child } = ensemble.server(sid);
  if (child === undefined) throw new Error("The follower did not start");
  await untilFirstReply(child, subject, clientPort, RETURN_TIMEOUT_MS);
  return { leader, sid, fromMs, ms: performance.now() - began };
}

export const behind: Stage = (context) => {
  const { settings, subject, note } = context;
  return withEnsemble(subject, 3, settings.snapCount, async (ensemble) => {
    await warmJvm(context, ensemble.connectString);
    const { ms } = await followerReturn(ensemble, subject, settings.creates);
    note(`${subject}: back after ${ms.toFixed(0)} ms`);
    return { behind: measure(ms, { creates: settings.creates }) };
  });
};
