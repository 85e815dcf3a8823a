/** Workloads on real server processes, started as the product is run. */
import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { followerReturn, TRIO_LOADS, withEnsemble } from "../suite/ensemble.ts";
import { STANDALONE_LOADS } from "../suite/standalone.ts";
import { WIDE } from "../suite/stage.ts";
import { startCrowd } from "../support/crowd_process.ts";
import { runLoadProcess } from "../support/load_process.ts";
import { startBenchServer, withWorkFolder } from "../support/servers.ts";
import type { Profile, Window } from "./profile.ts";
import { FINE_US, flagsFor, loadWindow, profileWithin, startProfiled } from "./servers.ts";
import type { ProfileSettings, ProfileStage } from "./workloads.ts";

/** One server, 1,000 znodes of 1 KiB. */
export const standalone: ProfileStage = (context) =>
  withWorkFolder(context.settings.folder, async (folder) => {
    const { server, within } = await startProfiled(context, folder);
    const windows: Record<string, Window> = {};
    try {
      for (const [row, args] of STANDALONE_LOADS) {
        // Those in process have the others of the suite.
        if (!context.wants(row) || !["serial-read", "serial-write", "crowd"].includes(row)) {
          continue;
        }
        windows[row] = await loadWindow(context, `127.0.0.1:${server.port}`, args);
      }
    } finally {
      await server.stop();
    }
    return rowsOf(windows, within);
  });

/** Each on an empty directory of its own. */
export const starts: ProfileStage = async (context) => {
  const profiles: Profile[] = [];
  for (let i = 0; i < context.settings.starts; i++) {
    await withWorkFolder(context.settings.folder, async (folder) => {
      const { server, start, within } = await startProfiled(context, folder, FINE_US);
      await server.stop();
      profiles.push(within([start]));
    });
  }
  return { start: [profiles] };
};

/** Snapshots come often enough to be met. */
const SNAPSHOT_SECONDS = 8;

/** One server on a copy of the directory with the znodes: its start, then the loads. */
export const million: ProfileStage = (context) =>
  withWorkFolder(context.settings.folder, async (folder) => {
    const { settings, runtime, wants, note, grown } = context;
    cpSync(await grown(), join(folder, "data"), { recursive: true });
    const { server, start, within } = await startProfiled(context, folder, FINE_US);
    const windows: Record<string, Window> = { "start-million": start };
    note(`${runtime}: started with ${settings.znodes} znodes in ${server.startMs.toFixed(0)} ms`);
    try {
      const connect = `127.0.0.1:${server.port}`;
      const filled = [...WIDE, ...znodesOf(settings), "--filled"];
      if (wants("random-reads")) {
        windows["random-reads"] = await loadWindow(context, connect, [
          "--mix",
          "getData",
          ...filled,
        ]);
      }
      if (wants("snapshot")) {
        const seconds = settings.quick ? settings.seconds : SNAPSHOT_SECONDS;
        const half = ["--mix", "getData=1,setData=1", ...filled];
        const before = snapshotsIn(server.dataDir);
        windows["snapshot"] = await loadWindow(context, connect, half, seconds);
        const written = snapshotsIn(server.dataDir).filter((name) => !before.includes(name)).length;
        note(`${runtime}: ${written} snapshots meanwhile`);
      }
    } finally {
      await server.stop();
    }
    return rowsOf(windows, within);
  });

function snapshotsIn(dataDir: string): string[] {
  return readdirSync(join(dataDir, "version-2")).filter((name) => name.startsWith("snapshot."));
}

function znodesOf({ znodes }: ProfileSettings): string[] {
  return ["--znodes", String(znodes), "--bytes", "100"];
}

/** A data directory with the znodes below `folder`, made by a server without the profiler. */
export async function grow(settings: ProfileSettings, folder: string): Promise<string> {
  const { port, snapCount } = settings;
  const server = await startBenchServer("bun", {
    port,
    folder,
    config: [`snapCount=${snapCount}`],
  });
  try {
    const connect = ["--connect", `127.0.0.1:${port}`];
    await runLoadProcess([...connect, ...znodesOf(settings), "--seconds", "0.1", "--warmup", "0"]);
  } finally {
    await server.stop();
  }
  return server.dataDir;
}

