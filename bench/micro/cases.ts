/**
 * The hot functions, each by itself: what it does once, over and over. Expected nanoseconds are in the table, from the
 * trials behind the design (2 cores of an AMD Zen 4), V8 then JavaScriptCore.
 */
import { utf8Encode } from "../../src/base/host.ts";
import type { Zxid } from "../../src/base/zxid.ts";
import { Reader } from "../../src/jute/reader.ts";
import { Writer } from "../../src/jute/writer.ts";
import { DEFAULT_LOAD } from "../../src/load/options.ts";
import { createFrame, ringOf } from "../../src/load/requests.ts";
import { FrameInput } from "../../src/server/frame_input.ts";
import { Op } from "../../src/protocol/ops.ts";
import { SessionTable } from "../../src/session/sessions.ts";
import { AuthSchemes } from "../../src/session/auth/schemes.ts";
import { Applier } from "../../src/txn/apply.ts";
import { Database } from "../../src/txn/database.ts";
import { Preparer } from "../../src/txn/prepare.ts";
import { newPreparedTxn } from "../../src/txn/request.ts";
import { type Watcher, Watches } from "../../src/watch/watches.ts";
import { PacketType, writeDataPacket, writePacket } from "../../src/zab/packets.ts";
import type { Runtime } from "../../src/runtime.ts";
import { createCodec } from "../../wasm/codec.ts";

export interface MicroCase {
  /** The module and what of it. */
  readonly name: string;
  /** Nanoseconds, before it was measured. */
  readonly expected: string;
  /** @returns something that depends on the work, so that no engine drops it */
  readonly once: () => number;
}

const ZNODES = 1000;
const DATA_BYTES = 1024;

/** A database with `/bench/z0000000` and so on, and who prepares and applies. */
class Bed {
  readonly db = new Database(createCodec(), {
    digest: true,
    extendedTypes: true,
    emulate353: false,
  });
  readonly w = new Writer(8192);
  readonly txn = newPreparedTxn();
  readonly #preparer: Preparer;
  readonly #applier = new Applier(this.db);
  readonly #body = new Reader(0x7fff_ffff);
  #zxid = 0;

  constructor({ hash }: Runtime) {
    const auth = new AuthSchemes({
      hash,
      digestEnabled: true,
      digestAlgorithm: "SHA-1",
      superDigest: undefined,
      isIpExpression: () => true,
    });
    this.#preparer = new Preparer(this.db, auth, {
      extendedTypes: true,
      enforceQuota: false,
      reconfigEnabled: false,
      txnBytesMax: 2 * 0xfffff,
    });
  }

  /** @param frame a request with its length, xid and type in front */
  write(frame: Uint8Array, start: number, end: number, type: number): number {
    const { w, txn } = this;
    w.pos = 0;
    const zxid = ++this.#zxid as Zxid;
    this.#preparer.prepare(
      {
        sessionId: 1n,
        sessionHi: 0,
        sessionLo: 1,
        cxid: 1,
        type,
        identities: [],
        sessionErr: 0,
        body: this.#body.reset(frame, start + REQUEST_HEAD_BYTES, end),
        timeoutMs: 0,
      },
      w,
      txn,
      zxid,
      zxid,
    );
    this.#applier.apply(w.bytes, 0, w.pos, txn.crc);
    this.#preparer.applied(txn);
    return txn.err;
  }

  create(path: string, dataBytes: number): void {
    const frame = createFrame(1, path, new Uint8Array(dataBytes));
    this.write(frame, 0, frame.length, Op.create);
  }
}

const REQUEST_HEAD_BYTES = 12;

class Nobody implements Watcher {
  readonly watcherId: number;
  told = 0;
  constructor(watcherId: number) {
    this.watcherId = watcherId;
  }
  deliver(): void {
    this.told++;
  }
}

export function microCases(runtime: Runtime): MicroCase[] {
  const bed = new Bed(runtime);
  bed.create("/bench", 0);
  for (let i = 0; i < ZNODES; i++) bed.create(`/bench/z${String(i).padStart(7, "0")}`, DATA_BYTES);
  return [...wireCases(), ...treeCases(bed), ...tableCases()];
}

