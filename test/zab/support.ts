/** What tests of src/zab share. */
import type { Zxid } from "../../src/base/zxid.ts";
import { MajorityQuorum } from "../../src/zab/quorum.ts";
import type { Sid, Vote } from "../../src/zab/vote.ts";

export function sid(value: number): Sid {
  return value as Sid;
}

export function sids(...values: number[]): Set<Sid> {
  return new Set(values as Sid[]);
}

export function zxid(value: number): Zxid {
  return value as Zxid;
}

export function vote(leader: number, last: number, peerEpoch: number): Vote {
  return { leader: sid(leader), zxid: zxid(last), peerEpoch };
}

export function majority(...values: number[]): MajorityQuorum {
  return new MajorityQuorum(values as Sid[]);
}

/** Bytes from hex; blanks are for the reader. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replace(/\s+/g, "").match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function ascii(text: string): string {
  return hexOf(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
}
