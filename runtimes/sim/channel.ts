/**
 * One direction of a stream. Packets arrive in the order in which they were sent, always. One that meets a broken link is
 * held with all behind it, as TCP holds what is not acknowledged: some time after the link is whole again they are sent
 * anew, and after a time of its own the sender gives up. A reset is not sent again: it is lost.
 */
import { label } from "./labels.ts";
import type { Label } from "./labels.ts";
import type { Link } from "./link.ts";
import { QUIET } from "./queue.ts";
import { pick } from "./world.ts";

export const DATA = label("data");
export const FIN = label("fin");
export const RST = label("rst");
export const ACK = label("ack");
export const OPEN = label("open");
const RETRANSMIT = label("retransmit");
const GIVE_UP = label("give up");
const RESET_AT_BYTE = label("reset at byte");

/** After so long without an acknowledgement a sender gives up; Linux with its defaults takes 15 minutes. */
const GIVE_UP_US: readonly number[] = [6_000_000, 20_000_000, 60_000_000, 900_000_000];
/** A sender backs off: it tries again after up to as long as the link was broken. */
const BACK_OFF_SIXTEENTHS: readonly number[] = [0, 0, 1, 2, 4, 8, 12, 16];
const BACK_OFF_US_MAX = 120_000_000;
export const EMPTY = new Uint8Array(0);

interface Packet {
  readonly label: Label;
  readonly view: Uint8Array;
  readonly arrive: (view: Uint8Array) => unknown;
}

/** What a channel needs of the stream it belongs to. */
export interface ChannelOwner {
  /** The port that the stream's listener has. */
  readonly port: number;
  /** The stream's number. */
  readonly stream: number;
  /** Channels with something held. */
  readonly stalled: Set<Channel>;
  /** Nothing was acknowledged for too long. */
  giveUp(): void;
  /** Both ends are told of a reset. */
  resetBoth(): void;
}

export class Channel {
  readonly link: Link;
  /** The way of the acknowledgements. */
  readonly #back: Link;
  readonly #owner: ChannelOwner;
  /** The sender's system; after a loss of power it is another. */
  readonly #boot: number;
  #held: Packet[] = [];
  /** Something is missing: nothing but a reset passes. */
  #broken = false;
  #arrivesUs = 0;
  #stalledUs = 0;
  /** Counts what was sent again, so that a watch knows its stall. */
  #stall = 0;
  #watchedStall = -1;
  #watchedCut = -1;
  #sendingAgain = false;

  constructor(link: Link, back: Link, owner: ChannelOwner) {
    this.link = link;
    this.#back = back;
    this.#owner = owner;
    this.#boot = link.from.boots;
  }

  send(label: Label, view: Uint8Array, arrive: (view: Uint8Array) => unknown): void {
    if (this.#broken && label !== RST) return;
    const packet: Packet = { label, view, arrive };
    this.#arrivesUs = Math.max(this.#arrivesUs, this.link.arrivalUs(view.length));
    const delayUs = this.#arrivesUs - this.link.from.world.nowUs;
    this.#later(delayUs, label, () => this.#arrived(packet), view.length);
  }

  /** Tries again what is held, a while from now, if the link is whole. */
  sendAgain(): void {
    if (this.#sendingAgain || this.#held.length === 0 || this.link.down) return;
    this.#sendingAgain = true;
    const { world, random } = this.link.from;
    const outageUs = Math.min(world.nowUs - this.#stalledUs, BACK_OFF_US_MAX);
    const backOffUs = Math.floor(outageUs * pick(random, BACK_OFF_SIXTEENTHS) / 16);
    this.#later(
      this.link.arrivalUs(0) - world.nowUs + backOffUs,
      RETRANSMIT,
      () => this.#sendNext(),
    );
  }

  /** The sender's system forgets the stream: what is held will never be sent again. */
  abandon(): void {
    if (this.#held.length > 0) this.#broken = true;
    this.#held = [];
    this.#owner.stalled.delete(this);
  }

  #later(delayUs: number, label: Label, run: () => unknown, amount = 0): void {
    const { world, index } = this.link.from;
    world.schedule(delayUs, index, label, run, amount, this.#owner.stream);
  }

  #arrived(packet: Packet): unknown {
    if (packet.label === RST) return this.link.down ? this.#lose() : packet.arrive(packet.view);
    if (this.#broken) return QUIET;
    if (this.#held.length === 0 && !this.link.down) return this.#pass(packet);
    if (this.link.from.boots !== this.#boot) {
      this.#broken = true;
      return this.#lose();
    }
    if (this.#held.length === 0) {
      this.#stalledUs = this.link.from.world.nowUs;
      this.#owner.stalled.add(this);
    }
    this.#held.push(packet);
    this.link.from.world.faults.add("packet held");
    if (packet.label !== ACK) this.#watchStall();
    this.sendAgain();
    return QUIET;
  }

  #lose(): unknown {
    this.link.from.world.faults.add("packet lost");
    return QUIET;
  }

  #pass(packet: Packet): unknown {
    if (this.#back.cut && packet.label !== ACK) this.#watchAcks();
    const { view } = packet;
    if (view.length === 0) return packet.arrive(view);
    const cutAt = this.link.countDown(view.length, this.#owner.port);
    if (cutAt === undefined) return packet.arrive(view);
    this.abandon();
    this.#broken = true;
    this.#later(1, RESET_AT_BYTE, () => this.#owner.resetBoth());
    return cutAt === 0 ? QUIET : packet.arrive(view.subarray(0, cutAt));
  }

  /** One packet an event, so that each has its promise work done before the next. */
  #sendNext(): unknown {
    this.#sendingAgain = false;
    if (this.link.from.boots !== this.#boot) this.abandon();
    if (this.#held.length === 0) return QUIET;
    if (this.link.down) {
      if (this.#held.some((packet) => packet.label !== ACK)) this.#watchStall();
      return QUIET;
    }
    const packet = this.#held.shift() as Packet;
    this.#stall++;
    this.link.from.world.faults.add("retransmission");
    if (this.#held.length === 0) this.#owner.stalled.delete(this);
    else {
      this.#sendingAgain = true;
      this.#later(0, RETRANSMIT, () => this.#sendNext());
    }
    return this.#pass(packet);
  }

  /** What we send does not arrive. */
  #watchStall(): void {
    if (this.#watchedStall === this.#stall) return;
    this.#watchedStall = this.#stall;
    const stall = this.#stall;
    this.#giveUpUnless(() => this.#stall !== stall || this.#held.length === 0 || !this.link.down);
  }

  /** What we send arrives, and we are not told. */
  #watchAcks(): void {
    const { cutCount } = this.#back;
    if (this.#watchedCut === cutCount) return;
    this.#watchedCut = cutCount;
    this.#giveUpUnless(() => this.#back.cutCount !== cutCount || !this.#back.cut);
  }

  #giveUpUnless(well: () => boolean): void {
    this.#later(pick(this.link.from.random, GIVE_UP_US), GIVE_UP, () => {
      if (well() || this.link.from.boots !== this.#boot) return QUIET;
      this.abandon();
      this.#broken = true;
      return this.#owner.giveUp();
    });
  }
}
