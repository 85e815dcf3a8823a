/**
 * What the dialling side of an election connection says first (peer-protocol §5.1):
 *
 *     version:long(-65536 | -65535) sid:long n:int n bytes "host:port" or "host:port|host:port"
 *
 * A first long of 0 or more is a sid of the time before 3.5, and all of the message.
 */
import { utf8DecodeRange, utf8Encode } from "../base/host.ts";
import { ProtocolError } from "../base/errors.ts";
import { invariant } from "../base/invariant.ts";
import { Reader } from "../jute/reader.ts";
import { Writer } from "../jute/writer.ts";
import { bracketed, HOST } from "./membership.ts";
import type { Sid } from "./vote.ts";

export interface ElectionAddress {
  readonly host: string;
  readonly port: number;
}

export interface InitialMessage {
  readonly sid: Sid;
  /** Where the sender can be dialled; empty: as configured. */
  readonly addresses: readonly ElectionAddress[];
}

const V1 = -65_536;
const V2 = -65_535;
const ADDRESS_BYTES_MAX = 2048;
const HEAD_BYTES = 20;
const ADDRESS = new RegExp(`^(${HOST}):(\\d{1,5})$`);
const WILDCARDS = ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"];

export function writeInitialMessage({ sid, addresses }: InitialMessage): Uint8Array {
  invariant(addresses.length > 0, "The initial message names an address", { sid });
  const text = addresses.map(({ host, port }) => `${bracketed(host)}:${port}`).join("|");
  const w = new Writer(HEAD_BYTES + text.length * 3);
  w.int64Number(addresses.length > 1 ? V2 : V1);
  w.int64Number(sid);
  w.buffer(utf8Encode(text));
  return w.written();
}

/**
 * @param bytes all that came so far
 * @returns the message and the bytes it took; undefined: more are needed
 * @throws {ProtocolError}
 */
export function readInitialMessage(
  bytes: Uint8Array,
): { readonly message: InitialMessage; readonly length: number } | undefined {
  if (bytes.length < 8) return undefined;
  const r = new Reader().reset(bytes, 0, bytes.length);
  const version = r.int64Number();
  if (version >= 0) return { message: { sid: version as Sid, addresses: [] }, length: 8 };
  if (version !== V1 && version !== V2) {
    throw new ProtocolError(`Cannot talk election protocol ${version}, expected ${V1} or ${V2}`);
  }
  if (bytes.length < HEAD_BYTES) return undefined;
  const sid = r.int64Number() as Sid;
  const size = r.int32();
  if (size <= 0 || size > ADDRESS_BYTES_MAX) {
    throw new ProtocolError(
      `Cannot take election addresses of ${size} bytes, expected 1 to ${ADDRESS_BYTES_MAX}`,
    );
  }
  if (r.remaining < size) return undefined;
  const addresses = utf8DecodeRange(bytes, r.pos, r.pos + size).split("|").map(addressOf)
    .filter(({ host }) => !WILDCARDS.includes(host));
  return { message: { sid, addresses }, length: HEAD_BYTES + size };
}

function addressOf(text: string): ElectionAddress {
  const [, host = "", port = ""] = ADDRESS.exec(text) ?? [];
  if (host === "" || Number(port) > 65_535) {
    throw new ProtocolError(
      `Cannot use election address "${text.slice(0, 80)}": expected host:port`,
    );
  }
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}
