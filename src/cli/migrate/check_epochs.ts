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
    }
    return epoch;
  };
  const accepted = await read("acceptedEpoch"), current = await read("currentEpoch");
  const logged = epochOf(lastZxid);
  if (accepted === undefined) return;
  if (current !== undefined && accepted < current) {
    const what = `acceptedEpoch is ${accepted}, below currentEpoch ${current}`;
    findings.add("blocker", "epochs", folder, what, ADVICE);
  } else if (logged > accepted) {
    const what = `acceptedEpoch is ${accepted}, below the epoch of the last zxid ${
      formatZxid(lastZxid)
    }`;
    findings.add("blocker", "epochs", folder, what, ADVICE);
  }
}
