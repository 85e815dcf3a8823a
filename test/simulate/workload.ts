/** What a client asks for, drawn from its plan: few paths, so that clients meet on them; every value is written once. */
import type { Prng } from "../../src/base/random.ts";
import { CreateMode } from "../../src/protocol/ops.ts";
import type { Client, Errand, Errands } from "./client.ts";
import type { Call } from "./history.ts";
import { type ErrandKind, pick, type Plan } from "./plan.ts";
import type { PartRequest, ReadRequest, Request } from "./requests.ts";

const CHILDREN = 6;
/** A version that no node has. */
const NEVER = 1_000_000;
const SLEEP_OF_TIMEOUT: readonly number[] = [0.3, 0.8, 1.5, 3];

export class Workload implements Errands {
  readonly #plan: Plan;
  readonly #client: Client["plan"];
  readonly #random: Prng;
  readonly #kinds: ErrandKind[] = [];
  /** As this client saw them last. */
  readonly #versions = new Map<string, number>();
  #left: number;
  #values = 0;
  #made = 0;

  constructor(plan: Plan, client: Client["plan"], random: Prng) {
    this.#plan = plan;
    this.#client = client;
    this.#random = random;
    this.#left = client.errands;
    for (const [kind, weight] of Object.entries(client.weights)) {
      for (let i = 0; i < weight; i++) this.#kinds.push(kind as ErrandKind);
    }
  }

  next(client: Client): Errand {
    // Folders first: most of what follows needs them.
    if (this.#made < this.#plan.folders) {
      const path = `/f${this.#made++}`;
      return this.#request({ op: "create", path, data: "", flags: 0 });
    }
    if (this.#left-- <= 0) return { kind: "done" };
    const kind = pick(this.#random, this.#kinds);
    switch (kind) {
      case "move":
      case "steal":
        return { kind };
      case "sleep": {
        const ms = Math.ceil(this.#client.timeoutMs * pick(this.#random, SLEEP_OF_TIMEOUT));
        return { kind, ms, drop: this.#random.chance(1, 2) };
      }
      case "removeWatches":
        return this.#request({ op: "removeWatches", path: this.#watchedPath(client) });
      default:
        return this.#request(this.#draw(kind));
    }
  }

  ghost(): Request {
    return this.#random.chance(1, 2) ? this.#draw("setData") : this.#read("getData");
  }

  replied({ request, reply }: Call): void {
    if (reply === undefined || reply.err !== 0 || !("path" in request)) return;
    const { stat } = reply.result;
    if (request.op === "create") this.#versions.set(reply.result.path ?? "", 0);
    else if (request.op === "delete") this.#versions.delete(request.path);
    else if (stat !== undefined) this.#versions.set(request.path, stat.version);
  }

  #request(request: Request): Errand {
    return { kind: "request", request, thinkMs: pick(this.#random, this.#client.thinkMs) };
  }

  #draw(kind: Exclude<ErrandKind, "move" | "steal" | "sleep" | "removeWatches">): Request {
    const random = this.#random;
    switch (kind) {
      case "create":
        return this.#create(this.#node(), CreateMode.persistent);
      case "ephemeral":
        return this.#create(this.#node(), CreateMode.ephemeral);
      case "sequential":
        return this.#create(
          `${this.#folder()}/s-`,
          random.chance(1, 2) ? CreateMode.persistentSequential : CreateMode.ephemeralSequential,
        );
      case "delete":
        return { op: "delete", path: this.#anyPath(), version: -1 };
      case "setData":
        return { op: "setData", path: this.#node(), data: this.#value(), version: -1 };
      case "cas":
        return this.#cas();
      case "multi":
        return { op: "multi", parts: this.#parts() };
      case "failingMulti":
        return { op: "multi", parts: this.#spoiled(this.#parts()) };
      case "getData":
      case "exists":
      case "getChildren":
        return this.#read(kind);
      case "watch":
        return { ...this.#read(pick(random, ["getData", "exists", "getChildren"])), watch: true };
      case "persistent":
      case "recursive":
        return { op: "addWatch", path: this.#anyPath(), recursive: kind === "recursive" };
      case "sync":
        return { op: "sync" };
      case "close":
        return { op: "close" };
    }
  }

  #create(path: string, flags: number): PartRequest & { readonly op: "create" } {
    return { op: "create", path, data: this.#value(), flags };
  }

  #read(op: ReadRequest["op"]): ReadRequest {
    const path = op === "getChildren" ? this.#folder() : this.#anyPath();
    return { op, path, watch: false };
  }

  /** On a node whose version is known, if there is one. */
  #cas(): PartRequest & ({ readonly op: "setData" } | { readonly op: "delete" }) {
    const known = [...this.#versions];
    const random = this.#random;
    const [path, version] = known.length > 0 ? pick(random, known) : [this.#node(), 0];
    if (random.chance(1, 5)) return { op: "delete", path, version };
    return { op: "setData", path, data: this.#value(), version };
  }

  #parts(): PartRequest[] {
    return Array.from({ length: 1 + this.#random.below(4) }, () => this.#part());
  }

  #part(): PartRequest {
    const random = this.#random;
    switch (random.below(6)) {
      case 0:
        return this.#create(this.#node(), CreateMode.persistent);
      case 1:
        return this.#create(this.#node(), CreateMode.ephemeral);
      case 2:
        return this.#create(`${this.#folder()}/s-`, CreateMode.persistentSequential);
      case 3:
        return { op: "delete", path: this.#node(), version: -1 };
      case 4:
        return { ...this.#cas(), op: "check" } as PartRequest;
      default:
        return { op: "setData", path: this.#node(), data: this.#value(), version: -1 };
    }
  }

  #spoiled(parts: PartRequest[]): PartRequest[] {
    const at = this.#random.below(parts.length + 1);
    return parts.toSpliced(at, 0, { op: "check", path: "/", version: NEVER });
  }

  /** Of this client's watches, or any. */
  #watchedPath(client: Client): string {
    const path = this.#anyPath();
    const { data, child, persistent, recursive } = client.watches.request(0);
    const watched = [...data, ...child, ...persistent, ...recursive];
    return watched.length > 0 ? pick(this.#random, watched) : path;
  }

  #folder(): string {
    return `/f${this.#random.below(this.#plan.folders)}`;
  }

  #node(): string {
    const random = this.#random;
    if (random.chance(1, 2)) return `/r${random.below(this.#plan.registers)}`;
    return `${this.#folder()}/c${random.below(CHILDREN)}`;
  }

  #anyPath(): string {
    return this.#random.chance(1, 8) ? this.#folder() : this.#node();
  }

  #value(): string {
    const name = `${this.#client.name}.${++this.#values}`;
    return name.padEnd(pick(this.#random, this.#plan.dataBytes), "-");
  }
}
