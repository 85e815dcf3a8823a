/** A thread that opens and closes a file until it is told to end, or a descriptor is not its own: run by lock_descriptors.test.ts. */
import fs from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

const isOver = new Int32Array(workerData as SharedArrayBuffer);
let opened = 0, error = "";
parentPort?.postMessage("ready");
while (Atomics.load(isOver, 0) === 0 && error === "") {
  try {
    const fd = fs.openSync(".", "r");
    opened++;
    fs.fstatSync(fd);
    fs.closeSync(fd);
  } catch (found) {
    error = String(found);
  }
}
parentPort?.postMessage({ opened, error });
