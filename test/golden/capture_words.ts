// Captures what Apache 3.9.5 answers to each four-letter word while one client with a watch and an ephemeral is
// connected: `bun run test/golden/capture_words.ts`. The answers are samples of shape, not compared byte for byte.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startApache } from "../interop/apache.ts";
import { fourLetterWord } from "../support/child.ts";
import { projectRoot } from "../support/root.ts";
import { Player } from "./player.ts";
import { parseScript } from "./script.ts";

const words = "conf cons crst dirs dump envi gtmk hash isro mntr ruok srst srvr stat wchc wchp wchs"
  .split(" ");
const script = parseScript(
  "words",
  `== a client
a connect timeout=20000
a create /e "x" EPHEMERAL
a getData /e watch
a getChildren / watch
a addWatch /deep 1
b connect
b exists /missing watch`,
);

for (const version of ["3.8.0", "3.9.5"] as const) {
  const server = await startApache({ version, port: 21_501 });
  const folder = join(projectRoot(), "test/golden/words", version);
  mkdirSync(folder, { recursive: true });
  const player = new Player({
    host: server.host,
    port: server.port,
    restart: () => Promise.resolve(),
  });
  await player.play(script, async () => {
    for (const word of words) {
      writeFileSync(join(folder, `${word}.txt`), await fourLetterWord(server.port, word));
    }
  });
  await server.stop();
}