function wireCases(): MicroCase[] {
  const w = new Writer(4096), r = new Reader(0x7fff_ffff);
  const reads = ringOf(DEFAULT_LOAD), data = new Uint8Array(DATA_BYTES);
  let at = 0, seen = 0;
  const input = new FrameInput({
    isBlocked: false,
    isStopped: false,
    acceptLength: (length) => length,
    onFrame: (_, start, end) => seen += end - start,
    onHeld: () => {},
  });
  const chunk = reads.bytes.subarray(0, reads.starts[100]);
  return [
    {
      name: "server/frame_input: 100 frames of a chunk",
      expected: "500",
      once: () => {
        input.feed(chunk);
        return seen;
      },
    },
    {
      name: "jute/reader: header of a request",
      expected: "5",
      once: () => {
        if (++at === reads.frames) at = 0;
        r.reset(reads.bytes, reads.starts[at] as number, reads.starts[at + 1] as number);
        return r.int32() + r.int32() + r.int32();
      },
    },
    {
      name: "jute/writer: header of a reply",
      expected: "10",
      once: () => {
        w.pos = 0;
        w.int32(1108);
        w.int32(7);
        w.int64Number(0x1_0000_0001);
        w.int32(0);
        return w.pos;
      },
    },
    {
      name: "zab/packets: PROPOSAL of 1 KiB",
      expected: "60; 80",
      once: () => {
        w.pos = 0;
        writeDataPacket(w, PacketType.proposal, 0x1_0000_0001, data);
        return w.pos;
      },
    },
    {
      name: "zab/packets: ACK",
      expected: "10",
      once: () => {
        w.pos = 0;
        writePacket(w, PacketType.ack, 0x1_0000_0001);
        return w.pos;
      },
    },
  ];
}

function treeCases(bed: Bed): MicroCase[] {
  const { tree } = bed.db, w = new Writer(4096);
  const reads = ringOf(DEFAULT_LOAD), writes = ringOf({ ...DEFAULT_LOAD, mix: { setData: 1 } });
  const paths = Array.from(
    { length: reads.frames },
    (_, i) => utf8Encode(`/bench/z${String((i * 7919) % ZNODES).padStart(7, "0")}`),
  );
  let at = 0, created = 0;
  const next = (count: number): number => at = at + 1 >= count ? 0 : at + 1;
  const id = tree.findPath("/bench/z0000001");
  return [
    {
      name: "tree: find a path of 15 bytes among 1,000",
      expected: "85; 65",
      once: () => {
        const path = paths[next(paths.length)] as Uint8Array;
        return tree.find(path, 0, path.length);
      },
    },
    {
      name: "tree: stat into a reply",
      expected: "22; 14",
      once: () => {
        w.pos = 0;
        tree.writeStat(id, w);
        return w.pos;
      },
    },
    {
      name: "tree: 1 KiB of data into a reply",
      expected: "60; 75",
      once: () => {
        w.pos = 0;
        tree.writeData(id, w);
        return w.pos;
      },
    },
    {
      name: "txn: prepare and apply a setData of 1 KiB",
      expected: "1,000; 900",
      once: () => {
        const i = next(writes.frames);
        const start = writes.starts[i] as number, end = writes.starts[i + 1] as number;
        return bed.write(writes.bytes, start, end, Op.setData);
      },
    },
    {
      name: "txn: prepare and apply a create of 100 bytes, its frame made too",
      expected: "2,000; 1,500",
      once: () => {
        bed.create(`/bench/m${created++}`, 100);
        return created;
      },
    },
  ];
}

function tableCases(): MicroCase[] {
  const watches = new Watches(), nobody = new Nobody(1);
  const table = new SessionTable(2000);
  const SESSIONS = 1000;
  const known = Array.from({ length: SESSIONS }, (_, i) => table.track(BigInt(i + 1), 30_000, 0));
  const codec = createCodec(), region = codec.logRegions[0];
  if (region === undefined) throw new Error("The codec has no log region");
  const { start } = region;
  let nowMs = 0;
  return [
    {
      name: "watch: add a data watch and fire it",
      expected: "250; 200",
      once: () => {
        watches.addData("/bench/z0000001", nobody);
        watches.nodeDataChanged("/bench/z0000001", 1 as Zxid, 1);
        return nobody.told;
      },
    },
    {
      name: "session: touch",
      expected: "15",
      once: () => {
        const session = known[++nowMs % SESSIONS];
        if (session !== undefined) table.touch(session, nowMs);
        return nowMs;
      },
    },
    {
      name: "wasm: CRC-32 of 1,100 bytes",
      expected: "300; 270",
      once: () => codec.crc32(0, codec.memory, start, start + 1100),
    },
  ];
}
