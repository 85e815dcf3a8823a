// Captures golden transcripts from Apache's servers: `bun run test/golden/capture.ts [script...]` writes
// captures/<script>.<version>.txt for each version. The diff is the review.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type ApacheServer, type ApacheVersion, startApache } from "../interop/apache.ts";
import { projectRoot } from "../support/root.ts";
import { captureText, readScript, scriptNames } from "./files.ts";
import { Player } from "./player.ts";
import type { Script } from "./script.ts";

const port = 21_500;

export async function captureOne(
  script: Script,
  version: ApacheVersion,
  done?: (server: ApacheServer) => Promise<void>,
): Promise<string> {
  const options = { version, port, config: script.config, properties: script.properties };
  let server = await startApache(options);
  const { dataDir } = server;
  try {
    const player = new Player({
      host: server.host,
      port,
      restart: async () => {
        await server.process.stop();
        server = await startApache({ ...options, dataDir });
      },
    });
    const played = await player.play(script);
    await done?.(server);
    return captureText(`Apache ZooKeeper ${version}, standalone`, played);
  } finally {
    await server.stop();
  }
}

if (process.argv[1]?.includes("capture.ts")) {
  const wanted = process.argv.slice(2);
  mkdirSync(join(projectRoot(), "test/golden/captures"), { recursive: true });
  for (const name of wanted.length > 0 ? wanted : scriptNames()) {
    for (const version of ["3.8.0", "3.9.5"] as const) {
      const text = await captureOne(readScript(name), version);
      writeFileSync(join(projectRoot(), "test/golden/captures", `${name}.${version}.txt`), text);
      console.log(`${name} ${version}: ${text.split("\n").length} lines`);
    }
  }
}
