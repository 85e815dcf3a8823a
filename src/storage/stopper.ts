/** Lets long work be ended from outside while it waits for somebody else. */
export class Stopper {
  #isStopped = false;
  #endWait: () => void = () => {};

  get isStopped(): boolean {
    return this.#isStopped;
  }

  stop(): void {
    this.#isStopped = true;
    this.#endWait();
  }

  /** Until `other` resolves, or `stop`: then nothing comes of it. One wait at a time. @throws what `other` throws */
  wait(other: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#endWait = resolve;
      other.then(resolve, reject);
      if (this.#isStopped) resolve();
    });
  }
}
