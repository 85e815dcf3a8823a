// Plays a golden script against any server and writes the transcript that golden files hold: each step, and under
// it the frames that it caused on every connection, in order.
import { RawConnection } from "./connection.ts";
import { connectedOf, connectText, headOf, type Masks, replyText } from "./frames.ts";
import type { Action, Script, Section, Step } from "./script.ts";
import { bytesOfHex, connectFrame, hexOf, Out } from "./wire.ts";

export interface Target {
  readonly host: string;
  readonly port: number;
  /** Stops the server in order and starts it on the same data. */
  restart(): Promise<void>;
}

/** One section of a transcript, as text. */
export interface Played {
  readonly title: string;
  readonly text: string;
}

interface Waiting {
  readonly xid: number;
  readonly name: string;
  readonly reply: string;
}

const settleXid = -2;

export class Player {
  readonly #target: Target;
  readonly #connections = new Map<string, RawConnection>();
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #identities = new Map<
    string,
    { readonly sessionId: bigint; readonly password: Uint8Array }
  >();
  readonly #masks: Masks = { sessions: new Map(), passwords: new Map(), zxid: false };
  #lines: string[] = [];

  constructor(target: Target) {
    this.#target = target;
  }

  /** `atEnd` runs while the connections are still open. */
  async play(script: Script, atEnd?: () => Promise<void>): Promise<Played[]> {
    const played: Played[] = [];
    try {
      for (const section of script.sections) {
        played.push({ title: section.title, text: await this.#section(section) });
      }
      await atEnd?.();
    } finally {
      for (const connection of this.#connections.values()) connection.drop();
    }
    return played;
  }

  async #section(section: Section): Promise<string> {
    this.#lines = [];
    let burst: Step[] = [];
    for (const step of section.steps) {
      this.#lines.push(step.line);
      burst.push(step);
      if (step.burst) continue;
      try {
        await this.#run(burst);
      } catch (error) {
        const sofar = this.#lines.join("\n");
        throw new Error(`in "${section.title}" at "${step.line}": ${String(error)}\n${sofar}`, {
          cause: error,
        });
      }
      burst = [];
    }
    return this.#lines.join("\n") + "\n";
  }

  /** The last step may be of any kind, those before it are requests or bytes of the same connection. */
  async #run(steps: readonly Step[]): Promise<void> {
    const last = steps.at(-1);
    if (last === undefined) return;
    const { action, who } = last;
    if (action.kind === "restart") {
      await this.#target.restart();
      for (const connection of this.#connections.values()) {
        await connection.until(() => false);
        connection.closeShown = true;
      }
      return;
    }
    this.#masks.zxid = last.anyZxid;
    const first = steps[0]?.action;
    if (action.kind === "tcp") {
      await this.#open(who);
      return;
    }
    if (first?.kind === "connect") await this.#connect(who, first.args, steps.slice(1));
    else await this.#act(who, steps, action);
    if (last.thenClosed) await this.#closed(who);
    if (!last.quiet) await this.#settle(who);
  }

  #connection(who: string): RawConnection {
    const connection = this.#connections.get(who);
    if (connection === undefined) throw new Error(`no connection ${who}`);
    return connection;
  }

  async #open(who: string): Promise<RawConnection> {
    const connection = await RawConnection.open(this.#target.host, this.#target.port);
    this.#connections.set(who, connection);
    this.#waiting.set(who, []);
    return connection;
  }

