/**
 * A .cpuprofile as all three runtimes write it, cut to the time of a load, and its functions by their own share of the
 * busy time. A sample counts once, whatever time lies before it: Bun takes none while nothing runs, so that the time of
 * the next one would hold the whole rest.
 */

export const RUNTIMES = ["node", "deno", "bun"] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

export interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  /** Microseconds on a clock of the runtime's own: `profileClock`. */
  readonly startTime: number;
  readonly endTime: number;
  /** Ids of nodes. */
  readonly samples: readonly number[];
  /** Microseconds from the sample before, or from the start. */
  readonly timeDeltas: readonly number[];
}

/** Milliseconds of the wall clock: the load is another process than the server. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * From the wall clock to a profile's: V8 counts on the monotonic clock, Bun on the wall clock.
 * @param monotonicUs and `wallMs`: both clocks, read at once
 */
export function profileClock(
  runtime: RuntimeName,
  monotonicUs: number,
  wallMs: number,
): (ms: number) => number {
  if (runtime === "bun") return (ms) => ms * 1000;
  return (ms) => monotonicUs + (ms - wallMs) * 1000;
}

/** What lies within the windows, which follow one another. @param clock as of `profileClock` */
export function cut(
  profile: Profile,
  windows: readonly Window[],
  clock: (ms: number) => number,
): Profile {
  const spans = windows.map(({ fromMs, toMs }) => ({ from: clock(fromMs), to: clock(toMs) }));
  const samples: number[] = [], timeDeltas: number[] = [];
  let at = profile.startTime, kept = 0;
  profile.samples.forEach((id, i) => {
    const delta = profile.timeDeltas[i] ?? 0;
    at += delta;
    const span = spans.find(({ from, to }) => at >= from && at < to);
    if (span === undefined) return;
    const own = Math.min(delta, at - span.from);
    samples.push(id);
    timeDeltas.push(own);
    kept += own;
  });
  const startTime = Math.max(profile.startTime, spans[0]?.from ?? profile.startTime);
  return { ...profile, startTime, endTime: startTime + kept, samples, timeDeltas };
}

/** The functions that take most in all of `profiles`, `name percent, …`, and how idle it was; "-" when nothing ran. */
export function cellOf(profiles: readonly Profile[], top: number): string {
  const own = new Map<string, number>();
  let busy = 0, idle = 0;
  for (const { nodes, samples } of profiles) {
    const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
    for (const id of samples) {
      const name = names.get(id);
      if (name === undefined) {
        idle++;
        continue;
      }
      own.set(name, (own.get(name) ?? 0) + 1);
      busy++;
    }
  }
  if (busy === 0) return "-";
  const functions = [...own].sort(([, a], [, b]) => b - a).slice(0, top)
    .map(([name, count]) => ({ name, share: percent(count, busy) }))
    .filter(({ share }, at) => share > 0 || at === 0)
    .map(({ name, share }) => `${name} ${share}`).join(", ");
  const idlePercent = percent(idle, busy + idle);
  return idlePercent < IDLE_PERCENT_TOLD ? functions : `${functions}; idle ${idlePercent}`;
}

/** Bun tells of none. */
const IDLE_PERCENT_TOLD = 5;

function percent(part: number, whole: number): number {
  return Math.round(part * 100 / whole);
}

/** @returns undefined while nothing runs */
function nameOf({ functionName, url }: Profile["nodes"][number]["callFrame"]): string | undefined {
  if (functionName === "(idle)") return undefined;
  if (url.startsWith("wasm:") || functionName.includes("wasm-function")) return "codec (wasm)";
  if (functionName === "(garbage collector)") return "garbage";
  if (functionName === "(program)") return "the host";
  if (!NAMELESS.includes(functionName)) return functionName;
  return OURS.test(url) ? "(anonymous)" : "(host's)";
}

/** As the runtimes write it, also of a module's own code. */
const NAMELESS = ["", "anonymous", "(anonymous)", "(module)"];
/** The others are modules of the runtime: `node:net`, `ext:core/01_core.js`, none at all. */
const OURS = /^(file:|\/)/;
