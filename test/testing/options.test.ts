/** Options of test servers that there are not: refused in one line, by what a server would otherwise start with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../../src/base/errors.ts";
import {
  startEnsemble,
  startServer,
  type TestEnsembleOptions,
  type TestServerOptions,
} from "../../src/testing/index.ts";

import { DEFAULT_OPTIONS } from "../../src/server/options.ts";
import { settingsSchema } from "../../src/testing/option_schemas.ts";

const WHERE = "Cannot start a test server: ";

async function refused(start: Promise<AsyncDisposable>, words: string): Promise<void> {
  await assert.rejects(
    async () => {
      await using _ = await start;
    },
    (error) => {
      assert.ok(error instanceof UsageError, `${words}: ${String(error)}`);
      assert.equal(error.message, WHERE + words);
      return true;
    },
    words,
  );
}

test("a server's wrong options are refused with what is wanted", async () => {
  const port = "not a port from 0 to 65535";
  const places = '"memory" or "temporary", or { path } with a text that is not empty';
  const cases: [options: unknown, words: string][] = [
    [{ network: "udp" }, 'network is udp, not "tcp" or "memory"'],
    [{ clock: "sundial" }, 'clock is sundial, not "real" or "virtual"'],
    [{ directory: "ram" }, `directory is ram, not ${places}`],
    [{ directory: {} }, `directory is an object, not ${places}`],
    [{ directory: null }, `directory is null, not ${places}`],
    [{ directory: { path: 1 } }, `directory is an object, not ${places}`],
    [{ port: -1 }, `port is -1, ${port}`],
    [{ port: 70_000 }, `port is 70000, ${port}`],
    [{ port: "2181" }, `port is 2181 (a string), ${port}`],
    [{ port: 1.5 }, `port is 1.5, ${port}`],
    [
      { nope: 1 },
      'there is no option "nope"; expected network, port, directory, clock, settings, log',
    ],
    [
      { "n\nope": 1 },
      'there is no option "n\\u000aope"; expected network, port, directory, clock, settings, log',
    ],
    [{ log: {} }, "log is an object, not a Log with debug, info, warn and error"],
    [{ settings: 1 }, "settings is 1, not an object"],
    [
      { settings: { nope: 1 } },
      'there is no setting "nope"; ServerOptions has those that there are',
    ],
    [
      { settings: { minSessionTimeoutMs: -1 } },
      "settings.minSessionTimeoutMs is -1, not an integer of at least 0",
    ],
    [{ settings: { tickMs: NaN } }, "settings.tickMs is NaN, not an integer of at least 1"],
    [{ settings: { forceSync: "no" } }, "settings.forceSync is no, not true or false"],
    [{ settings: { superDigest: 1 } }, "settings.superDigest is 1, not a text"],
    [{ settings: { fileFormat: 4 } }, "settings.fileFormat is 4, not 2 or 3"],
    [
      { settings: { minSessionTimeoutMs: 70_000 } },
      "settings.minSessionTimeoutMs is 70000, not at most maxSessionTimeoutMs, which is 60000",
    ],
    [null, "options is null, not an object"],
  ];
  for (const [options, words] of cases) {
    await refused(startServer(options as TestServerOptions), words);
  }
});

test("an ensemble's wrong options are refused with what is wanted", async () => {
  const cases: [options: unknown, words: string][] = [
    [
      { port: 1 },
      'there is no option "port"; expected network, directory, clock, settings, log, observers, ensemble',
    ],
    [{ observers: 0.5 }, "observers is 0.5, not an integer of at least 0"],
    [
      { ensemble: { nope: 1 } },
      'there is no setting "nope" of an ensemble; EnsembleOptions has those that there are',
    ],
    [
      { ensemble: { syncLimitTicks: -1 } },
      "ensemble.syncLimitTicks is -1, not an integer of at least 0",
    ],
  ];
  for (const [options, words] of cases) {
    await refused(startEnsemble(1, options as TestEnsembleOptions), words);
  }
});

test("every option of a server is known, and one that is undefined is as good as none", async () => {
  const { clientPort: _p, dataDir: _d, dataLogDir: _l, ...defaults } = DEFAULT_OPTIONS;
  assert.deepEqual(Object.keys(settingsSchema.entries).sort(), Object.keys(defaults).sort());
  const settings: unknown = { ...defaults, tickMs: undefined, forceSync: false };
  await using zk = await startServer({
    network: "memory",
    port: undefined,
    settings,
  } as TestServerOptions);
  assert.equal(zk.view.options.tickMs, 20);
  const ensemble: unknown = { initLimitTicks: undefined };
  await using group = await startEnsemble(
    2,
    { network: "memory", clock: "virtual", ensemble } as TestEnsembleOptions,
  );
  assert.equal(group.leader.view.options.ensemble?.initLimitTicks, 500);
});
