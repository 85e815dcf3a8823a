/**
 * Several servers that run leader and learner machines over links and disks in memory (model_*.ts), in virtual time. Who leads
 * is decided here, mostly as an election would, sometimes wrongly: safety may not rest on it.
 */
import { Prng } from "../../src/base/random.ts";
import { MajorityQuorum, type Quorum } from "../../src/zab/quorum.ts";
import { beats, type Sid, type Vote } from "../../src/zab/vote.ts";
import { Agenda } from "./agenda.ts";
import { ModelChecker } from "./model_checker.ts";
import { ModelDisk } from "./model_disk.ts";
import { ModelLeader } from "./model_leader.ts";
import { ModelLearner } from "./model_learner.ts";
import { ModelLink } from "./model_link.ts";

export class ModelServer {
  readonly sid: Sid;
  readonly isObserver: boolean;
  readonly disk: ModelDisk;
  role: ModelLeader | ModelLearner | undefined;
  isUp = true;
  /** Nothing is being written, and it looks for a leader. */
  isLooking = true;
  stay = 0;

  constructor(sid: Sid, isObserver: boolean, disk: ModelDisk) {
    this.sid = sid;
    this.isObserver = isObserver;
    this.disk = disk;
  }

  get vote(): Vote {
    return { leader: this.sid, zxid: this.disk.last, peerEpoch: this.disk.currentEpoch };
  }
}

export class World {
  readonly agenda = new Agenda();
  readonly prng: Prng;
  readonly quorum: Quorum;
  readonly servers: readonly ModelServer[];
  readonly checker = new ModelChecker();
  /** How often what happened. */
  readonly counts = new Map<string, number>();
  #isCalm = false;
  /** Each seed has weather of its own: something bad so often, and one election in so many as no election would decide. */
  readonly #harmMs: number;
  readonly #wrongIn: number;
  readonly #isHereOf5: number;
  #links = 0;
  #ids = 0;

  constructor(seed: number, voters: number, observers: number) {
    this.prng = new Prng(seed);
    this.#harmMs = [80, 200, 500, 1500][this.prng.below(4)] as number;
    this.#wrongIn = [2, 10, 1000][this.prng.below(3)] as number;
    this.#isHereOf5 = 3 + this.prng.below(3);
    const slowIn = [3, 10, 50][this.prng.below(3)] as number;
    const sids = Array.from({ length: voters + observers }, (_, i) => i + 1 as Sid);
    this.quorum = new MajorityQuorum(sids.slice(0, voters));
    this.servers = sids.map((sid, i) =>
      new ModelServer(sid, i >= voters, new ModelDisk(this.agenda, this.prng))
    );
    for (const { disk } of this.servers) disk.slowIn = slowIn;
  }

  nextId(): number {
    return ++this.#ids;
  }

  makeLink(): ModelLink {
    return new ModelLink(++this.#links, this.agenda, this.prng);
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Elections, writes and faults go on until `calm`; then elections and writes alone. */
  begin(): void {
    this.#every(40, () => this.#elect());
    this.#every(15, () => this.#write());
    this.#every(this.#harmMs, () => this.#harm());
  }

  /** No more faults. */
  calm(): void {
    this.#isCalm = true;
    for (const { disk } of this.servers) disk.slowIn = 1000;
  }

  leave(server: ModelServer, reason: string): void {
    this.count(`leave ${reason}`);
    this.#endRole(server);
    const { stay } = server;
    server.disk.onDurable = () => {};
    server.disk.idle(() => {
      if (server.isUp && server.stay === stay) server.isLooking = true;
    });
  }

  get leaders(): ModelServer[] {
    return this.servers.filter(({ role }) => role instanceof ModelLeader && role.isServing);
  }

  #every(meanMs: number, work: () => void): void {
    this.agenda.after(1 + this.prng.below(2 * meanMs), () => {
      work();
      this.#every(meanMs, work);
    });
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[this.prng.below(Math.max(1, list.length))];
  }

  // ------------------------------------------------------------------------------ what happens

  #elect(): void {
    const looking = this.servers.filter(({ isLooking }) => isLooking);
    if (looking.length === 0) return;
    const standing = this.#pick(this.leaders);
    if (standing !== undefined && (this.#isCalm || !this.prng.chance(1, this.#wrongIn))) {
      for (const server of looking) if (this.#isHere()) this.#follow(server, standing);
      return;
    }
    const claiming = this.#pick(this.servers.filter(({ role }) => role instanceof ModelLeader));
    if (claiming !== undefined && !this.#isCalm && this.prng.chance(1, this.#wrongIn)) {
      return this.#follow(this.#pick(looking) as ModelServer, claiming);
    }
    const taking = looking.filter(() => this.#isHere());
    const voters = taking.filter(({ isObserver }) => !isObserver);
    const isHonest = this.#isCalm || !this.prng.chance(1, this.#wrongIn);
    if (isHonest && !this.quorum.has(new Set(voters.map(({ sid }) => sid)))) return;
    const best = isHonest
      ? voters.reduce((a, b) => beats(b.vote, a.vote) ? b : a)
      : this.#pick(voters);
    if (best === undefined) return;
    for (const server of taking) if (server !== best) this.#follow(server, best);
    best.isLooking = false;
    best.role = new ModelLeader(this, best);
    best.role.begin();
  }

  /** One of several is out of touch. */
  #isHere(): boolean {
    return this.#isCalm || this.prng.chance(this.#isHereOf5, 5);
  }

  #follow(server: ModelServer, leader: ModelServer): void {
    server.isLooking = false;
    server.role = new ModelLearner(this, server, leader);
    server.role.begin();
  }

  #write(): void {
    for (const { role } of this.leaders) {
      const count = this.prng.below(4);
      for (let i = 0; i < count; i++) {
        if (role instanceof ModelLeader && role.isServing) role.write();
      }
    }
  }

  #harm(): void {
    if (this.#isCalm) return;
    const server = this.#pick(this.servers);
    if (server === undefined) return;
    const { role } = server, kind = this.prng.below(7);
    if (kind < 3 && role instanceof ModelLearner) role.cut();
    else if (kind === 3 && role instanceof ModelLearner) role.clog(100 + this.prng.below(900));
    else if (kind === 4 || kind === 5) this.#crash(server);
    else if (kind === 6) this.#failPower();
  }

  #failPower(): void {
    this.count("power");
    for (const server of this.servers) if (this.prng.chance(3, 4)) this.#crash(server);
  }

  #crash(server: ModelServer): void {
    if (!server.isUp) return;
    this.count("crash");
    this.#endRole(server);
    server.isUp = server.isLooking = false;
    server.stay++;
    server.disk.crash();
    this.checker.onCrash(server);
    this.agenda.after(this.prng.below(800), () => {
      server.isUp = server.isLooking = true;
    });
  }

  #endRole(server: ModelServer): void {
    server.role?.end();
    server.role = undefined;
  }
}
