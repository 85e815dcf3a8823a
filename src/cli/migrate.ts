/** `menagerie migrate --check zoo.cfg`: what would stand in the way of a migration, told before it begins. Writes nothing. */
import type { Setting } from "../config/settings.ts";
import type { Runtime } from "../runtime.ts";
import { Exit } from "./failure.ts";
import { checkConfig, type Checked } from "./migrate/check_config.ts";
import { checkData, type Loaded, loadedText } from "./migrate/check_data.ts";
import { checkDirectories } from "./migrate/check_directories.ts";
import { checkEpochs } from "./migrate/check_epochs.ts";
import { checkRunning } from "./migrate/check_running.ts";
import { checkTree } from "./migrate/check_tree.ts";
import { countsText, Findings, findingText, type Level, LEVELS } from "./migrate/finding.ts";

export interface MigrateOptions {
  /** A zoo.cfg. */
  readonly check: string;
  /** Beside the file: what Apache's server is given as Java properties. */
  readonly settings: readonly Setting[];
  readonly json: boolean;
  /** No server is asked. */
  readonly offline: boolean;
}

export interface Looked {
  readonly findings: Findings;
  /** Undefined: the file could not be read. */
  readonly checked: Checked | undefined;
  /** Undefined: there is nothing, or nothing that a server would start with. */
  readonly loaded: Loaded | undefined;
}

/** Ends the process: 0 when nothing stands in the way, else 1. */
export async function migrate(runtime: Runtime, options: MigrateOptions): Promise<never> {
  const { process } = runtime;
  const looked = await lookAt(runtime, options);
  const text = options.json
    ? `${JSON.stringify(reportOf(looked), undefined, 2)}\n`
    : textOf(looked);
  process.stdout(text);
  return process.exit(looked.findings.count("blocker") === 0 ? Exit.clean : Exit.failed);
}

export async function lookAt(runtime: Runtime, options: MigrateOptions): Promise<Looked> {
  const findings = new Findings();
  const checked = await checkConfig(runtime, options.check, options.settings, findings);
  const loaded = checked === undefined ? undefined : await checkFiles(runtime, checked, findings);
  if (checked !== undefined && !options.offline) {
    await checkRunning(runtime, checked.server, checked.group, findings);
  }
  return { findings, checked, loaded };
}

async function checkFiles(
  runtime: Runtime,
  { server, group }: Checked,
  findings: Findings,
): Promise<Loaded | undefined> {
  const isEnsemble = group !== undefined;
  const stored = await checkDirectories(runtime.fs, server, isEnsemble, findings);
  if (stored === undefined) return undefined;
  const loaded = await checkData(runtime, server, stored, findings);
  if (loaded === undefined) return undefined;
  checkTree(loaded.db, server, findings);
  // A server of its own, ours or Apache's, does not read them.
  if (isEnsemble) await checkEpochs(runtime, stored.snapshotFolder, loaded.lastZxid, findings);
  return loaded;
}

function textOf({ checked, loaded, findings }: Looked): string {
  const lines = findings.sorted().map(findingText);
  if (checked !== undefined) {
    const { server: { dataDir, dataLogDir }, group, myId } = checked;
    const who = group === undefined
      ? "a server of its own"
      : `server ${myId ?? "?"} of ${group.members.size}`;
    const where = dataDir === dataLogDir ? dataDir : `${dataDir} and ${dataLogDir}`;
    const what = loaded === undefined ? "nothing that could be loaded" : loadedText(loaded);
    lines.unshift(`Checked ${who}, with ${where}: ${what}\n`);
  }
  const verdict = findings.count("blocker") === 0
    ? "nothing stands in the way; docs/migration.md goes on from here"
    : "not yet; see what to do above";
  return `${lines.join("\n")}\n${countsText(findings)}: ${verdict}\n`;
}

function reportOf({ checked, loaded, findings }: Looked): Record<string, unknown> {
  const counts = Object.fromEntries(
    LEVELS.map((level: Level) => [`${level}s`, findings.count(level)]),
  );
  const { server, group, myId } = checked ?? {};
  return {
    ...counts,
    findings: findings.sorted(),
    server: server === undefined ? undefined : {
      myId,
      servers: group === undefined ? 1 : group.members.size,
      dataDir: server.dataDir,
      dataLogDir: server.dataLogDir,
    },
    data: loaded === undefined ? undefined : {
      lastZxid: `0x${loaded.lastZxid.toString(16)}`,
      digest: `0x${loaded.digest}`,
      znodes: loaded.db.tree.nodeCount,
      sessions: loaded.db.sessions.size,
    },
  };
}
