/** Groups of log entries in memory, sealed and scanned in one call: the twin of ../entries.ts, which has the format. */
import {
  ENTRY_END_BYTE,
  ENTRY_EXTRA_BYTES,
  ENTRY_HEAD_BYTES,
  RESULT_AT,
  STOP_CHECKSUM,
  STOP_END,
  STOP_END_BYTE,
  STOP_GROUP,
  STOP_LENGTH,
  STOP_PADDING,
  STOP_SHORT,
} from "../layout";
import { adler32 } from "./adler32";
import { crc32 } from "./crc32";

const HEAD: usize = ENTRY_HEAD_BYTES;
const EXTRA: usize = ENTRY_EXTRA_BYTES;

// @ts-ignore: decorator
@inline
function word(at: usize): u32 {
  return bswap<u32>(load<u32>(at));
}

// @ts-ignore: decorator
@inline
function putWord(at: usize, value: u32): void {
  store<u32>(at, bswap<u32>(value));
}

/** Entries that fill memory[at, end) exactly, none of them empty; -1 when they do not. */
function countEntries(at: usize, end: usize): i32 {
  let count = 0;
  while (at < end) {
    const room = end - at;
    if (room <= EXTRA) return -1;
    const length = word(at + 8);
    if (length === 0 || <usize> length > room - EXTRA) return -1;
    at += EXTRA + length;
    count += 1;
  }
  return count;
}

/** @returns entries sealed, or -1 with nothing written when they do not fill the range */
export function sealGroup2(at: usize, end: usize): i32 {
  const count = countEntries(at, end);
  if (count < 0) return -1;
  while (at < end) {
    const tail = at + HEAD + word(at + 8);
    store<u32>(at, 0);
    putWord(at + 4, adler32(1, at + HEAD, tail));
    store<u8>(tail, ENTRY_END_BYTE);
    at = tail + 1;
  }
  return count;
}

/** As sealGroup2; the CRC of the last entry goes to the first result word. */
export function sealGroup3(at: usize, end: usize, chain: u32): i32 {
  const count = countEntries(at, end);
  if (count < 0) return -1;
  let left = count;
  while (at < end) {
    const tail = at + HEAD + word(at + 8);
    chain = crc32(chain, at + 8, tail);
    putWord(at, left--);
    putWord(at + 4, chain);
    store<u8>(tail, ENTRY_END_BYTE);
    at = tail + 1;
  }
  store<u32>(RESULT_AT, chain);
  return count;
}

/** What stops a scan before any checksum, or -1. */
// @ts-ignore: decorator
@inline
function stopAt(at: usize, end: usize, lengthMax: i32): i32 {
  if (at === end) return STOP_END;
  const room = end - at;
  if (room < HEAD) return STOP_SHORT;
  const length = <i32> word(at + 8);
  if (length === 0) return STOP_PADDING;
  if (length < 0 || length > lengthMax) return STOP_LENGTH;
  if (<usize> length + EXTRA > room) return STOP_SHORT;
  return load<u8>(at + HEAD + length) === ENTRY_END_BYTE ? -1 : STOP_END_BYTE;
}

/** @returns the end of the good entries; result words: stop, entries */
export function scanGroup2(at: usize, end: usize, lengthMax: i32): usize {
  let entries = 0;
  let stop = stopAt(at, end, lengthMax);
  while (stop < 0) {
    const tail = at + HEAD + word(at + 8);
    if (load<u32>(at) !== 0 || word(at + 4) !== adler32(1, at + HEAD, tail)) {
      stop = STOP_CHECKSUM;
      break;
    }
    at = tail + 1;
    entries += 1;
    stop = stopAt(at, end, lengthMax);
  }
  store<u32>(RESULT_AT, stop);
  store<u32>(RESULT_AT, entries, 4);
  return at;
}

/** @returns the end of the good entries; result words: stop, entries, chain, left */
export function scanGroup3(at: usize, end: usize, lengthMax: i32, chain: u32, left: u32): usize {
  let entries = 0;
  let stop = stopAt(at, end, lengthMax);
  while (stop < 0) {
    const tail = at + HEAD + word(at + 8);
    const crc = crc32(chain, at + 8, tail);
    if (word(at + 4) !== crc) {
      stop = STOP_CHECKSUM;
      break;
    }
    const place = word(at);
    if (place === 0 || (left !== 0 && place !== left)) {
      stop = STOP_GROUP;
      break;
    }
    chain = crc;
    left = place - 1;
    at = tail + 1;
    entries += 1;
    stop = stopAt(at, end, lengthMax);
  }
  store<u32>(RESULT_AT, stop);
  store<u32>(RESULT_AT, entries, 4);
  store<u32>(RESULT_AT, chain, 8);
  store<u32>(RESULT_AT, left, 12);
  return at;
}
