// One raw client connection of a golden session: sends bytes, keeps the frames that came, and knows its end.
import { connect, type Socket } from "node:net";

export class RawConnection {
  /** Frames (or, in text mode, chunks) that came and were not taken yet. */
  readonly frames: Uint8Array[] = [];
  closed = false;
  /** The close was already written into the transcript. */
  closeShown = false;
  /** Bytes are kept as they come, without framing. */
  text = false;
  xid = 1;
  hasSession = false;
  readonly #socket: Socket;
  #rest = new Uint8Array();
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Uint8Array) => this.#received(chunk));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** Resolves when connected, or closed: a server that resets at once may look like one that refuses. */
  static open(host: string, port: number): Promise<RawConnection> {
    return new Promise((resolve) => {
      const connection = new RawConnection(connect({ host, port }));
      connection.#socket.once("connect", () => resolve(connection));
      connection.#socket.once("close", () => resolve(connection));
    });
  }

  #received(chunk: Uint8Array): void {
    const all = new Uint8Array(this.#rest.length + chunk.length);
    all.set(this.#rest);
    all.set(chunk, this.#rest.length);
    let at = 0;
    while (!this.text && all.length - at >= 4) {
      const length = new DataView(all.buffer).getInt32(at);
      if (length < 0 || length > 1 << 24) {
        throw new Error(`the server sent a frame of ${length} bytes`);
      }
      if (all.length - at - 4 < length) break;
      this.frames.push(all.slice(at + 4, at + 4 + length));
      at += 4 + length;
    }
    this.#rest = all.slice(at);
    this.#wake();
  }

  /** What came in text mode. */
  takeText(): Uint8Array {
    const bytes = this.#rest;
    this.#rest = new Uint8Array();
    return bytes;
  }

  send(bytes: Uint8Array): void {
    if (!this.closed) this.#socket.write(bytes);
  }

  drop(): void {
    this.#socket.destroy();
  }

  /** Waits until `done()` holds or the connection has closed. @returns false when neither happened in time */
  async until(done: () => boolean, patienceMs = 4_000): Promise<boolean> {
    const deadline = Date.now() + patienceMs;
    while (!done() && !this.closed) {
      const left = deadline - Date.now();
      if (left <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return true;
  }
}
