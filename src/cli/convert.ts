/** `menagerie convert`: rewrites a data directory in the other format. */
import { createCodec } from "../../wasm/codec.ts";
import { UsageError } from "../base/errors.ts";
import { formatZxid } from "../base/zxid.ts";
import type { Runtime } from "../runtime.ts";
import { DEFAULT_OPTIONS } from "../server/options.ts";
import { convertDirectory, type ConvertOptions } from "../storage/convert.ts";
import { Exit, failureOf } from "./failure.ts";
import { programLog } from "./logging.ts";

/** Ends the process: 0, or the code of what went wrong. */
export async function convert(runtime: Runtime, options: ConvertOptions): Promise<never> {
  const { process } = runtime;
  const program = programLog(runtime, { level: "warn", format: "text" });
  const opening = program.open();
  try {
    await demandData(runtime, options.dataDir);
    const report = await convertDirectory(
      { host: runtime, log: program.log },
      createCodec(),
      options,
    );
    await opening;
    for (const name of report.left) {
      process.stdout(`left as it was, since it holds nothing usable: ${name}\n`);
    }
    process.stdout(
      `${options.dataDir} is in format ${options.to}: ${report.snapshots} snapshots and ${report.logs} logs ` +
        `rewritten, last zxid ${formatZxid(report.lastZxid)}, digest ${report.digest}\n`,
    );
  } catch (error) {
    await opening;
    const { dataDir, dataLogDir } = options;
    const failure = failureOf(error, { ...DEFAULT_OPTIONS, dataDir, dataLogDir });
    process.stderr(`menagerie: ${failure.message}\n`);
    return process.exit(failure.code);
  }
  return process.exit(Exit.clean);
}

async function demandData({ fs }: Runtime, dataDir: string): Promise<void> {
  if (await fs.stat(fs.join(dataDir, "version-2")) !== undefined) return;
  throw new UsageError(
    `Cannot convert "${dataDir}": it holds no version-2; give the directory that dataDir of zoo.cfg names`,
  );
}
