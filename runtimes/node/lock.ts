/**
 * One living holder per directory, told by sockets: a process that dies takes its listening socket with it.
 *
 *   menagerie.lock.<pid>-<random>   a bound socket of each process that holds the lock or tries to
 *   menagerie.lock                  a symbolic link to the holder's socket
 *
 * Invariant: a name with <random> never lives twice, so one that refuses a connect may be swept at any time. A holder
 * listened before it looked at the others, therefore of two that try at once at least one sees the other. The link only
 * decides quickly between them; if a racer takes it away, the sockets still tell.
 */
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import type { Lock } from "../../src/runtime.ts";
import { RuntimeError } from "../../src/runtime.ts";
import { hostCode, mapError } from "./errors.ts";

/** Sockets of a directory, as the host has them. */
export interface LockSockets {
  /** Takes connections and ends them. @returns how to stop, and be rid of the socket */
  listen(socketPath: string): Promise<() => Promise<void>>;
  /** Whether somebody takes connections there. @throws the host's error when that cannot be told */
  isAlive(socketPath: string): Promise<boolean>;
}

const LINK = "menagerie.lock";
/** Socket paths hold 104 (BSD) to 108 bytes (Linux); some hosts cut longer ones silently. */
const SOCKET_PATH_BYTES_MAX = 100;
/** Others that try at the same time go away in a few milliseconds; a holder whose link was lost does not. */
const RIVALS_TRIES = 50;
const RIVALS_WAIT_MS = 20;
const LINK_TRIES = 100;

export async function lockDirectory(directory: string, sockets: LockSockets): Promise<Lock> {
  let folder: Folder | undefined;
  let stop: (() => Promise<void>) | undefined;
  const own = `${LINK}.${process.pid}-${randomBytes(6).toString("hex")}`;
  const release = async (): Promise<void> => {
    const stopping = stop;
    stop = undefined;
    await stopping?.();
    if (folder === undefined) return;
    fs.rmSync(path.join(directory, own), { force: true });
    if (linkTarget(directory) === own) fs.rmSync(path.join(directory, LINK), { force: true });
    folder.close();
    folder = undefined;
  };
  try {
    folder = openFolder(directory, own);
    const { socketPath } = folder;
    stop = await sockets.listen(socketPath(own));
    const isAlive = (name: string) => sockets.isAlive(socketPath(name));
    await takeLink(directory, isAlive, own);
    await outliveRivals(directory, isAlive, own);
    // A rival that looked between our bind and listen swept the name; it is gone by now, and so are such looks.
    if (!await isAlive(own)) throw busy(directory, undefined);
    return { release };
  } catch (error) {
    await release().catch(() => {}); // the first error tells
    throw mapError(error, `lock directory "${directory}"`);
  }
}

interface Folder {
  readonly socketPath: (name: string) => string;
  close(): void;
}

/** A way to name sockets in the directory that is short enough, however long the directory's own path is. */
function openFolder(directory: string, longest: string): Folder {
  const direct = path.join(directory, longest);
  fs.accessSync(directory, fs.constants.W_OK);
  if (Buffer.byteLength(direct) <= SOCKET_PATH_BYTES_MAX) {
    return { socketPath: (name) => path.join(directory, name), close() {} };
  }
  if (process.platform !== "linux") {
    const words = `its path is too long for a socket; use one of at most ${
      SOCKET_PATH_BYTES_MAX - longest.length - 1
    } bytes`;
    throw new RuntimeError("IO", `Cannot lock directory "${directory}": ${words}`);
  }
  const fd = fs.openSync(directory, "r");
  return { socketPath: (name) => `/proc/self/fd/${fd}/${name}`, close: () => fs.closeSync(fd) };
}

type IsAlive = (name: string) => Promise<boolean>;

/** @throws {RuntimeError} BUSY when the link leads to a living socket */
async function takeLink(directory: string, isAlive: IsAlive, own: string): Promise<void> {
  for (let tries = 0; tries < LINK_TRIES; tries++) {
    try {
      fs.symlinkSync(own, path.join(directory, LINK));
      return;
    } catch (error) {
      if (hostCode(error) !== "EEXIST") throw error;
    }
    if (await isAlive(LINK)) throw busy(directory, linkTarget(directory));
    fs.rmSync(path.join(directory, LINK), { force: true });
  }
  throw busy(directory, linkTarget(directory));
}

/** Dead sockets are swept. @throws {RuntimeError} BUSY when a living one stays */
async function outliveRivals(directory: string, isAlive: IsAlive, own: string): Promise<void> {
  for (let tries = 0;; tries++) {
    let living: string | undefined;
    for (const name of fs.readdirSync(directory)) {
      if (!name.startsWith(`${LINK}.`) || name === own) continue;
      if (await isAlive(name)) living = name;
      else fs.rmSync(path.join(directory, name), { force: true });
    }
    if (living === undefined) return;
    if (tries === RIVALS_TRIES) throw busy(directory, living);
    await new Promise((resolve) => setTimeout(resolve, RIVALS_WAIT_MS));
  }
}

/** What a refused connect to a socket's path means. @throws the error when it does not tell */
export function meansAlive(error: unknown): boolean {
  const code = hostCode(error);
  if (code === "ECONNREFUSED" || code === "ENOENT" || code === "ENOTSOCK") return false;
  if (code === "EAGAIN" || code === "ECONNRESET") return true; // its queue is full: it lives
  throw error;
}

function linkTarget(directory: string): string | undefined {
  try {
    return fs.readlinkSync(path.join(directory, LINK));
  } catch {
    return undefined;
  }
}

function busy(directory: string, holder: string | undefined): RuntimeError {
  const pid = /\.(\d+)-/.exec(holder ?? "")?.[1];
  const who = pid === undefined ? "another process" : `process ${pid}`;
  const words = `${who} holds it; stop it, or use another directory`;
  return new RuntimeError("BUSY", `Cannot lock directory "${directory}": ${words}`);
}
