/** What can be profiled, by the suite's names, and what a stage is given and gives. */
import type { Profile, RuntimeName } from "./profile.ts";

export type StageName =
  | "inProcess"
  | "standalone"
  | "starts"
  | "million"
  | "sessions"
  | "trio"
  | "behind";

export interface Workload {
  readonly id: string;
  readonly stage: StageName;
  /** One a row of the table. */
  readonly titles: readonly string[];
}

function inProcess(id: string): Workload {
  return { id, stage: "inProcess", titles: [id] };
}

function ofServer(id: string, stage: StageName, title: string): Workload {
  return { id, stage, titles: [title] };
}

function ofTrio(id: string, words: string): Workload {
  const title = `three servers: ${words}`;
  return { id, stage: "trio", titles: [`${title}, the leader`, `${title}, a follower`] };
}

export const WORKLOADS: readonly Workload[] = [
  ...["reads", "90 % reads", "50 % reads", "writes", "creates", "children"].map(inProcess),
  ofServer("serial-read", "standalone", "reads 1 x 1"),
  ofServer("serial-write", "standalone", "writes 1 x 1"),
  ofServer("crowd", "standalone", "reads 1,000 x 1"),
  ofServer("start", "starts", "start, empty"),
  ofServer("start-million", "million", "start with 1,000,000 znodes"),
  ofServer("random-reads", "million", "random reads over them"),
  ofServer("snapshot", "million", "50 % reads beside their snapshots"),
  ofServer("sessions", "sessions", "10,000 sessions opened"),
  ofServer("watches", "sessions", "100,000 watches fired"),
  ofTrio("trio-reads", "reads"),
  ofTrio("trio-half", "50 % reads"),
  ofTrio("trio-writes", "writes"),
  ofTrio("trio-serial", "writes 1 x 1"),
  {
    id: "behind",
    stage: "behind",
    titles: ["a follower back, 200,000 creates of 1 KiB behind", "the leader meanwhile"],
  },
];

export interface ProfileSettings {
  readonly quick: boolean;
  /** Of a load, after its warm-up. */
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly snapCount: number;
  readonly starts: number;
  readonly znodes: number;
  readonly sessions: number;
  /** Of each session. */
  readonly watches: number;
  readonly creates: number;
  readonly port: number;
  readonly folder: string;
}

/** The titles' numbers are those of the full run. */
export function settingsOf(quick: boolean, port: number, folder: string): ProfileSettings {
  const size = quick
    ? { seconds: 1.5, starts: 2, znodes: 100_000, sessions: 1_000, creates: 20_000 }
    : { seconds: 4, starts: 8, znodes: 1_000_000, sessions: 10_000, creates: 200_000 };
  return { quick, warmupSeconds: 1, snapCount: 100_000, watches: 10, port, folder, ...size };
}

export interface ProfileContext {
  readonly settings: ProfileSettings;
  readonly runtime: RuntimeName;
  readonly wants: (workload: string) => boolean;
  readonly note: (text: string) => void;
  /** A data directory with the znodes, made once; it is to be copied. */
  readonly grown: () => Promise<string>;
}

/** By workload, for each of its titles the profiles that make up its row. */
export type ProfileRows = Readonly<Record<string, readonly (readonly Profile[])[]>>;

export type ProfileStage = (context: ProfileContext) => Promise<ProfileRows>;
