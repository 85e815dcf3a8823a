// Server frames as readable text: hex in groups by field, every byte shown except what differs from run to run
// (session ids, passwords, times), which a name in angle brackets replaces. Unordered lists are sorted.
import { hexOf } from "./wire.ts";

const errorNames: Readonly<Record<number, string>> = {
  0: "ok",
  [-2]: "RUNTIMEINCONSISTENCY",
  [-5]: "MARSHALLINGERROR",
  [-6]: "UNIMPLEMENTED",
  [-8]: "BADARGUMENTS",
  [-12]: "UNKNOWNSESSION",
  [-101]: "NONODE",
  [-102]: "NOAUTH",
  [-103]: "BADVERSION",
  [-108]: "NOCHILDRENFOREPHEMERALS",
  [-110]: "NODEEXISTS",
  [-111]: "NOTEMPTY",
  [-112]: "SESSIONEXPIRED",
  [-114]: "INVALIDACL",
  [-115]: "AUTHFAILED",
  [-121]: "NOWATCHER",
  [-123]: "RECONFIGDISABLED",
  [-124]: "SESSIONCLOSEDREQUIRESASLAUTH",
  [-125]: "QUOTAEXCEEDED",
  [-127]: "THROTTLEDOP",
};
const eventNames: Readonly<Record<number, string>> = {
  1: "NodeCreated",
  2: "NodeDeleted",
  3: "NodeDataChanged",
  4: "NodeChildrenChanged",
};
/** Body letters of each result type inside a multi reply. */
const multiBodies: Readonly<Record<number, string>> = {
  1: "s",
  2: "",
  4: "b T",
  5: "T",
  8: "U",
  13: "",
  15: "s T",
  [-1]: "i",
};

/** What to call the run's session ids and passwords; filled by the player as connections get them. */
export interface Masks {
  readonly sessions: Map<bigint, string>;
  readonly passwords: Map<string, string>;
  /** Whether the zxids of reply headers are masked. */
  zxid: boolean;
}

