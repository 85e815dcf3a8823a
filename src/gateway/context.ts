/** What every handler of the door finds beside its request. */
import type { HttpPeer } from "../runtime.ts";
import type { Caller } from "./guard.ts";

/** Hono's types of a request's surroundings. */
export interface DoorEnv {
  Bindings: { readonly peer: HttpPeer };
  Variables: { caller: Caller };
}
