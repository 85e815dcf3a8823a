/** Carries out a plan's faults at their times, and remembers when anything was wrong: some promises hold in calm times only. */
import type { Machine, Sim } from "../../runtimes/sim/index.ts";
import { type Cluster, type ClusterServer, FOLDER } from "./cluster.ts";
import type { Fault, FaultDeed, Place } from "./faults.ts";

/** From its fault until it is mended, and what of it lingers. */
export interface Trouble {
  readonly fromUs: number;
  readonly untilUs: number;
}

export class Injector {
  readonly troubles: Trouble[] = [];
  /** What was done, when, to whom. */
  readonly deeds: { readonly atUs: number; readonly text: string }[] = [];
  /** Faults that found their target. */
  readonly done = new Map<FaultDeed["kind"], number>();
  readonly #sim: Sim;
  readonly #cluster: Cluster;
  readonly #clients: readonly Machine[];

  constructor(sim: Sim, cluster: Cluster, clients: readonly Machine[]) {
    this.#sim = sim;
    this.#cluster = cluster;
    this.#clients = clients;
  }

  schedule(faults: readonly Fault[]): void {
    for (const fault of faults) this.#sim.at(fault.atMs, fault.kind, () => this.#inject(fault));
  }

  /** No fault is left: nothing is cut, full, slow or down. */
  stop(): void {
    this.deeds.push({ atUs: this.#sim.nowUs, text: "none from here on" });
    this.#sim.network.heal();
    for (const { machine } of this.#cluster.servers) {
      machine.files.clear();
      machine.disk.capacityBytes = Infinity;
      machine.setClockRate({ local: 100, true: 100 });
    }
    this.#cluster.healAll();
  }

  #inject(fault: Fault): void {
    if (fault.kind === "crashAll" || fault.kind === "killAll") return this.#all(fault);
    const server = this.#cluster.find(fault.target);
    if (server === undefined) return;
    const forMs = this.#deed(fault, server);
    if (forMs === undefined) return;
    this.#note(fault, forMs, `${server.machine.name} `);
  }

  #note(fault: Fault, forMs: number, whom: string): void {
    const { atMs: _, kind, ...how } = fault;
    this.done.set(kind, (this.done.get(kind) ?? 0) + 1);
    const { nowUs } = this.#sim;
    this.deeds.push({ atUs: nowUs, text: `${kind} ${whom}${JSON.stringify(how)}` });
    this.troubles.push({ fromUs: nowUs, untilUs: nowUs + forMs * 1000 });
  }

  #all(fault: Extract<Fault, { readonly kind: "crashAll" | "killAll" }>): void {
    for (const [index, server] of this.#cluster.servers.entries()) {
      const downMs = fault.downMs[index] ?? 0;
      this.#cluster.down(server, downMs, (machine) => {
        if (fault.kind === "crashAll") machine.crash(fault.fate);
        else machine.kill();
      });
    }
    this.#note(fault, Math.max(...fault.downMs), "");
  }

  /** @returns how long it lasts; undefined: nothing was done */
  #deed(
    fault: Exclude<FaultDeed, { readonly kind: "crashAll" | "killAll" }>,
    server: ClusterServer,
  ): number | undefined {
    const { machine } = server, { name, files, disk } = machine;
    const { network } = this.#sim;
    switch (fault.kind) {
      case "crash":
        this.#cluster.down(server, fault.downMs, () => machine.crash(fault.fate));
        return fault.downMs;
      case "kill":
        this.#cluster.down(server, fault.downMs, () => machine.kill());
        return fault.downMs;
      case "pause":
        if (!machine.alive || machine.paused) return undefined;
        machine.pause();
        this.#later(fault.forMs, () => machine.resume());
        return fault.forMs;
      case "isolate":
        network.isolate(name, fault.way);
        this.#later(fault.forMs, () => network.heal(name));
        return fault.forMs;
      case "slowSync":
        files.slow({ byMs: fault.byMs, forMs: fault.forMs });
        return fault.forMs + fault.byMs;
      case "diskFull":
        disk.capacityBytes = disk.usedBytes + fault.freeBytes;
        this.#later(fault.forMs, () => disk.capacityBytes = Infinity);
        return fault.forMs;
      case "failFile":
        files.failNext(fault.operation, "IO", { skip: fault.skip });
        return 0;
      case "rot": {
        const path = newestSnapshot(machine);
        if (path === undefined) return undefined;
        files.rotNext({ path, skip: fault.skip });
        return 0;
      }
      case "wallJump":
        machine.jumpWall(fault.byMs);
        return 0;
      case "clockRate":
        machine.setClockRate({ local: fault.local, true: 100 });
        this.#later(fault.forMs, () => machine.setClockRate({ local: 100, true: 100 }));
        return fault.forMs;
      default:
        return this.#between(fault, machine);
    }
  }

  #between(
    fault: Extract<FaultDeed, { readonly from: Place }>,
    machine: Machine,
  ): number | undefined {
    const other = this.#machine(fault.from), { network } = this.#sim;
    if (other === undefined || other === machine) return undefined;
    const first = machine.name, second = other.name;
    const heal = (): void => network.heal(first, second);
    switch (fault.kind) {
      case "partition":
        network.partition(first, second, fault.way);
        this.#later(fault.forMs, heal);
        return fault.forMs;
      case "clog":
        network.clog(first, second, fault.forMs, fault.way);
        return fault.forMs;
      case "slowLink": {
        const { extraMs, bytesPerMs } = fault;
        network.slow(first, second, { extraMs, bytesPerMs });
        this.#later(fault.forMs, heal);
        return fault.forMs;
      }
      case "cut":
        network.cut(first, second, { told: fault.told });
        return 0;
      case "resetAfter":
        network.resetAfter(first, second, fault.bytes);
        return Infinity;
    }
  }

  #machine(place: Place): Machine | undefined {
    if (typeof place === "string" && place.startsWith("client")) {
      return this.#clients[Number(place.slice("client".length))];
    }
    return this.#cluster.find(place as Exclude<Place, `client${number}`>)?.machine;
  }

  #later(ms: number, run: () => void): void {
    this.#sim.after(ms * 1000, "mend", run);
  }
}

/** A log's last group read wrongly is taken for torn, and cut: no server can tell. */
function newestSnapshot({ disk }: Machine): string | undefined {
  const folder = disk.find(FOLDER);
  if (folder?.kind !== "directory") return undefined;
  const names = [...folder.now.keys()].filter((name) => /^snapshot\.[0-9a-f]+$/.test(name));
  const zxid = (name: string): number => Number.parseInt(name.slice("snapshot.".length), 16);
  const newest = names.sort((a, b) => zxid(a) - zxid(b)).at(-1);
  return newest === undefined ? undefined : `${FOLDER}/${newest}`;
}
