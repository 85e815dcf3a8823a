/** What `menagerie ensemble` shows: one table, drawn anew in place on a terminal, or a line for each change elsewhere. */
import type { ServerRow } from "./ensemble_plan.ts";

export interface ServerState {
  /** What it is to the ensemble, or why it is not there. */
  readonly role: string;
  readonly zxid: string;
  readonly znodes: string;
  readonly connections: string;
  /** Since the start of its process. */
  readonly requests: number;
  readonly perSecond: number;
}

export const NO_STATE: ServerState = {
  role: "starting",
  zxid: "",
  znodes: "",
  connections: "",
  requests: 0,
  perSecond: 0,
};

const COLUMNS = [
  "id",
  "runtime",
  "pid",
  "port",
  "role",
  "zxid",
  "znodes",
  "clients",
  "requests/s",
  "files",
];

export function tableOf(
  rows: readonly ServerRow[],
  pids: readonly number[],
  states: readonly ServerState[],
): string {
  const cells = rows.map((row, index) => {
    const state = states[index] ?? NO_STATE;
    return [
      String(row.sid),
      row.runtime,
      String(pids[index] ?? ""),
      String(row.clientPort),
      state.role,
      state.zxid,
      state.znodes,
      state.connections,
      state.zxid === "" ? "" : String(Math.round(state.perSecond)),
      row.dir,
    ];
  });
  const widths = COLUMNS.map((name, at) =>
    Math.max(name.length, ...cells.map((row) => row[at]?.length ?? 0))
  );
  const line = (row: readonly string[]): string =>
    row.map((text, at) => text.padEnd(widths[at] ?? 0)).join("  ").trimEnd();
  return [line(COLUMNS), ...cells.map(line)].join("\n");
}

/** From the cursor's home, over what was there. */
export function redrawn(text: string): string {
  return `\u001b[H\u001b[J${text}\n`;
}

/** Whether all of it is seen at once: what has scrolled away cannot be drawn over. */
export function fits(
  text: string,
  terminal: { readonly rows: number; readonly columns: number },
): boolean {
  const rows = text.split("\n").reduce(
    (sum, line) => sum + Math.max(1, Math.ceil(line.length / terminal.columns)),
    1, // the cursor's
  );
  return rows <= terminal.rows;
}

/** Reads the answer to `srvr`; undefined: it is none. */
export function stateOf(
  answer: string,
  before: ServerState,
  elapsedMs: number,
): ServerState | undefined {
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}: (.*)$`, "m").exec(answer)?.[1];
  const role = field("Mode");
  if (role === undefined) return undefined;
  const requests = Number(field("Received") ?? 0);
  const since = before.zxid === "" || requests < before.requests ? 0 : requests - before.requests;
  return {
    role,
    zxid: field("Zxid") ?? "",
    znodes: field("Node count") ?? "",
    // Minus the connection that asks.
    connections: String(Math.max(0, Number(field("Connections") ?? 1) - 1)),
    requests,
    perSecond: elapsedMs > 0 ? since * 1000 / elapsedMs : 0,
  };
}
