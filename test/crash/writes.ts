/** Random writes, and their bytes. Every piece of data is unique, so that what is found says which write put it there. */
import { utf8Encode } from "../../src/base/host.ts";
import type { Prng } from "../../src/base/random.ts";
import { type Acl, OPEN_ACL } from "../../src/protocol/acl.ts";
import { CreateMode, Op } from "../../src/protocol/ops.ts";
import {
  createBody,
  multiBody,
  pathVersion,
  setAclBody,
  setDataBody,
} from "../support/requests.ts";
import type { Part, State, Write } from "./model.ts";

/** Each lets anyone do everything, so that no write depends on them. */
export const ACLS: readonly (readonly Acl[])[] = [
  OPEN_ACL,
  [...OPEN_ACL, { perms: 3, scheme: "ip", id: "127.0.0.1" }],
  [...OPEN_ACL, { perms: 1, scheme: "digest", id: "reader:x1Nq/Y1ZbnSWTDxHkWbBM8rxqQw=" }],
];
export const SHARED_FOLDER = "/seq";
/** Small trees change everywhere between two kills; larger ones change while a snapshot walks over them. */
const NODES_MAX: readonly number[] = [20, 70, 300];
/** Data this long, so that a kill cuts a write of the log in the middle; of a thousand writes so many have it. */
const LONG_BYTES_MAX = 400_000;
const LONG_PER_MILLE: readonly number[] = [0, 2, 2, 150];
const SHARED_MAX = 12;
const CHILDREN_DEPTH_MAX = 4;

const CREATE_MODES: readonly number[] = [
  CreateMode.persistent,
  CreateMode.persistent,
  CreateMode.ephemeral,
  CreateMode.persistentSequential,
  CreateMode.ephemeralSequential,
  CreateMode.container,
];

export class WriteSource {
  readonly #random: Prng;
  readonly #root: string;
  readonly #nodesMax: number;
  readonly #longPerMille: number;
  #count = 0;

  constructor(random: Prng, root: string) {
    this.#random = random;
    this.#root = root;
    this.#longPerMille = LONG_PER_MILLE[random.below(LONG_PER_MILLE.length)] as number;
    const isHeavy = this.#longPerMille > 2;
    this.#nodesMax = isHeavy ? 20 : NODES_MAX[random.below(NODES_MAX.length)] as number;
  }

