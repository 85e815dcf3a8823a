/** A bench that is interrupted ends in order, so that neither its servers nor their data stay behind. */
import process from "node:process";

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** The exit code is the shell's for the signal: 128 and its number. */
export function endOnSignals(): void {
  for (const [name, number] of Object.entries(SIGNALS)) {
    process.once(name, () => process.exit(128 + number));
  }
}
