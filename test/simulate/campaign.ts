/** Many seeds, one after the other: what they found, how fast, under which faults. A violation is shrunk and told. */
import type { Plan } from "./plan.ts";
import { runPlan, type RunResult } from "./run.ts";
import { traceText } from "./trace.ts";

export interface Tally {
  seeds: number;
  virtualMs: number;
  txns: number;
  calls: number;
  undecided: number;
  readonly faults: Map<string, number>;
  readonly failed: string[];
}

export function newTally(): Tally {
  return { seeds: 0, virtualMs: 0, txns: 0, calls: 0, undecided: 0, faults: new Map(), failed: [] };
}

export function count(tally: Tally, result: RunResult): void {
  tally.seeds++;
  tally.virtualMs += result.virtualMs;
  tally.txns += result.counts.txns;
  tally.calls += result.counts.calls;
  tally.undecided += result.counts.undecided;
  for (const [name, times] of result.faults) {
    tally.faults.set(name, (tally.faults.get(name) ?? 0) + times);
  }
  if (result.violations.length > 0) tally.failed.push(result.plan.seed);
}

/** A run that breaks down is as bad as one that violates a rule. */
export async function runSeed(plan: Plan, keepLines = false): Promise<RunResult | Error> {
  try {
    return await runPlan(plan, { keepLines });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** What is wrong, by the name of the rule; undefined: nothing. */
export function ruleBroken(result: RunResult | Error): string | undefined {
  if (result instanceof Error) return `error ${result.message.slice(0, 60)}`;
  return result.violations[0]?.checker;
}

/** Smaller plans that are still as bad: fewer faults, then fewer clients, then fewer errands; greedy. */
export async function shrink(
  plan: Plan,
  runsMax: number,
  isBad: (plan: Plan) => Promise<boolean>,
): Promise<Plan> {
  let best = plan, runs = 0;
  const attempt = async (smaller: Plan): Promise<boolean> => {
    if (runs++ >= runsMax || !await isBad(smaller)) return false;
    best = smaller;
    return true;
  };
  for (let size = Math.ceil(best.faults.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < best.faults.length;) {
      const faults = [...best.faults.slice(0, at), ...best.faults.slice(at + size)];
      if (!await attempt({ ...best, faults })) at += size;
    }
  }
  for (let at = 0; at < best.clients.length && best.clients.length > 1;) {
    const clients = best.clients.filter((_, index) => index !== at);
    if (!await attempt({ ...best, clients })) at++;
  }
  for (let again = true; again;) {
    const clients = best.clients.map((one) => ({ ...one, errands: Math.floor(one.errands / 2) }));
    again = clients.some(({ errands }) => errands > 0) && await attempt({ ...best, clients });
  }
  return best;
}

/** What a reader needs to understand one run. */
export async function traceOf(plan: Plan): Promise<string> {
  const result = await runSeed(plan, true);
  if (!(result instanceof Error)) return traceText(result);
  return `seed ${plan.seed}\nplan ${JSON.stringify(plan)}\n${result.stack ?? result.message}\n`;
}
