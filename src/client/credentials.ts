/** What a client has said about who it is: sent at once, and again on every connection (client-protocol §2.9). */
import { messageOf } from "../base/errors.ts";
import type { Clock } from "../runtime.ts";
import { type CallOptions, limitCall, optionsProblem } from "./call_options.ts";
import { answered, misuse, requestTooLong, unanswered, type ZkError } from "./errors.ts";
import { Code } from "../protocol/codes.ts";
import { authFrame } from "./preamble.ts";

const LENGTH_BYTES = 4;

interface Credential {
  readonly frame: Uint8Array;
  settle: ((error: ZkError | undefined) => void) | undefined;
}

/** Invariant: `#asked` are the credentials sent on this connection and not answered, oldest first. */
export class Credentials {
  readonly #clock: Clock;
  readonly #frameBytesMax: number;
  readonly #write: (frame: Uint8Array) => void;
  #all: Credential[] = [];
  #asked: Credential[] = [];
  #isConnected = false;
  #refusal: ((op: string, path: undefined, wasSent: boolean) => ZkError) | undefined;

  constructor(clock: Clock, frameBytesMax: number, write: (frame: Uint8Array) => void) {
    this.#clock = clock;
    this.#frameBytesMax = frameBytesMax;
    this.#write = write;
  }

  /** Resolves when a server has accepted them. */
  add(scheme: string, data: Uint8Array, options: CallOptions = {}): Promise<void> {
    if (this.#refusal !== undefined) {
      return Promise.reject(this.#refusal("addAuth", undefined, false));
    }
    const problem = optionsProblem(options);
    if (problem !== undefined) return Promise.reject(misuse("addAuth", undefined, problem));
    if (options.signal?.aborted === true) {
      const { reason } = options.signal;
      return Promise.reject(
        unanswered("ABORTED", "addAuth", undefined, false, "its signal was aborted", reason),
      );
    }
    let frame: Uint8Array;
    try {
      frame = authFrame(scheme, data);
    } catch (error) {
      return Promise.reject(misuse("addAuth", undefined, messageOf(error)));
    }
    // A server hangs up at a longer one, on this connection and on each that follows.
    const bytes = frame.length - LENGTH_BYTES, max = this.#frameBytesMax;
    if (bytes > max) return Promise.reject(requestTooLong("addAuth", undefined, bytes, max));
    const credential: Credential = { frame, settle: undefined };
    const promise = new Promise<void>((resolve, reject) => {
      const release = limitCall(this.#clock, options, (code, why, cause) => {
        const wasSent = this.#asked.includes(credential);
        if (!wasSent) this.#all = this.#all.filter((other) => other !== credential);
        settle(unanswered(code, "addAuth", undefined, wasSent, why, cause));
      });
      const settle = (error: ZkError | undefined): void => {
        credential.settle = undefined;
        release?.();
        if (error === undefined) resolve();
        else reject(error);
      };
      credential.settle = settle;
    });
    this.#all.push(credential);
    if (this.#isConnected) this.#send(credential);
    return promise;
  }

  sendAll(): void {
    this.#isConnected = true;
    for (const credential of this.#all) this.#send(credential);
  }

  /** @returns false: the server refused, and closes the connection */
  onReply(err: number): boolean {
    const credential = this.#asked.shift();
    if (err === Code.ok) {
      credential?.settle?.(undefined);
      if (credential !== undefined) this.#forgetTwin(credential);
      return true;
    }
    credential?.settle?.(answered(err, "addAuth", undefined));
    return false;
  }

  /** Proved again: once is enough for the next connection. */
  #forgetTwin(credential: Credential): void {
    if (!this.#all.includes(credential)) return;
    const isTwin = (other: Credential): boolean =>
      other !== credential && other.settle === undefined &&
      isSame(other.frame, credential.frame);
    this.#all = this.#all.filter((other) => !isTwin(other));
  }

  onLost(): void {
    this.#isConnected = false;
    this.#asked = [];
  }

  end(refusal: (op: string, path: undefined, wasSent: boolean) => ZkError): void {
    this.#refusal = refusal;
    const asked = new Set(this.#asked);
    for (const credential of this.#all) {
      credential.settle?.(refusal("addAuth", undefined, asked.has(credential)));
    }
    this.#all = [];
    this.#asked = [];
  }

  #send(credential: Credential): void {
    this.#asked.push(credential);
    this.#write(credential.frame);
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
