/** From a connect string to a session. */
import { utf8Encode } from "../base/host.ts";
import type { Runtime } from "../runtime.ts";
import { limitCall } from "./call_options.ts";
import { Client } from "./client.ts";
import { parseConnectString } from "./connect_string.ts";
import { Driver } from "./driver.ts";
import { unanswered, ZkError } from "./errors.ts";
import { type ConnectOptions, settingsOf } from "./options.ts";
import { Chroot } from "./paths.ts";
import type { SessionState } from "./session_machine.ts";
import { guarded } from "./watch_events.ts";

/**
 * Resolves when there is a session.
 * @throws {ZkError} BAD_ARGUMENTS, OPERATION_TIMEOUT (no server gave a session in time), ABORTED, AUTH_FAILED, SESSION_EXPIRED
 */
export async function connectWith(
  runtime: Runtime,
  connectString: string,
  options: ConnectOptions = {},
): Promise<Client> {
  const { hosts, chroot: prefix } = parseConnectString(connectString);
  const settings = settingsOf(options);
  if (options.signal?.aborted === true) {
    const why = "its signal was aborted";
    throw unanswered("ABORTED", "connect", undefined, false, why, options.signal.reason);
  }
  const chroot = new Chroot(prefix);
  const driver = new Driver(runtime, { ...settings, hosts, session: options.session }, chroot);
  if (options.onState !== undefined) driver.onState(options.onState);
  const limits = { timeoutMs: settings.connectTimeoutMs, signal: options.signal };
  const connected = untilConnected(driver, limits, connectString);
  const authenticated = (options.auth ?? []).map(({ scheme, data }) =>
    driver.credentials.add(scheme, typeof data === "string" ? utf8Encode(data) : data, limits)
  );
  guarded(() => options.onState?.(driver.state));
  driver.start();
  try {
    await Promise.all([connected, ...authenticated]);
  } catch (error) {
    void driver.close(); // not awaited: a server that says nothing more would put the caller's limit off
    throw error;
  }
  return new Client(driver, chroot);
}

function untilConnected(
  driver: Driver,
  limits: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
  connectString: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const release = limitCall(driver.runtime.clock, limits, (code, _why, cause) => {
      finish();
      const why = code === "ABORTED"
        ? "its signal was aborted"
        : `no server of "${connectString}" gave a session in ${limits.timeoutMs} ms; ${
          hint(driver)
        }`;
      reject(unanswered(code, "connect", undefined, false, why, cause));
    });
    const stop = driver.onState((state) => {
      const error = errorOf(state);
      if (state !== "connected" && state !== "connectedReadOnly" && error === undefined) return;
      finish();
      if (error === undefined) resolve();
      else reject(error);
    });
    const finish = (): void => {
      release?.();
      stop();
    };
  });
}

function hint(driver: Driver): string {
  const last = driver.lastFailure;
  return last === ""
    ? "none answered: check names, ports and firewalls"
    : `the last failure was "${last}": check that a server runs there and serves`;
}

function errorOf(state: SessionState): ZkError | undefined {
  switch (state) {
    case "expired":
      return unanswered("SESSION_EXPIRED", "connect", undefined, false);
    case "authFailed":
      return unanswered("AUTH_FAILED", "connect", undefined, false);
    case "closed":
      return unanswered("CLOSED", "connect", undefined, false, "the client was closed meanwhile");
    default:
      return undefined;
  }
}
