/** Time on Deno. Chains of its `setImmediate` starve sockets; a timer of a millisecond lets them have their turn. */
import type { Clock } from "../../src/runtime.ts";
import { hostClock } from "../node/clock.ts";

const YIELD_MS = 1;

export function denoClock(): Clock {
  const clock = hostClock((task) => {
    setTimeout(task, YIELD_MS);
  });
  return {
    ...clock,
    hop: (task) => {
      setImmediate(task);
    },
  };
}
