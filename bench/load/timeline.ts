/**
 * A load that lives through failures: a connection that ends is opened again at the next server. Replies are counted per slice
 * of time, one line each, until its input ends:
 *
 *   bun run bench/load/timeline.ts CONNECT_STRING CONNECTIONS WINDOW MIX SLICE_MS
 *
 * The znodes must be there (npm run bench -- load fills them).
 */
import process from "node:process";
import { parseConnectString } from "../../src/client/connect_string.ts";
import { LoadConnection } from "../../src/load/connection.ts";
import { Histogram } from "../../src/load/histogram.ts";
import { DEFAULT_LOAD, type LoadOptions, parseMix } from "../../src/load/options.ts";
import { type Ring, ringOf } from "../../src/load/requests.ts";
import type { Runtime } from "../../src/runtime.ts";
import { hostRuntime } from "../../test/support/runtime.ts";

const PAUSE_MS = 50;
/** Without a reply for so long a connection is given up: its server may have accepted it and serve nobody. */
const SILENCE_MS = 2000;
const CONNECT_TIMEOUT_MS = 1000;

class Steady {
  /** Of connections that have ended. */
  #past = 0;
  #connection: LoadConnection | undefined;
  #seen = 0;
  #seenAtMs = 0;
  #next: number;
  readonly #runtime: Runtime;
  readonly #options: LoadOptions;
  readonly #ring: Ring;

  constructor(runtime: Runtime, options: LoadOptions, ring: Ring, index: number) {
    this.#runtime = runtime;
    this.#options = options;
    this.#ring = ring;
    this.#next = index;
    void this.#open();
  }

  get replies(): number {
    return this.#past + (this.#connection?.replies ?? 0);
  }

  async #open(): Promise<void> {
    const { servers, window } = this.#options;
    const { host, port } = servers[this.#next++ % servers.length] as LoadOptions["servers"][number];
    try {
      const net = await this.#runtime.net.connect({ host, port, timeoutMs: CONNECT_TIMEOUT_MS });
      this.#seen = 0;
      this.#seenAtMs = performance.now();
      const connection = new LoadConnection(net, this.#runtime.clock, {
        ring: this.#ring,
        window,
        budget: Number.MAX_SAFE_INTEGER,
        firstFrame: this.#next * 97,
        toleratedError: 0,
        latencies: new Histogram(),
        onOpen: () => connection.begin(),
        onEnd: () => this.#again(),
      });
      this.#connection = connection;
    } catch {
      this.#again();
    }
  }

  #again(): void {
    this.#past += this.#connection?.replies ?? 0;
    this.#connection = undefined;
    setTimeout(() => void this.#open(), PAUSE_MS);
  }

  /** Called once a slice. */
  look(): void {
    const connection = this.#connection, now = performance.now();
    if (connection === undefined) return;
    if (connection.replies !== this.#seen) {
      this.#seen = connection.replies;
      this.#seenAtMs = now;
    } else if (now - this.#seenAtMs > SILENCE_MS) {
      connection.close();
      this.#again();
    }
  }
}

const [connect = "", connections = "12", window = "100", mix = "getData", sliceMs = "500"] = process
  .argv.slice(2);
const options: LoadOptions = {
  ...DEFAULT_LOAD,
  servers: parseConnectString(connect).hosts,
  mix: parseMix(mix),
  connections: Number(connections),
  window: Number(window),
};
const runtime = await hostRuntime(), ring = ringOf(options);
const all = Array.from(
  { length: options.connections },
  (_, index) => new Steady(runtime, options, ring, index),
);
let before = 0, beganMs = performance.now();
setInterval(() => {
  const replies = all.reduce((sum, one) => sum + one.replies, 0), now = performance.now();
  console.log(`slice ${((replies - before) / (now - beganMs) * 1000).toFixed(0)}`);
  before = replies;
  beganMs = now;
  for (const one of all) one.look();
}, Number(sliceMs));
process.stdin.on("data", () => {});
process.stdin.on("end", () => process.exit(0));