  /** `more`: requests that leave in one write with the ConnectRequest. */
  async #connect(
    who: string,
    args: Readonly<Record<string, string>>,
    more: readonly Step[],
  ): Promise<void> {
    const connection = await this.#open(who);
    const requests = this.#requests(who, connection, more);
    connection.send(new Out().raw(this.#connectBytes(args)).raw(requests).bytes());
    await connection.until(() => connection.frames.length > 0);
    const frame = connection.frames.shift();
    if (frame === undefined) {
      if (connection.closed) this.#showClosed(who, connection);
      else this.#lines.push(`  ${who} ! no ConnectResponse`);
      return;
    }
    const connected = connectedOf(frame);
    if (connected.timeout > 0) {
      connection.hasSession = true;
      this.#remember(who, connected.sessionId, connected.password);
    }
    this.#lines.push(`  ${who} < ${connectText(frame, this.#masks)}`);
    await this.#replies(who, connection);
    this.#show(who, connection);
  }

  #remember(who: string, sessionId: bigint, password: Uint8Array): void {
    this.#identities.set(who, { sessionId, password });
    const known = this.#masks.sessions.get(sessionId);
    if (known !== undefined) return;
    this.#masks.sessions.set(sessionId, who);
    this.#masks.passwords.set(hexOf(password), who);
  }

  #connectBytes(args: Readonly<Record<string, string>>): Uint8Array {
    const of = args["session"] === undefined ? undefined : this.#identities.get(args["session"]);
    if (args["session"] !== undefined && of === undefined) {
      throw new Error(`no session of ${args["session"]}`);
    }
    const passwd = args["passwd"];
    let password: Uint8Array | null = of?.password ?? new Uint8Array(16);
    if (passwd === "null") password = null;
    else if (passwd !== undefined) {
      password = this.#identities.get(passwd)?.password ?? bytesOfHex(passwd);
    }
    const readOnly = args["readonly"] ?? "0";
    return connectFrame({
      timeout: Number(args["timeout"] ?? "30000"),
      sessionId: of?.sessionId ?? BigInt(args["id"] ?? "0"),
      password,
      readOnly: readOnly === "none" ? undefined : readOnly === "1",
      lastZxid: BigInt(args["last"] ?? "0"),
    });
  }

  async #act(who: string, steps: readonly Step[], action: Action): Promise<void> {
    const connection = this.#connection(who);
    if (action.kind === "drop") {
      connection.drop();
      await connection.until(() => false);
      connection.closeShown = true;
    } else if (action.kind === "closed") {
      await this.#closed(who);
    } else if (action.kind === "expect") {
      await connection.until(() => connection.frames.length >= action.frames, 30_000);
    } else if (action.kind === "text") {
      if (!await connection.until(() => false)) this.#lines.push(`  ${who} ! still open`);
      this.#lines.push(
        `  ${who} < ${JSON.stringify(new TextDecoder().decode(connection.takeText()))}`,
      );
      connection.closeShown = true;
    } else {
      connection.send(this.#requests(who, connection, steps));
      await this.#replies(who, connection);
    }
    this.#show(who, connection);
  }

  /** The bytes of the steps' requests; their replies are waited for from now on. */
  #requests(who: string, connection: RawConnection, steps: readonly Step[]): Uint8Array {
    const waiting = this.#waiting.get(who) ?? [];
    const all = new Out();
    for (const { action, who: sender } of steps) {
      if (sender !== who) throw new Error("a burst belongs to one connection");
      if (action.kind === "bytes") {
        all.raw(action.bytes);
        connection.text = !connection.hasSession;
      } else if (action.kind === "request") {
        const xid = action.xid ?? connection.xid++;
        all.raw(new Out().int(xid).int(action.type).raw(action.record).frame());
        waiting.push({ xid, name: action.name, reply: action.reply });
      } else throw new Error(`${action.kind} cannot be in a burst`);
    }
    return all.bytes();
  }

  /** Until every request has its reply, or the connection is closed. */
  async #replies(who: string, connection: RawConnection): Promise<void> {
    const waiting = this.#waiting.get(who) ?? [];
    const replied = await connection.until(() => {
      const replies = connection.frames.filter((frame) => headOf(frame)?.xid !== -1);
      return replies.length >= waiting.length;
    });
    if (replied) return;
    this.#show(who, connection);
    this.#lines.push(...waiting.splice(0).map((one) => `  ${who} ! no reply to ${one.name}`));
  }

  #show(who: string, connection: RawConnection): void {
    const waiting = this.#waiting.get(who) ?? [];
    for (const frame of connection.frames.splice(0)) {
      const { xid, err } = headOf(frame) ?? {};
      const index = waiting.findIndex((one) => one.xid === xid);
      const [found] = index < 0 ? [] : waiting.splice(index, 1);
      // Whether this reply gets out before the close of its session is a matter of timing.
      if (this.#masks.zxid && err === -112) continue;
      const text = replyText(frame, found?.name ?? "unexpected", found?.reply ?? "", this.#masks);
      this.#lines.push(`  ${who} < ${text}`);
    }
    if (connection.closed) this.#showClosed(who, connection);
  }

  #showClosed(who: string, connection: RawConnection): void {
    if (connection.closeShown) return;
    connection.closeShown = true;
    this.#waiting.set(who, []);
    this.#lines.push(`  ${who} closed`);
  }

  async #closed(who: string): Promise<void> {
    const connection = this.#connection(who);
    if (!await connection.until(() => false)) {
      this.#lines.push(`  ${who} ! still open`);
      connection.drop();
      connection.closeShown = true;
    }
    this.#show(who, connection);
  }

  /** A ping on every other connection flushes what the step caused there; its reply is not shown. */
  async #settle(except: string): Promise<void> {
    for (const [who, connection] of [...this.#connections].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (who === except || !connection.hasSession || connection.closeShown) continue;
      const isPing = (frame: Uint8Array): boolean => headOf(frame)?.xid === settleXid;
      connection.send(new Out().int(settleXid).int(11).frame());
      await connection.until(() => connection.frames.some(isPing));
      const index = connection.frames.findIndex(isPing);
      if (index >= 0) connection.frames.splice(index, 1);
      this.#show(who, connection);
    }
  }
}
