// Ports for servers of tests: each of the gate's slots has a range of its own, and a port in use is passed over.
import { createServer } from "node:net";
import process from "node:process";

/** Another where two checkouts are tested at once. */
const first = Number(process.env["MENAGERIE_TEST_PORTS"] ?? 21_500);
const perSlot = 200;
let next = 0;

/** A port on which nothing listens now. @throws {Error} when the range is full */
export async function freePort(): Promise<number> {
  const base = first + (Number(process.env["MENAGERIE_TEST_SLOT"] ?? "2") % 3) * perSlot;
  for (let tries = 0; tries < perSlot; tries++) {
    const port = base + next++ % perSlot;
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port among the ${perSlot} from ${base}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1" }, () => server.close(() => resolve(true)));
  });
}
