/** Virtual time through the door. Wakes are late by a drawn bit, as real timers are, and never early. */
import type { Clock, MonotonicMs } from "../../src/runtime.ts";
import { label } from "./labels.ts";
import type { Life } from "./life.ts";
import type { SimEvent } from "./queue.ts";
import { type Host, pick } from "./world.ts";

const LATE_US: readonly number[] = [0, 0, 0, 50, 200, 1000];
const SOON_US = 10;
const WAKE = label("wake");
const SOON = label("soon");

export function simClock(host: Host, life: Life): Clock {
  const { clock } = host;
  return {
    monotonicMs: () => clock.nowUs / 1000 as MonotonicMs,
    wallMs: () => clock.wallMs,
    wakeAt(at, wake) {
      let event: SimEvent;
      const ring = (): void => {
        // The clock may have been slowed since.
        const leftUs = clock.untilUs(at);
        if (leftUs > 0) event = life.after(leftUs, WAKE, ring);
        else wake();
      };
      const leftUs = Math.max(1, clock.untilUs(at)) + pick(host.random, LATE_US);
      event = life.after(leftUs, WAKE, ring);
      return () => life.cancel(event);
    },
    soon(task) {
      life.after(SOON_US, SOON, task);
    },
  };
}
