/** The end of a file that grows, such as a log, without reading all of it. */
import { messageOf } from "../base/errors.ts";
import { utf8Decode } from "../base/host.ts";
import type { Runtime } from "../runtime.ts";
import { oneLine } from "./one_line.ts";

const BYTES_MAX = 4096;
const LINES_MAX = 5;

/** Indented; a file that cannot be read, or is empty, is told in the same place. */
export async function lastLines({ fs }: Pick<Runtime, "fs">, path: string): Promise<string> {
  let text: string;
  try {
    const file = await fs.open(path, "read");
    try {
      const size = await file.size();
      const bytes = new Uint8Array(Math.min(size, BYTES_MAX));
      const count = await file.read(bytes, size - bytes.length);
      text = utf8Decode(bytes.subarray(0, count));
    } finally {
      await file.close();
    }
  } catch (error) {
    text = `(${messageOf(error)})`;
  }
  const lines = text.trimEnd().split("\n").slice(-LINES_MAX);
  return lines.map((line) => `  ${oneLine(line) || "(nothing)"}`).join("\n");
}
