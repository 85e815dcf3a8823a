/** Time on Bun: its timers and `setImmediate` behave as Node's. */
export { nodeClock as bunClock } from "../node/clock.ts";