  /**
   * @param ahead the state after all that was sent
   * @param names of the writer's shared nodes, by data, as far as they are known
   */
  next(ahead: State, names: ReadonlyMap<string, string>): Write {
    if (!ahead.nodes.has(this.#root)) {
      return {
        kind: "create",
        path: this.#root,
        data: this.#data(),
        mode: CreateMode.persistent,
        acl: 0,
      };
    }
    const draw = this.#random.below(100);
    if (draw < 12) return this.#multi(ahead);
    if (draw < 18) {
      const path = this.#any(ahead), acl = this.#random.below(ACLS.length);
      return { kind: "setAcl", path, acl, version: this.#version(ahead.nodes.get(path)?.aversion) };
    }
    if (draw < 24) return this.#shared(ahead, names);
    return this.#part(ahead);
  }

  #shared(ahead: State, names: ReadonlyMap<string, string>): Write {
    if (ahead.shared.size >= SHARED_MAX || this.#random.chance(1, 4)) {
      for (const data of ahead.shared.keys()) {
        const path = names.get(data);
        if (path !== undefined) return { kind: "unshare", data, path };
      }
    }
    if (ahead.shared.size >= 2 * SHARED_MAX) return this.#part(ahead); // their names are on their way
    const mode = this.#random.chance(1, 3)
      ? CreateMode.ephemeralSequential
      : CreateMode.persistentSequential;
    return { kind: "share", data: this.#tag(), mode };
  }

  #part(ahead: State): Part {
    const draw = this.#random.below(100);
    const isFull = ahead.nodes.size > this.#nodesMax;
    if (draw < (isFull ? 5 : 40)) return this.#create(ahead);
    const path = this.#any(ahead);
    const version = this.#version(ahead.nodes.get(path)?.version);
    if (draw < 70 && path !== this.#root) return { kind: "delete", path, version };
    return { kind: "setData", path, data: this.#data(), version };
  }

  #create(ahead: State): Part {
    const parent = this.#any(ahead);
    const isDeep = parent.split("/").length > CHILDREN_DEPTH_MAX;
    const mode = CREATE_MODES[this.#random.below(CREATE_MODES.length)] as number;
    const path = `${isDeep ? this.#root : parent}/n${this.#random.below(30)}`;
    const isSequential = mode === CreateMode.persistentSequential ||
      mode === CreateMode.ephemeralSequential;
    return {
      kind: "create",
      path: isSequential ? `${path}-` : path,
      data: this.#data(),
      mode,
      acl: this.#random.below(ACLS.length),
    };
  }

  /** Later parts build on earlier ones; about one in four fails and must leave nothing. */
  #multi(ahead: State): Write {
    const trial = ahead.clone();
    const parts: Part[] = [];
    for (let left = 1 + this.#random.below(5); left > 0; left--) {
      const path = this.#any(trial);
      const part: Part = this.#random.chance(1, 5)
        ? { kind: "check", path, version: this.#version(trial.nodes.get(path)?.version) }
        : this.#part(trial);
      const works = trial.apply(part, undefined).err === 0;
      if (works || this.#random.chance(1, 4)) parts.push(part);
    }
    return parts.length === 0 ? this.#part(ahead) : { kind: "multi", parts };
  }

  /** A node of the writer, or now and then one that is not there. */
  #any(ahead: State): string {
    if (this.#random.chance(1, 40)) return `${this.#root}/missing`;
    const paths = [...ahead.nodes.keys()];
    return paths[this.#random.below(paths.length)] as string;
  }

  #version(now: number | undefined): number {
    const draw = this.#random.below(10);
    return draw < 5 || now === undefined ? -1 : draw < 9 ? now : now + 7;
  }

  #tag(): string {
    return `${this.#root}#${this.#count++}|`;
  }

  #data(): string {
    const draw = this.#random.below(1000);
    if (draw < 20) return "";
    const tag = this.#tag();
    const isLong = draw >= 1000 - this.#longPerMille;
    const bytesMax = isLong ? LONG_BYTES_MAX : draw < 800 ? 60 : draw < 980 ? 2_000 : 20_000;
    return tag.repeat(1 + Math.floor(this.#random.below(bytesMax) / tag.length));
  }
}

/** Its type on the wire, and its body. */
export function encodeWrite(write: Write): readonly [type: number, body: Uint8Array] {
  switch (write.kind) {
    case "multi":
      return [Op.multi, multiBody(write.parts.map(encodePart))];
    case "setAcl":
      return [Op.setAcl, setAclBody(write.path, ACLS[write.acl] ?? OPEN_ACL, write.version)];
    case "share":
      return [Op.create, createBody(`${SHARED_FOLDER}/n-`, utf8Encode(write.data), write.mode)];
    case "unshare":
      return [Op.delete, pathVersion(write.path)];
    case "close":
      return [Op.closeSession, new Uint8Array(0)];
    default:
      return encodePart(write);
  }
}

function encodePart(part: Part): readonly [type: number, body: Uint8Array] {
  switch (part.kind) {
    case "create": {
      const type = part.mode === CreateMode.container ? Op.createContainer : Op.create;
      return [type, createBody(part.path, part.data, part.mode, ACLS[part.acl])];
    }
    case "delete":
      return [Op.delete, pathVersion(part.path, part.version)];
    case "setData":
      return [Op.setData, setDataBody(part.path, part.data, part.version)];
    case "check":
      return [Op.check, pathVersion(part.path, part.version)];
  }
}
