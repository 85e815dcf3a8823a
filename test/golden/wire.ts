// A small encoder of client requests, written from spec/client-protocol.md alone and sharing nothing with src/:
// the golden tests must not trust the code that they judge.

/** One field: i int, l long, z boolean, s ustring, b buffer, A vector of ACL, S vector of ustring. */
export type FieldKind = "i" | "l" | "z" | "s" | "b" | "A" | "S";

export interface AclEntry {
  readonly perms: number;
  readonly scheme: string | null;
  readonly id: string | null;
}

export type FieldValue =
  | number
  | bigint
  | boolean
  | string
  | Uint8Array
  | null
  | readonly string[]
  | readonly AclEntry[];

export interface OpSpec {
  readonly type: number;
  /** `name:kind` in wire order. */
  readonly fields: readonly (readonly [name: string, kind: FieldKind])[];
  /** The reply's body, in the letters of frames.ts. */
  readonly reply: string;
}

function op(type: number, fields: string, reply: string): OpSpec {
  const parts = fields === "" ? [] : fields.split(" ");
  return { type, reply, fields: parts.map((part) => part.split(":") as [string, FieldKind]) };
}

const create = "path:s data:b acl:A flags:i";
const watches = "zxid:l data:S exist:S child:S";

/** Every operation of section 3.1 by its name in scripts. */
export const ops: Readonly<Record<string, OpSpec>> = {
  create: op(1, create, "s"),
  delete: op(2, "path:s version:i", ""),
  exists: op(3, "path:s watch:z", "T"),
  getData: op(4, "path:s watch:z", "bT"),
  setData: op(5, "path:s data:b version:i", "T"),
  getACL: op(6, "path:s", "AT"),
  /** For lists made by `auth` with several ids, which come in no order. */
  getACLsorted: op(6, "path:s", "aT"),
  setACL: op(7, "path:s acl:A version:i", "T"),
  getChildren: op(8, "path:s watch:z", "U"),
  sync: op(9, "path:s", "s"),
  ping: op(11, "", ""),
  getChildren2: op(12, "path:s watch:z", "UT"),
  check: op(13, "path:s version:i", ""),
  create2: op(15, create, "sT"),
  reconfig: op(16, "joining:s leaving:s members:s config:l", "bT"),
  checkWatches: op(17, "path:s kind:i", ""),
  removeWatches: op(18, "path:s kind:i", ""),
  createContainer: op(19, create, "sT"),
  createTTL: op(21, `${create} ttl:l`, "sT"),
  closeSession: op(-11, "", ""),
  auth: op(100, "zero:i scheme:s auth:b", ""),
  setWatches: op(101, watches, ""),
  sasl: op(102, "token:b", "b"),
  getEphemerals: op(103, "prefix:s", "U"),
  getAllChildrenNumber: op(104, "path:s", "i"),
  setWatches2: op(105, `${watches} persistent:S recursive:S`, ""),
  addWatch: op(106, "path:s mode:i", "i"),
  whoAmI: op(107, "", "C"),
};

export const multiTypes = { multi: 14, multiRead: 22 } as const;

export class Out {
  #bytes: number[] = [];

  int(value: number): this {
    this.#bytes.push((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
    return this;
  }
  long(value: bigint): this {
    const bits = BigInt.asUintN(64, value);
    return this.int(Number(bits >> 32n) | 0).int(Number(bits & 0xffffffffn) | 0);
  }
  byte(value: number): this {
    this.#bytes.push(value & 255);
    return this;
  }
  raw(bytes: Uint8Array): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }
  buffer(bytes: Uint8Array | null): this {
    return bytes === null ? this.int(-1) : this.int(bytes.length).raw(bytes);
  }
  string(text: string | null): this {
    return this.buffer(text === null ? null : new TextEncoder().encode(text));
  }
  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
  /** With the 4-byte length in front. */
  frame(): Uint8Array {
    return new Out().int(this.#bytes.length).raw(this.bytes()).bytes();
  }
}

function acls(out: Out, list: readonly AclEntry[] | null): void {
  out.int(list === null ? -1 : list.length);
  for (const entry of list ?? []) out.int(entry.perms).string(entry.scheme).string(entry.id);
}

function field(out: Out, kind: FieldKind, value: FieldValue): void {
  if (kind === "i") out.int(Number(value));
  else if (kind === "l") out.long(BigInt(value as bigint | number));
  else if (kind === "z") out.byte(value === true ? 1 : 0);
  else if (kind === "s") out.string(value as string | null);
  else if (kind === "b") out.buffer(value as Uint8Array | null);
  else if (kind === "A") acls(out, value as readonly AclEntry[] | null);
  else if (value === null) out.int(-1);
  else {
    const list = value as readonly string[];
    out.int(list.length);
    for (const text of list) out.string(text);
  }
}

/** The request record of `spec`, without header. */
export function encodeRecord(
  out: Out,
  spec: OpSpec,
  values: Readonly<Record<string, FieldValue>>,
): void {
  for (const [name, kind] of spec.fields) {
    const value = values[name];
    if (value === undefined) throw new Error(`no value for field ${name} of op ${spec.type}`);
    field(out, kind, value);
  }
}

export interface ConnectFields {
  readonly timeout: number;
  readonly sessionId: bigint;
  readonly password: Uint8Array | null;
  readonly readOnly: boolean | undefined;
  readonly lastZxid: bigint;
}

/** A whole ConnectRequest frame; without the last byte when `readOnly` is undefined, as old clients send it. */
export function connectFrame(fields: ConnectFields): Uint8Array {
  const out = new Out().int(0).long(fields.lastZxid).int(fields.timeout).long(fields.sessionId);
  out.buffer(fields.password);
  if (fields.readOnly !== undefined) out.byte(fields.readOnly ? 1 : 0);
  return out.frame();
}

export function hexOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

export function bytesOfHex(text: string): Uint8Array {
  const digits = text.replace(/\s/g, "");
  if (digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) {
    throw new Error(`not hex bytes: ${text}`);
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
