/** Virtual time. Wakes are late by a drawn bit, as real timers are, and never early. */
import type { Clock, MonotonicMs } from "../../src/runtime.ts";
import type { Life } from "./life.ts";
import type { Host } from "./world.ts";

const LATE_US: readonly number[] = [0, 0, 0, 50, 200, 1000];
const SOON_US = 10;

export function simClock(host: Host, life: Life): Clock {
  const { world } = host;
  return {
    monotonicMs: () => world.nowMs as MonotonicMs,
    wallMs: () => world.wallStartMs + Math.floor(world.nowMs) + host.wallSkewMs,
    wakeAt(at, wake) {
      const lateUs = LATE_US[host.random.below(LATE_US.length)] ?? 0;
      const wholeUs = Math.ceil(at * 1000);
      const atUs = wholeUs / 1000 < at ? wholeUs + 1 : wholeUs; // the product may round down
      const leftUs = Math.max(1, atUs - world.nowUs);
      return life.after(leftUs + lateUs, "wake", wake);
    },
    soon(task) {
      life.after(SOON_US, "soon", task);
    },
  };
}