const FIRES = { warm: 3, counted: 6 };

/** Sessions from the first to the last one open; watches from the change to the last event, without their leaving. */
export const sessions: ProfileStage = (context) =>
  withWorkFolder(context.settings.folder, async (folder) => {
    const { settings, runtime, wants, note } = context;
    const { server, within } = await startProfiled(context, folder, FINE_US);
    const fires: Window[] = [];
    const opening = { fromMs: Date.now(), toMs: Infinity };
    try {
      const crowd = await startCrowd(server.port, settings.sessions, settings.watches);
      opening.toMs = Date.now();
      note(`${runtime}: sessions opened in ${opening.toMs - opening.fromMs} ms`);
      try {
        const rounds = wants("watches") ? FIRES.warm + FIRES.counted : 0;
        for (let i = 0; i < rounds; i++) {
          const ms = await crowd.fire(), toMs = Date.now();
          if (i >= FIRES.warm) fires.push({ fromMs: toMs - ms, toMs });
        }
      } finally {
        await crowd.stop();
      }
    } finally {
      await server.stop();
    }
    return {
      sessions: [[within([opening])]],
      ...(wants("watches") ? { watches: [[within(fires)]] } : {}),
    };
  });

export const trio: ProfileStage = (context) =>
  withWorkFolder(context.settings.folder, async (folder) => {
    const { settings, runtime, wants } = context;
    const windows: { row: string; leader: number; window: Window }[] = [];
    const flagsOf = (sid: number): string[] => flagsFor(folderOf(folder, sid));
    await withEnsemble(runtime, 3, settings.snapCount, async (ensemble) => {
      for (const [row, args] of TRIO_LOADS) {
        if (!wants(row)) continue;
        const leader = await ensemble.leader();
        const connect = row === "trio-serial"
          ? `127.0.0.1:${ensemble.server(leader).clientPort}`
          : ensemble.connectString;
        windows.push({ row, leader, window: await loadWindow(context, connect, args) });
      }
    }, flagsOf);
    return Object.fromEntries(windows.map(({ row, leader, window }) => {
      const of = (sid: number) => [profileWithin(folderOf(folder, sid), runtime, [window])];
      return [row, [of(leader), of(leader === 1 ? 2 : 1)]];
    }));
  });

function folderOf(folder: string, sid: number): string {
  const path = join(folder, String(sid));
  mkdirSync(path, { recursive: true });
  return path;
}

/** From the spawn until it serves, which it does in sync: its own time, and that of the leader that sends. */
export const behind: ProfileStage = (context) =>
  withWorkFolder(context.settings.folder, async (folder) => {
    const { settings, runtime, note } = context;
    let life = "before";
    const own = (sid: number, of: string): string => folderOf(join(folder, of), sid);
    const flagsOf = (sid: number): string[] => flagsFor(own(sid, life), FINE_US);
    const back = await withEnsemble(
      runtime,
      3,
      settings.snapCount,
      (ensemble) => followerReturn(ensemble, runtime, settings.creates, () => life = "back"),
      flagsOf,
    );
    note(`${runtime}: back after ${back.ms.toFixed(0)} ms under the profiler`);
    const windows = [{ fromMs: back.fromMs, toMs: back.fromMs + back.ms }];
    return {
      behind: [
        [profileWithin(own(back.sid, "back"), runtime, windows)],
        [profileWithin(own(back.leader, "before"), runtime, windows)],
      ],
    };
  });

function rowsOf(
  windows: Readonly<Record<string, Window>>,
  within: (windows: readonly Window[]) => Profile,
): Record<string, Profile[][]> {
  return Object.fromEntries(
    Object.entries(windows).map(([row, window]) => [row, [[within([window])]]]),
  );
}
