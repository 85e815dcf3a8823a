// A disk that is full, for one server: its files lie on a file system in memory with little room. Needs Linux and root.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

const ROOM_BYTES = 1024 * 1024;

export class SmallDisk {
  readonly #folder: string;
  readonly #saved: string;

  /** @param folder the server's version-2, while it does not run */
  constructor(folder: string) {
    this.#folder = folder;
    this.#saved = `${folder}.saved`;
  }

  /** @throws {Error} when file systems cannot be mounted here */
  mount(): void {
    const used = readdirSync(this.#folder).reduce(
      (sum, name) => sum + statSync(join(this.#folder, name)).size,
      0,
    );
    renameSync(this.#folder, this.#saved);
    mkdirSync(this.#folder);
    try {
      const size = `size=${Math.ceil((used + ROOM_BYTES) / 4096) * 4096}`;
      execFileSync("mount", ["-t", "tmpfs", "-o", size, "tmpfs", this.#folder], { stdio: "pipe" });
    } catch (error) {
      rmSync(this.#folder, { recursive: true });
      renameSync(this.#saved, this.#folder);
      throw error;
    }
    cpSync(this.#saved, this.#folder, { recursive: true });
  }

  /** What was written stays; there is room again. */
  unmount(): void {
    rmSync(this.#saved, { recursive: true });
    cpSync(this.#folder, this.#saved, { recursive: true });
    execFileSync("umount", [this.#folder], { stdio: "pipe" });
    rmSync(this.#folder, { recursive: true });
    renameSync(this.#saved, this.#folder);
  }
}
