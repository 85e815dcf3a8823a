/** An ensemble in this process, every member with its door. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HttpDoor } from "../../src/admin/http_door.ts";
import { silentLog } from "../../src/base/log.ts";
import { openDoor } from "../../src/gateway/door.ts";
import { DEFAULT_ENSEMBLE_OPTIONS } from "../../src/server/ensemble/options.ts";
import { DEFAULT_OPTIONS } from "../../src/server/options.ts";
import { type RunningServer, startServer } from "../../src/server/server.ts";
import { ENSEMBLE_SETTINGS } from "../../src/testing/ensemble.ts";
import { type Member, membershipOf } from "../../src/zab/membership.ts";
import type { Sid } from "../../src/zab/vote.ts";
import { hostHttp } from "../support/http.ts";
import { freePort } from "../support/ports.ts";
import { hostRuntime } from "../support/runtime.ts";

export interface Place {
  readonly sid: number;
  readonly server: RunningServer;
  readonly door: HttpDoor;
  readonly url: string;
}

/** Two voters, so that the follower's end is the quorum's, and an observer. */
const ROLES = ["participant", "participant", "observer"] as const;

async function startPlace(own: Member, members: readonly Member[], folder: string): Promise<Place> {
  const runtime = await hostRuntime();
  const server = await startServer(
    runtime,
    {
      ...DEFAULT_OPTIONS,
      serverId: own.sid,
      tickMs: 100,
      clientPort: 0,
      clientPortAddress: "127.0.0.1",
      dataDir: folder,
      dataLogDir: folder,
      adminPort: 0,
      preAllocBytes: 0,
      ensemble: {
        ...DEFAULT_ENSEMBLE_OPTIONS,
        ...ENSEMBLE_SETTINGS,
        peerType: own.role,
        sid: own.sid,
        membership: membershipOf(members),
      },
    },
    silentLog,
    { version: "test" },
  );
  const door = await openDoor(await hostHttp(), {
    runtime,
    log: silentLog,
    version: "0.0.0",
    server: {
      view: server.view,
      control: server.control,
      runtime,
      version: "3.9.5-test",
      initialConfiguration: "",
    },
  });
  return { sid: own.sid, server, door, url: `http://127.0.0.1:${door.address.port}` };
}

/** Three members with their doors, each in its role. */
export async function withEnsemble(
  body: (places: { leader: Place; follower: Place; observer: Place }) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "menagerie-doors-"));
  const members: Member[] = [];
  for (const [at, role] of ROLES.entries()) {
    const addresses = [{
      host: "127.0.0.1",
      quorumPort: await freePort(),
      electionPort: await freePort(),
    }];
    members.push({ sid: at + 1 as Sid, role, addresses, client: undefined });
  }
  const places: Place[] = [];
  try {
    for (const own of members) {
      places.push(await startPlace(own, members, join(folder, String(own.sid))));
    }
    const of = async (mode: string): Promise<Place> => {
      for (;;) {
        const place = places.find(({ server: { view } }) => view.serving && view.mode === mode);
        if (place !== undefined) return place;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    await body({
      leader: await of("leader"),
      follower: await of("follower"),
      observer: await of("observer"),
    });
  } finally {
    await Promise.all(places.map(({ door }) => door.close()));
    await Promise.all(places.map(({ server }) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}
