/** The writer of one log entry: room for its head, the payload, room for its end byte. */
import { ENTRY_EXTRA_BYTES, ENTRY_HEAD_BYTES } from "../../wasm/codec.ts";
import { invariant } from "../base/invariant.ts";
import { viewOf } from "../jute/writer.ts";
import { PLAIN_BYTES_MIN, RegionWriter } from "./region_writer.ts";

const LENGTH_AT = 8;

export class EntryWriter extends RegionWriter {
  entryEnd = 0;

  get entryStart(): number {
    return this.regionStart;
  }

  /** Head from `at`, payload behind it; the byte before `limit` is for the end byte. */
  beginIn(bytes: Uint8Array, view: DataView, at: number, limit: number): void {
    this.enter(bytes, view, at, limit - 1);
    this.pos += ENTRY_HEAD_BYTES;
  }

  beginPlain(payloadBytes: number): void {
    const bytes = new Uint8Array(Math.max(payloadBytes, PLAIN_BYTES_MIN) + ENTRY_EXTRA_BYTES);
    this.beginIn(bytes, viewOf(bytes), 0, bytes.length);
    this.isPlain = true;
  }

  /** Fills in the length; checksum and end byte come with the seal of the group. */
  finish(): void {
    const length = this.pos - this.regionStart - ENTRY_HEAD_BYTES;
    invariant(length > 0, "A log entry is not empty: length 0 reads as padding", {});
    this.view.setInt32(this.regionStart + LENGTH_AT, length);
    this.entryEnd = this.pos + 1;
  }
}
