// What a link between servers holds in memory while its peer does not read, and that what is on its way is left alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LinkOutput } from "../../../src/server/ensemble/link_output.ts";
import { PacketType, writeDataPacket, writePacket } from "../../../src/zab/packets.ts";
import { QuietConnection } from "./quiet_connection.ts";

const PACKET_BYTES = 20;

/** A socket whose peer reads nothing until told to. As the hosts do, it copies what is not lent. */
class Stopped extends QuietConnection {
  readonly sent: Uint8Array[] = [];
  readonly #waiting: { view: Uint8Array; done: (() => void) | undefined }[] = [];

  override get bufferedBytes(): number {
    return this.#waiting.reduce((sum, { view }) => sum + view.length, 0);
  }
  /** Memory that cannot be used for anything else until it is sent. */
  get heldBytes(): number {
    return [...new Set(this.#waiting.map(({ view }) => view.buffer))]
      .reduce((sum, { byteLength }) => sum + byteLength, 0);
  }
  write(view: Uint8Array, done?: () => void): boolean {
    this.#waiting.push({ view: done === undefined ? view.slice() : view, done });
    return false;
  }
  /** All that waits leaves. */
  drain(): void {
    for (const { view, done } of this.#waiting.splice(0)) {
      this.sent.push(view.slice());
      done?.();
    }
    this.drained();
  }
}

function linkTo(socket: Stopped): LinkOutput {
  return new LinkOutput(socket, () => assert.fail("it overflows"));
}

function sendLarge(output: LinkOutput, fill: number, bytes = 500_000): void {
  writeDataPacket(output.w, PacketType.request, -1, new Uint8Array(bytes).fill(fill));
  output.flush();
}

test("small packets behind a large one hold no more memory than their bytes", () => {
  const socket = new Stopped(), output = linkTo(socket);
  for (let round = 0; round < 3; round++) {
    sendLarge(output, round);
    for (let i = 0; i < 2000; i++) {
      writePacket(output.w, PacketType.ack, i);
      output.flush();
    }
    assert.ok(socket.bufferedBytes >= 500_000 + 2000 * PACKET_BYTES);
    assert.ok(socket.heldBytes < 2 * socket.bufferedBytes + 100_000, `${socket.heldBytes}`);
    socket.drain();
  }
});

test("a link that went back to small packets gives large buffers back", () => {
  const socket = new Stopped(), output = linkTo(socket);
  for (let i = 0; i < 4; i++) {
    sendLarge(output, i);
    socket.drain();
  }
  assert.ok(output.w.bytes.length >= 500_000);
  for (let i = 0; i < 1000; i++) {
    writePacket(output.w, PacketType.ack, i);
    output.flush();
    socket.drain();
  }
  assert.ok(output.w.bytes.length <= 4096, `${output.w.bytes.length}`);
});

test("turns of one size use the same few buffers, and none is written over before it has left", () => {
  const socket = new Stopped(), output = linkTo(socket);
  const buffers = new Set<ArrayBufferLike>();
  for (let round = 1; round <= 40; round++) {
    buffers.add(output.w.bytes.buffer);
    sendLarge(output, round, 300_000);
    if (round % 2 === 0) continue;
    // The next turn is gathered while this one waits.
    writePacket(output.w, PacketType.ack, 1);
    socket.drain();
  }
  socket.drain();
  const large = socket.sent.filter(({ length }) => length > 300_000);
  assert.equal(large.length, 40);
  large.forEach((bytes, index) => assert.equal(bytes.at(-5), index + 1));
  assert.ok(buffers.size < 12, `${buffers.size} buffers`);
});
