/** Cuts the stream of an election connection into frames (peer-protocol §5.3): length:int, then so many bytes. */
import { ProtocolError } from "../base/errors.ts";

export const ELECTION_FRAME_BYTES_MAX = 524_288;

const NOTHING = new Uint8Array(0);

export class ElectionFrames {
  readonly #onFrame: (frame: Uint8Array) => void;
  #carry: Uint8Array = NOTHING;

  /** @param onFrame gets a copy that it may keep */
  constructor(onFrame: (frame: Uint8Array) => void) {
    this.#onFrame = onFrame;
  }

  /** @throws {ProtocolError} a length out of range */
  feed(chunk: Uint8Array): void {
    const bytes = new Uint8Array(this.#carry.length + chunk.length);
    bytes.set(this.#carry);
    bytes.set(chunk, this.#carry.length);
    this.#carry = NOTHING;
    const view = new DataView(bytes.buffer);
    let at = 0;
    while (bytes.length - at >= 4) {
      const length = view.getInt32(at);
      if (length <= 0 || length > ELECTION_FRAME_BYTES_MAX) {
        throw new ProtocolError(
          `Cannot take an election message of ${length} bytes, allowed 1 to ${ELECTION_FRAME_BYTES_MAX}`,
        );
      }
      if (bytes.length - at - 4 < length) break;
      this.#onFrame(bytes.slice(at + 4, at + 4 + length));
      at += 4 + length;
    }
    if (at < bytes.length) this.#carry = bytes.slice(at);
  }
}

export function framed(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + payload.length);
  new DataView(frame.buffer).setInt32(0, payload.length);
  frame.set(payload, 4);
  return frame;
}
