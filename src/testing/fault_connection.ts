/**
 * A client's connection as the server sees it, with the means to lose it at a chosen request. It stands in the server's
 * network (fault_net.ts): the server knows nothing of it.
 */
import { viewOf } from "../jute/writer.ts";
import type { Address, Connection, RuntimeError } from "../runtime.ts";
import type { Faults, Plan } from "./faults.ts";
import { ReplyScanner } from "./reply_scanner.ts";
import { type RequestKind, requestKind } from "./request_kind.ts";

/** A longer "frame" is a four-letter word, or what the server will not take: from there on nothing is looked at. */
const FRAME_BYTES_MAX = 16 * 1024 * 1024;
const NO_BYTES = new Uint8Array(0);
const NOTIFICATION_XID = -1;

/** A failure that meets a request and waits for replies. */
interface Awaited {
  readonly plan: Plan;
  readonly request: RequestKind;
}

export interface FaultHost {
  readonly faults: Faults;
  readonly soon: (task: () => void) => void;
  /** The socket is gone. */
  readonly onGone: (connection: FaultConnection) => void;
}

export class FaultConnection implements Connection {
  /** 0n before the handshake's answer. */
  sessionId = 0n;
  readonly #inner: Connection;
  readonly #host: FaultHost;
  readonly #replies = new ReplyScanner();
  /** The begin of a frame whose rest has not come; the server has it. */
  #partial: Uint8Array = NO_BYTES;
  #isTransparent = false;
  #isFirstRequest = true;
  #isFirstReply = true;
  #isLost = false;
  #closeTold = false;
  /** Requests that the server has and has not answered, the handshake among them. */
  #unanswered = 0;
  /**
   * What loses the connection: `after`, the server has the request and its reply must not leave; `before`, it has those in front
   * and their replies must leave first. Nothing sent from here on goes to the server.
   */
  #awaited: Awaited | undefined;
  #onData: (chunk: Uint8Array) => void = () => {};
  #onEnd: () => void = () => {};
  #onClose: (error: RuntimeError | undefined) => void = () => {};

  constructor(inner: Connection, host: FaultHost) {
    this.#inner = inner;
    this.#host = host;
    inner.onEnd(() => {
      if (this.#isLost) inner.close();
      else this.#onEnd();
    });
    inner.onClose((error) => {
      host.onGone(this);
      // Lost by other means before the reply: that is what was asked for, too.
      this.#awaited?.plan.happen(this.#awaited.request, this.sessionId);
      this.#tellClose(error);
    });
  }

  get isLost(): boolean {
    return this.#isLost;
  }
  get remote(): Address {
    return this.#inner.remote;
  }
  get local(): Address {
    return this.#inner.local;
  }
  get bufferedBytes(): number {
    return this.#isLost ? 0 : this.#inner.bufferedBytes;
  }

  onData(handler: (chunk: Uint8Array) => void): void {
    this.#onData = handler;
    this.#inner.onData((chunk) => this.#receive(chunk));
  }
  onEnd(handler: () => void): void {
    this.#onEnd = handler;
  }
  onClose(handler: (error: RuntimeError | undefined) => void): void {
    this.#onClose = handler;
  }
  onDrain(handler: () => void): void {
    this.#inner.onDrain(() => {
      if (!this.#isLost) handler();
    });
  }
  pause(): void {
    if (!this.#isLost) this.#inner.pause();
  }
  resume(): void {
    this.#inner.resume();
  }
  end(): void {
    this.#inner.end();
  }
  close(): void {
    this.#inner.close();
  }

  /** At once, as by a cut cable; what was under way may be lost. */
  cut(): void {
    this.#isLost = true;
    this.#inner.close();
  }

  // ------------------------------------------------------------------------------ requests

  /** Bytes go on to the server as they come; of a request that it must not see the end stays away. */
  #receive(chunk: Uint8Array): void {
    if (this.#isLost || this.#awaited !== undefined) return;
    if (this.#isTransparent) return this.#onData(chunk);
    const known = this.#partial.length;
    const bytes = known === 0 ? chunk : joined(this.#partial, chunk);
    const view = viewOf(bytes);
    let at = 0, upTo = bytes.length;
    while (this.#awaited === undefined && bytes.length - at >= 4) {
      const length = view.getInt32(at);
      if (length < 0 || length > FRAME_BYTES_MAX) {
        this.#isTransparent = true;
        at = bytes.length;
        break;
      }
      const end = at + 4 + length;
      if (bytes.length < end) break;
      this.#awaited = this.#look(bytes, at + 4, end);
      const isUnseen = this.#awaited?.plan.wish.when === "before";
      if (!isUnseen) this.#unanswered++;
      if (this.#awaited !== undefined) upTo = isUnseen ? at : end;
      at = end;
    }
    this.#partial = this.#awaited === undefined ? joined(bytes.subarray(at), NO_BYTES) : NO_BYTES;
    if (upTo > known) this.#onData(bytes.subarray(known, upTo));
    this.#loseWhenAnswered();
  }

  /** The failure that was planned for this request. */
  #look(bytes: Uint8Array, start: number, end: number): Awaited | undefined {
    const isFirst = this.#isFirstRequest;
    this.#isFirstRequest = false;
    if (this.#host.faults.isEmpty) return undefined;
    const request = requestKind(bytes, start, end, isFirst);
    const plan = this.#host.faults.take(request);
    return plan === undefined ? undefined : { plan, request };
  }

  /** `before`: those in front of the request have their replies. */
  #loseWhenAnswered(): void {
    if (this.#awaited?.plan.wish.when !== "before") return;
    if (this.#unanswered === 0 && this.#replies.isBetweenFrames) this.#lose(this.#awaited);
  }

  // ------------------------------------------------------------------------------ replies

  write(view: Uint8Array, done?: () => void): boolean {
    if (this.#isLost) {
      done?.();
      return true;
    }
    if (this.#isTransparent) return this.#inner.write(view, done);
    const met = this.#replies.scan(view, (head) => this.#awaitedBy(head));
    if (met === undefined) {
      const isTaken = this.#inner.write(view, done);
      this.#loseWhenAnswered();
      return isTaken;
    }
    if (met.bytesBefore > 0) this.#inner.write(view.subarray(0, met.bytesBefore));
    done?.();
    this.#lose(met.found);
    return true;
  }

  #awaitedBy(head: DataView): Awaited | undefined {
    const isFirst = this.#isFirstReply;
    this.#isFirstReply = false;
    if (isFirst) this.sessionId = head.getBigInt64(12);
    if (isFirst || head.getInt32(4) !== NOTIFICATION_XID) this.#unanswered--;
    if (this.#awaited?.plan.wish.when !== "after") return undefined;
    const { op, xid } = this.#awaited.request;
    const isMeant = op === "connect" ? isFirst : !isFirst && xid === head.getInt32(4);
    return isMeant ? this.#awaited : undefined;
  }

  // ------------------------------------------------------------------------------ end

  /** The client gets what was written before, then the end; the server learns that it is gone. */
  #lose({ plan, request }: Awaited): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#partial = NO_BYTES;
    this.#inner.resume(); // the server may have paused it, and the client's FIN must be seen
    this.#inner.end();
    plan.happen(request, this.sessionId);
    this.#host.soon(() => this.#tellClose(undefined));
  }

  #tellClose(error: RuntimeError | undefined): void {
    if (this.#closeTold) return;
    this.#closeTold = true;
    this.#onClose(error);
  }
}

/** A copy of both. */
function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
