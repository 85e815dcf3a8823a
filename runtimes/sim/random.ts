/** Random numbers of one machine, from the seed of the simulation. */
import type { Random } from "../../src/runtime.ts";
import type { Host } from "./world.ts";

export function simRandom(host: Host): Random {
  return {
    fill: (bytes) => host.random.fill(bytes),
    uint32: () => host.random.uint32(),
  };
}