class Cursor {
  readonly bytes: Uint8Array;
  readonly masks: Masks;
  readonly groups: string[] = [];
  at = 0;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, masks: Masks) {
    this.bytes = bytes;
    this.masks = masks;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  take(count: number): string {
    if (this.at + count > this.bytes.length) throw new RangeError("frame ends early");
    const text = hexOf(this.bytes.subarray(this.at, this.at + count));
    this.at += count;
    return text;
  }
  int(): number {
    const value = this.#view.getInt32(this.at);
    this.groups.push(this.take(4));
    return value;
  }
  long(): bigint {
    const value = this.#view.getBigInt64(this.at);
    this.groups.push(this.take(8));
    return value;
  }
  /** A buffer or ustring as one group; runs of one byte are written short. */
  blob(): Uint8Array | undefined {
    const length = this.int();
    if (length <= 0) return length < 0 ? undefined : new Uint8Array();
    const from = this.at;
    const hex = this.take(length);
    const bytes = this.bytes.subarray(from, this.at);
    this.groups.push(
      length > 64 && bytes.every((byte) => byte === bytes[0])
        ? `${hex.slice(0, 2)}{${length}}`
        : hex,
    );
    return bytes;
  }
  text(): string {
    const bytes = this.blob();
    return bytes === undefined
      ? "null"
      : new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  }
  /** Entries read by `one`, their groups sorted where the protocol leaves their order open. */
  list(one: () => void, sorted: boolean): void {
    const count = this.int();
    const entries: string[] = [];
    for (let i = 0; i < count; i++) {
      const mark = this.groups.length;
      one();
      entries.push(this.groups.splice(mark).join(" "));
    }
    this.groups.push(...(sorted ? entries.sort() : entries));
  }
  stat(): void {
    const czxid = this.long();
    const mzxid = this.long();
    const ctime = this.#view.getBigInt64(this.at);
    const mtime = this.#view.getBigInt64(this.at + 8);
    this.take(16);
    const fresh = czxid === mzxid && this.#view.getInt32(this.at) === 0;
    this.groups.push(
      ctime === 0n && mtime === 0n
        ? "<no time>"
        : fresh && ctime === mtime
        ? "<one time>"
        : "<ctime> <mtime>",
    );
    for (let i = 0; i < 3; i++) this.int();
    const owner = this.masks.sessions.get(this.#view.getBigInt64(this.at));
    this.long();
    if (owner !== undefined) this.groups[this.groups.length - 1] = `<session ${owner}>`;
    this.int();
    this.int();
    this.long();
  }
}

function pair(cursor: Cursor): void {
  cursor.text();
  cursor.text();
}

function acl(cursor: Cursor): void {
  cursor.int();
  pair(cursor);
}

function body(cursor: Cursor, letters: string): void {
  for (const letter of letters.replace(/ /g, "")) {
    if (letter === "T") cursor.stat();
    else if (letter === "i") cursor.int();
    else if (letter === "s") cursor.text();
    else if (letter === "b") cursor.blob();
    else if (letter === "U") cursor.list(() => cursor.text(), true);
    else if (letter === "A") cursor.list(() => acl(cursor), false);
    else if (letter === "a") cursor.list(() => acl(cursor), true);
    else if (letter === "C") cursor.list(() => pair(cursor), true);
    else if (letter === "M") multi(cursor);
  }
}

function multi(cursor: Cursor): void {
  for (;;) {
    cursor.groups.push("/");
    const type = cursor.int();
    const done = cursor.take(1);
    cursor.groups.push(done);
    cursor.int();
    if (done !== "00") return;
    const letters = multiBodies[type];
    if (letters === undefined) throw new RangeError(`multi result of type ${type}`);
    body(cursor, letters);
  }
}

function finish(cursor: Cursor, length: string, comment: string): string {
  const rest = cursor.bytes.length - cursor.at;
  const more = rest > 0 ? ` + ${cursor.take(rest)}` : "";
  return `${length} ${cursor.groups.join(" ")}${more}  # ${comment}`;
}

function lengthHex(frame: Uint8Array): string {
  return frame.length.toString(16).padStart(8, "0");
}

export interface FrameHead {
  readonly xid: number;
  readonly err: number;
  readonly zxid: bigint;
}

/** @returns undefined for a frame too short for a ReplyHeader */
export function headOf(frame: Uint8Array): FrameHead | undefined {
  if (frame.length < 16) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return { xid: view.getInt32(0), zxid: view.getBigInt64(4), err: view.getInt32(12) };
}

/** A ReplyHeader with the body that `letters` describe (wire.ts), or a notification. */
export function replyText(frame: Uint8Array, name: string, letters: string, masks: Masks): string {
  const cursor = new Cursor(frame, masks);
  const head = headOf(frame);
  if (head === undefined) {
    return `${lengthHex(frame)} ${hexOf(frame)}  # too short for a reply header`;
  }
  cursor.int();
  cursor.long();
  if (masks.zxid) cursor.groups[1] = "<zxid>";
  cursor.int();
  const zxid = masks.zxid ? "" : ` zxid ${head.zxid}`;
  try {
    if (head.xid === -1) {
      const type = cursor.int();
      cursor.int();
      const path = cursor.text();
      return finish(
        cursor,
        lengthHex(frame),
        `${eventNames[type] ?? `event ${type}`} ${path}${zxid}`,
      );
    }
    // A multiRead that fails as a whole carries the results so far all the same.
    if (head.err === 0 || frame.length > 16) body(cursor, letters);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return finish(cursor, lengthHex(frame), `${name}: undecodable`);
  }
  return finish(
    cursor,
    lengthHex(frame),
    `${name} ${errorNames[head.err] ?? `error ${head.err}`}${zxid}`,
  );
}

export interface Connected {
  readonly timeout: number;
  readonly sessionId: bigint;
  readonly password: Uint8Array;
}

/** @throws {RangeError} when `frame` is no ConnectResponse */
export function connectedOf(frame: Uint8Array): Connected {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return {
    timeout: view.getInt32(4),
    sessionId: view.getBigInt64(8),
    password: frame.slice(20, 36),
  };
}

/** A ConnectResponse; `masks` already knows its session. */
export function connectText(frame: Uint8Array, masks: Masks): string {
  const cursor = new Cursor(frame, masks);
  cursor.int();
  const timeout = cursor.int();
  const session = masks.sessions.get(cursor.long());
  if (session !== undefined) cursor.groups[cursor.groups.length - 1] = `<session ${session}>`;
  const password = cursor.blob();
  const name = password === undefined ? undefined : masks.passwords.get(hexOf(password));
  if (name !== undefined) cursor.groups[cursor.groups.length - 1] = `<password ${name}>`;
  return finish(
    cursor,
    lengthHex(frame),
    timeout > 0 ? `connected, timeout ${timeout}` : "session refused",
  );
}
