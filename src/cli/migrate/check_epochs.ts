/** The two epoch files beside the snapshots, against each other and the log: what a start would refuse (peer-protocol §9). */
import { silentLog } from "../../base/log.ts";
import { epochOf, formatZxid, type Zxid } from "../../base/zxid.ts";
import type { Runtime } from "../../runtime.ts";
import { type EpochName, readEpochFile } from "../../storage/epochs.ts";
import type { Findings } from "./finding.ts";

const ADVICE =
  "the directory was put together from several: restore it, or empty version-2 of this one server and let it be sent " +
  "everything";

/** @param lastZxid of snapshot and logs */
export async function checkEpochs(
  runtime: Runtime,
  folder: string,
  lastZxid: Zxid,
  findings: Findings,
): Promise<void> {
  const { fs } = runtime, context = { host: runtime, log: silentLog };
  const read = async (name: EpochName): Promise<number | undefined> => {
    const epoch = await readEpochFile(context, folder, name);
    if (epoch === undefined && await fs.stat(fs.join(folder, name)) !== undefined) {
      findings.add("blocker", "epochs", fs.join(folder, name), "it holds no number", ADVICE);
      return NaN;
    }
    return epoch;
  };
  const accepted = await read("acceptedEpoch"), current = await read("currentEpoch");
  const logged = Math.max(epochOf(lastZxid), 0);
  // What is no number was told, and is neither below nor above.
  if (current !== undefined && current > (accepted ?? logged)) {
    const found = accepted === undefined
      ? `missing, so that the last zxid ${formatZxid(lastZxid)} makes it ${logged}`
      : String(accepted);
    const what = `acceptedEpoch is ${found}, below currentEpoch ${current}`;
    findings.add("blocker", "epochs", folder, what, ADVICE);
  } else if (accepted !== undefined && logged > accepted) {
    const what = `acceptedEpoch is ${accepted}, below the epoch of the last zxid ${
      formatZxid(lastZxid)
    }`;
    findings.add("blocker", "epochs", folder, what, ADVICE);
  }
}
