/**
 * One end of a stream inside this process, as runtime.ts wants a connection: bytes in order, a window that holds a writer
 * back, FIN and reset told apart. Bytes arrive in a later turn of the event loop, never inside `write`.
 */
import { type Address, type Connection, RuntimeError, type RuntimeErrorCode } from "../runtime.ts";

/** What the "system" holds for a reader before `write` says false. */
const WINDOW_BYTES = 256 * 1024;

interface Entry {
  view: Uint8Array;
  /** Bytes of it that are taken. */
  at: number;
  readonly done: (() => void) | undefined;
}

const nothing = (): void => {};

export class MemoryStream implements Connection {
  readonly local: Address;
  readonly remote: Address;
  readonly #later: (task: () => void) => void;
  #peer: MemoryStream = this;
  #state: "open" | "closing" | "closed" = "open";
  /** Written and not taken: there was no room. */
  readonly #queue: Entry[] = [];
  #queuedBytes = 0;
  #isTaking = false;
  /** Taken and not yet given to the peer's handler. */
  #inSystem = 0;
  #needsDrain = false;
  #received: Uint8Array[] = [];
  #isPaused = false;
  #isWoken = false;
  #hasEnded = false;
  #finSent = false;
  #finReceived = false;
  #endTold = false;
  #onData: ((chunk: Uint8Array) => void) | undefined;
  #onEnd = nothing;
  #onClose: (error: RuntimeError | undefined) => void = nothing;
  #onDrain = nothing;

  constructor(local: Address, remote: Address, later: (task: () => void) => void) {
    this.local = local;
    this.remote = remote;
    this.#later = later;
  }

  join(peer: MemoryStream): void {
    this.#peer = peer;
    peer.#peer = this;
  }

  get bufferedBytes(): number {
    return this.#queuedBytes;
  }

  onData(handler: (chunk: Uint8Array) => void): void {
    this.#onData = handler;
    this.#wake();
  }
  onEnd(handler: () => void): void {
    this.#onEnd = handler;
  }
  onClose(handler: (error: RuntimeError | undefined) => void): void {
    this.#onClose = handler;
  }
  onDrain(handler: () => void): void {
    this.#onDrain = handler;
  }

  write(view: Uint8Array, done?: () => void): boolean {
    const peerIsGone = this.#peer.#state !== "open";
    if (peerIsGone && this.#state === "open") this.#later(() => this.#reset());
    if (peerIsGone || this.#state !== "open" || this.#hasEnded) {
      done?.();
      return true;
    }
    const entry: Entry = { view, at: 0, done };
    this.#queue.push(entry);
    this.#queuedBytes += view.length;
    this.#take();
    if (done === undefined && entry.at < view.length) {
      entry.view = copyOf(view.subarray(entry.at));
      entry.at = 0;
    }
    if (this.#queuedBytes === 0) return true;
    this.#needsDrain = true;
    return false;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#wake();
  }

  end(): void {
    if (this.#hasEnded || this.#state !== "open") return;
    this.#hasEnded = true;
    if (this.#queue.length === 0) this.#sendFin();
  }

  close(): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    const peer = this.#peer;
    // As TCP does: who closes with bytes unread resets the other side.
    if (this.#received.length > 0) this.#later(() => peer.#reset());
    else if (!this.#finSent) this.#sendFin();
    this.#later(() => this.#finish(undefined));
  }

  /** Moves what was written into the peer's window, as far as there is room. */
  #take(): void {
    if (this.#isTaking) return;
    this.#isTaking = true;
    for (let entry = this.#queue[0]; entry !== undefined; entry = this.#queue[0]) {
      const count = Math.min(WINDOW_BYTES - this.#inSystem, entry.view.length - entry.at);
      if (count > 0) {
        this.#peer.#received.push(copyOf(entry.view.subarray(entry.at, entry.at + count)));
        this.#peer.#wake();
        entry.at += count;
        this.#inSystem += count;
        this.#queuedBytes -= count;
      }
      if (entry.at < entry.view.length) break;
      this.#queue.shift();
      entry.done?.();
    }
    this.#isTaking = false;
    if (this.#queue.length === 0 && this.#hasEnded) this.#sendFin();
  }

  #acknowledged(count: number): void {
    this.#inSystem -= count;
    if (this.#state !== "open") return;
    this.#take();
    if (this.#queuedBytes > 0 || !this.#needsDrain) return;
    this.#needsDrain = false;
    this.#onDrain();
  }

  #sendFin(): void {
    if (this.#finSent) return;
    this.#finSent = true;
    const peer = this.#peer;
    peer.#finReceived = true;
    peer.#wake();
    this.#closeWhenBothEnded();
  }

  #wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    this.#later(() => {
      this.#isWoken = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (this.#isReading()) {
      const chunk = this.#received.shift();
      if (chunk === undefined) break;
      try {
        this.#onData?.(chunk);
      } finally {
        this.#peer.#acknowledged(chunk.length);
      }
    }
    if (!this.#isReading() || !this.#finReceived || this.#endTold) return;
    if (this.#received.length > 0) return this.#wake();
    this.#endTold = true;
    this.#onEnd();
    this.#closeWhenBothEnded();
  }

  #isReading(): boolean {
    return this.#state === "open" && !this.#isPaused && this.#onData !== undefined;
  }

  #closeWhenBothEnded(): void {
    if (!this.#finSent || !this.#endTold || this.#state !== "open") return;
    this.#state = "closing";
    this.#later(() => this.#finish(undefined));
  }

  #reset(): void {
    if (this.#state === "open") this.#finish("RESET");
  }

  #finish(code: RuntimeErrorCode | undefined): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#received = [];
    this.#queuedBytes = 0;
    for (const entry of this.#queue.splice(0)) entry.done?.();
    const { host, port } = this.remote;
    this.#onClose(
      code === undefined ? undefined : new RuntimeError(
        code,
        `Cannot keep the connection to ${host}:${port}: it was reset by the other side`,
      ),
    );
  }
}

/** A Buffer's `slice` shares its bytes. */
function copyOf(view: Uint8Array): Uint8Array {
  const copy = new Uint8Array(view.length);
  copy.set(view);
  return copy;
}
