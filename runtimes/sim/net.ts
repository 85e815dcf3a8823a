/** The network through the door of one process. */
import type { Net } from "../../src/runtime.ts";
import { connect } from "./handshake.ts";
import { label } from "./labels.ts";
import type { Life } from "./life.ts";
import type { Network } from "./network.ts";
import type { Host } from "./world.ts";

const LISTEN_US = 5;
const LISTEN = label("listen");

export function simNet(network: Network, host: Host, life: Life): Net {
  return {
    listen: (options, onConnection) =>
      life.later(LISTEN_US, LISTEN, () => network.listen(host, life, options, onConnection)),
    connect: (options) => connect(network, host, life, options),
  };
}
