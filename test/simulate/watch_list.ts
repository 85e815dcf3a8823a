/** The watches that a client believes it has, by the rules of Apache's clients: what it tells its next server. */
import { Code } from "../../src/protocol/codes.ts";
import { EventType } from "../../src/protocol/watch_types.ts";
import type { Request, SetWatchesRequest } from "./requests.ts";

export class WatchList {
  readonly #data = new Set<string>();
  readonly #exist = new Set<string>();
  readonly #child = new Set<string>();
  readonly #persistent = new Set<string>();
  readonly #recursive = new Set<string>();

  get isEmpty(): boolean {
    return this.#all().every((paths) => paths.size === 0);
  }

  /** Any watch at this very path. */
  has(path: string): boolean {
    return this.#all().some((paths) => paths.has(path));
  }

  replied(request: Request, err: number): void {
    switch (request.op) {
      case "getData":
      case "getChildren":
        if (!request.watch || err !== Code.ok) return;
        (request.op === "getData" ? this.#data : this.#child).add(request.path);
        return;
      case "exists":
        if (!request.watch) return;
        if (err === Code.ok) this.#data.add(request.path);
        else if (err === Code.noNode) this.#exist.add(request.path);
        return;
      case "addWatch":
        if (err !== Code.ok) return;
        (request.recursive ? this.#recursive : this.#persistent).add(request.path);
        return;
      case "removeWatches":
        if (err === Code.ok) { for (const paths of this.#all()) paths.delete(request.path); }
        return;
      default:
    }
  }

  event(type: number, path: string): void {
    if (type === EventType.nodeChildrenChanged) return void this.#child.delete(path);
    this.#data.delete(path);
    this.#exist.delete(path);
    if (type === EventType.nodeDeleted) this.#child.delete(path);
  }

  request(relativeZxid: number): SetWatchesRequest {
    return {
      op: "setWatches",
      relativeZxid,
      data: [...this.#data],
      exist: [...this.#exist],
      child: [...this.#child],
      persistent: [...this.#persistent],
      recursive: [...this.#recursive],
    };
  }

  #all(): Set<string>[] {
    return [this.#data, this.#exist, this.#child, this.#persistent, this.#recursive];
  }
}
