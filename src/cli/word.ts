/** Asks a server for a four-letter word. */
import { utf8Decode, utf8Encode } from "../base/host.ts";
import type { MonotonicMs, Runtime } from "../runtime.ts";

/** What is longer is no answer of a server to the words that are asked here. */
const ANSWER_BYTES_MAX = 1024 * 1024;

/** The answer; "" where nobody answers in time. */
export async function askWord(
  { net, clock }: Pick<Runtime, "net" | "clock">,
  { host, port }: { readonly host: string; readonly port: number },
  word: string,
  timeoutMs: number,
): Promise<string> {
  let connection;
  try {
    connection = await net.connect({ host, port, timeoutMs });
  } catch {
    return ""; // refused: it is not there
  }
  const open = connection;
  return new Promise((resolve) => {
    let answer = "";
    const cancel = clock.wakeAt(clock.monotonicMs() + timeoutMs as MonotonicMs, () => open.close());
    open.onData((chunk) => {
      answer += utf8Decode(chunk);
      if (answer.length > ANSWER_BYTES_MAX) open.close();
    });
    open.onEnd(() => open.end());
    open.onClose(() => {
      cancel();
      resolve(answer);
    });
    open.write(utf8Encode(word));
  });
}
