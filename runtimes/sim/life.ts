/** One run of a machine's process, from start to exit, kill or crash. What belongs to an ended life never happens. */
import type { Cancel } from "../../src/runtime.ts";
import type { World } from "./world.ts";

export class Life {
  readonly world: World;
  readonly name: string;
  #alive = true;
  readonly #atEnd = new Set<() => void>();

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
  }

  get alive(): boolean {
    return this.#alive;
  }

  after(delayUs: number, label: string, run: () => void): Cancel {
    const event = this.world.after(delayUs, `${this.name} ${label}`, () => {
      if (this.#alive) run();
    });
    return () => event.run = undefined;
  }

  /** The work's result when `delayUs` have passed; never, when the life ends before. */
  later<T>(delayUs: number, label: string, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.after(delayUs, label, () => {
        try {
          resolve(work());
        } catch (error) {
          reject(error as Error);
        }
      });
    });
  }

  /** `run` is called when the life ends, in the order of the calls. */
  onEnd(run: () => void): Cancel {
    this.#atEnd.add(run);
    return () => this.#atEnd.delete(run);
  }

  end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const run of this.#atEnd) run();
    this.#atEnd.clear();
  }
}
