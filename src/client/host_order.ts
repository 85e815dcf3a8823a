/** The order in which servers are asked: shuffled once, then round and round, so that clients spread (operations §9.2). */
import type { Prng } from "../base/random.ts";
import type { Host } from "./connect_string.ts";

export class HostOrder {
  readonly #hosts: Host[];
  #at = -1;

  constructor(hosts: readonly Host[], prng: Prng) {
    this.#hosts = [...hosts];
    for (let i = this.#hosts.length - 1; i > 0; i--) {
      const j = prng.below(i + 1);
      const host = this.#hosts[i] as Host;
      this.#hosts[i] = this.#hosts[j] as Host;
      this.#hosts[j] = host;
    }
  }

  next(): Host {
    this.#at = (this.#at + 1) % this.#hosts.length;
    return this.#hosts[this.#at] as Host;
  }
}
