/** Asks a server whether it takes writes, with the four letters `isro` (client-protocol §1.3, operations §9.2). */
import type { Connection, MonotonicMs, Runtime } from "../runtime.ts";
import type { Host } from "./connect_string.ts";
import { PROBE_TIMEOUT_MS } from "./limits.ts";

const ISRO = Uint8Array.from("isro", (letter) => letter.charCodeAt(0));

/** Calls `onWritable` if it does; anything else is no answer, and the next probe asks again. */
export function probeWritable(
  runtime: Runtime,
  host: Host,
  onWritable: (host: Host) => void,
): void {
  runtime.net.connect({ ...host, timeoutMs: PROBE_TIMEOUT_MS }).then(
    (connection) => ask(runtime, connection, () => onWritable(host)),
    () => {}, // nobody there: the next probe asks again
  );
}

function ask(runtime: Runtime, connection: Connection, onWritable: () => void): void {
  const { clock } = runtime;
  const untilMs = (clock.monotonicMs() + PROBE_TIMEOUT_MS) as MonotonicMs;
  const cancel = clock.wakeAt(untilMs, () => connection.close());
  let text = "";
  connection.onData((chunk) => {
    for (const byte of chunk) text += String.fromCharCode(byte);
    if (text.length < 2) return;
    connection.close();
    if (text.startsWith("rw")) onWritable();
  });
  connection.onEnd(() => connection.close());
  connection.onClose(() => cancel());
  connection.write(ISRO);
}
