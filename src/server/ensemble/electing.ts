/** One election: the machine of src/zab over the election links (docs/internals/ensemble.md, looking). */
import type { Clock } from "../../runtime.ts";
import { Election, type ElectionSetup } from "../../zab/election.ts";
import type { ElectionEffect, ElectionEvent } from "../../zab/events.ts";
import { type Notification, writeNotification } from "../../zab/notification.ts";
import type { Sid } from "../../zab/vote.ts";
import type { ElectionLinks } from "./election_links.ts";
import { MachineDriver } from "./machine_driver.ts";

export type Elected = Extract<ElectionEffect, { kind: "elected" }>;

export class Electing {
  readonly #election: Election;
  readonly #driver: MachineDriver<ElectionEvent, ElectionEffect>;
  readonly #links: ElectionLinks;
  readonly #voters: ReadonlySet<Sid>;
  #end: (elected: Elected | undefined) => void = () => {};

  constructor(
    clock: Clock,
    setup: ElectionSetup,
    links: ElectionLinks,
    onBug: (error: unknown) => void,
  ) {
    this.#links = links;
    this.#voters = new Set(setup.quorums.flatMap(({ voters }) => [...voters]));
    this.#election = new Election(setup);
    this.#driver = new MachineDriver(
      clock,
      this.#election,
      (effect) => this.#execute(effect),
      onBug,
    );
  }

  get logicalClock(): number {
    return this.#election.logicalClock;
  }

  /** Undefined: it was stopped. */
  run(): Promise<Elected | undefined> {
    return new Promise((resolve) => {
      this.#end = resolve;
      this.#driver.dispatch({ kind: "start" });
    });
  }

  stop(): void {
    this.#driver.stop();
    this.#end(undefined);
  }

  onNotification(from: Sid, notification: Notification): void {
    this.#driver.dispatch({ kind: "notification", from, notification });
  }

  onLink(sid: Sid, state: "up" | "down" | "refused"): void {
    this.#driver.dispatch({ kind: "link", sid, state });
  }

  #execute(effect: ElectionEffect): void {
    switch (effect.kind) {
      case "send":
        return this.#links.send(effect.to, writeNotification(effect.notification));
      case "dial":
        for (const sid of this.#voters) this.#links.dial(sid);
        return;
      case "call":
        return this.#links.call(effect.to);
      case "elected":
        this.#driver.stop();
        return this.#end(effect);
    }
  }
}
