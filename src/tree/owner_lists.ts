/** Which znodes belong to a session, are containers or have a TTL: lists threaded through the znodes themselves. */
import { invariant } from "../base/invariant.ts";
import * as L from "./layout.ts";
import type { NodeStore } from "./node_store.ts";
import { OwnerKind } from "./owner.ts";

/** Head and length of one list. */
interface OwnerList {
  head: number;
  count: number;
}

export class OwnerLists {
  readonly #nodes: NodeStore;
  readonly #sessions = new Map<bigint, OwnerList>();
  #containers: OwnerList = { head: -1, count: 0 };
  #ttls: OwnerList = { head: -1, count: 0 };
  #ephemerals = 0;

  constructor(nodes: NodeStore) {
    this.#nodes = nodes;
  }

  /** Ephemeral znodes of all sessions. */
  get ephemeralCount(): number {
    return this.#ephemerals;
  }

  sessions(): bigint[] {
    return [...this.#sessions.keys()];
  }

  forEachOf(sessionId: bigint, visit: (id: number) => void): void {
    this.#walk(this.#sessions.get(sessionId), visit);
  }

  /** Containers, then TTL nodes. */
  forEachTimed(visit: (id: number) => void): void {
    this.#walk(this.#containers, visit);
    this.#walk(this.#ttls, visit);
  }

  add(id: number, kind: OwnerKind, owner: bigint): void {
    if (kind === OwnerKind.none) return;
    const list = this.#listFor(kind, owner);
    const head = list.head;
    this.#nodes.setRestWord(id, L.OWNER_NEXT, head);
    this.#nodes.setRestWord(id, L.OWNER_PREV, -1);
    if (head >= 0) this.#nodes.setRestWord(head, L.OWNER_PREV, id);
    list.head = id;
    list.count++;
    if (kind === OwnerKind.ephemeral) this.#ephemerals++;
  }

  remove(id: number, kind: OwnerKind, owner: bigint): void {
    if (kind === OwnerKind.none) return;
    const list = this.#listFor(kind, owner);
    const next = this.#nodes.restWord(id, L.OWNER_NEXT, -1);
    const prev = this.#nodes.restWord(id, L.OWNER_PREV, -1);
    if (prev >= 0) this.#nodes.setRestWord(prev, L.OWNER_NEXT, next);
    else list.head = next;
    if (next >= 0) this.#nodes.setRestWord(next, L.OWNER_PREV, prev);
    list.count--;
    invariant(list.count >= 0, "A znode leaves a list that it is in", { id });
    if (kind !== OwnerKind.ephemeral) return;
    this.#ephemerals--;
    if (list.count === 0) this.#sessions.delete(owner);
  }

  clear(): void {
    this.#sessions.clear();
    this.#containers = { head: -1, count: 0 };
    this.#ttls = { head: -1, count: 0 };
    this.#ephemerals = 0;
  }

  #listFor(kind: OwnerKind, owner: bigint): OwnerList {
    if (kind === OwnerKind.container) return this.#containers;
    if (kind === OwnerKind.ttl) return this.#ttls;
    let list = this.#sessions.get(owner);
    if (list === undefined) {
      list = { head: -1, count: 0 };
      this.#sessions.set(owner, list);
    }
    return list;
  }

  #walk(list: OwnerList | undefined, visit: (id: number) => void): void {
    for (let id = list?.head ?? -1; id >= 0; id = this.#nodes.restWord(id, L.OWNER_NEXT, -1)) {
      visit(id);
    }
  }
}
