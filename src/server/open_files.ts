/**
 * Refuses connections before they take the process's last file descriptors. Those are the log's and the snapshots': a log that
 * cannot go on in its next file ends the server. A host that cannot accept may also be deaf for good afterwards (Deno 2.9).
 */
import type { Clock, Process } from "../runtime.ts";

/** For log, snapshots and other servers, and for 128 connections: Deno accepts so many before it tells of the first one. */
const SPARE_FILES = 192;
/** A process that may have few files spares this part of them. */
const SPARE_SHARE = 1 / 4;
/** The host takes time to count, the longer the more there are. */
const LOOK_AGAIN_MS = 100;

export class OpenFiles {
  readonly #process: Pick<Process, "fileDescriptors">;
  readonly #clock: Clock;
  /** So many more connections may come before the next look. */
  #room = 0;
  #lookedMs = -Infinity;
  #max = Infinity;

  constructor(process: Pick<Process, "fileDescriptors">, clock: Clock) {
    this.#process = process;
    this.#clock = clock;
  }

  /** What a refusal is told with. */
  get max(): number {
    return this.#max;
  }

  /** Whether a connection that was just accepted may stay. */
  admits(): boolean {
    if (this.#room <= 0) this.#look();
    if (this.#room <= 0) return false;
    this.#room--;
    return true;
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lookedMs < LOOK_AGAIN_MS) return;
    this.#lookedMs = nowMs;
    const files = this.#process.fileDescriptors();
    if (files === undefined) {
      // To look takes a descriptor as well; a host that never told has no limit that we know of.
      this.#room = this.#max === Infinity ? Infinity : 0;
      return;
    }
    this.#max = files.max;
    const spare = Math.min(SPARE_FILES, Math.floor(files.max * SPARE_SHARE));
    this.#room = files.max - spare - files.open + 1; // the one in question is open
  }
}
