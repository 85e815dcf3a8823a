// Drives a server with node-zookeeper-client and prints what happened, one line each, the same in every run.
const zookeeper = require("node-zookeeper-client");
const { CreateMode, ACL, Permission, Id } = zookeeper;

const address = process.argv[2];
const open = () => {
  const client = zookeeper.createClient(address, {
    sessionTimeout: 10000,
    spinDelay: 50,
    retries: 5,
  });
  return new Promise((resolve) => {
    client.once("connected", () => resolve(client));
    client.connect();
  });
};
/** Calls a method of the client that ends in a callback; errors are values. */
const call = (target, method, ...args) =>
  new Promise((resolve) =>
    target[method](...args, (error, ...results) => resolve({ error, results }))
  );
const say = (what, { error, results = [] }, show = () => "ok") =>
  console.log(`${what}: ${error ? error.name : show(...results)}`);
const stat = (s) =>
  s === null
    ? "null"
    : `version ${s.version} cversion ${s.cversion} aversion ${s.aversion} length ${s.dataLength} children ${s.numChildren}`;
const names = (children, s) => `[${children.sort().join(" ")}] ${stat(s)}`;
/** A watcher and the promise of its event. */
function watcher() {
  let fired;
  const event = new Promise((resolve) => fired = (e) => resolve(`${e.getName()} ${e.getPath()}`));
  return { fired, event };
}

async function basics(client) {
  for (
    const [name, mode] of Object.entries(CreateMode).filter(([, value]) => Number.isInteger(value))
      .sort()
  ) {
    say(
      `create ${name}`,
      await call(client, "create", `/n-${name}-`, Buffer.from("data"), mode),
      (path) => path,
    );
  }
  say("create again", await call(client, "create", "/n-PERSISTENT-"));
  say("create without parent", await call(client, "create", "/missing/x"));
  say("create child", await call(client, "create", "/n-PERSISTENT-/child", Buffer.from("c")));
  say("get", await call(client, "getData", "/n-PERSISTENT-"), (data, s) => `${data} ${stat(s)}`);
  say("set", await call(client, "setData", "/n-PERSISTENT-", Buffer.from("longer"), 0), stat);
  say(
    "set with an old version",
    await call(client, "setData", "/n-PERSISTENT-", Buffer.alloc(0), 0),
  );
  say("exists missing", await call(client, "exists", "/missing"), stat);
  say("children", await call(client, "getChildren", "/"), names);
  say("children of a missing node", await call(client, "getChildren", "/missing"));
  say("remove with a child", await call(client, "remove", "/n-PERSISTENT-"));
  say("remove child", await call(client, "remove", "/n-PERSISTENT-/child", 0));
  say("remove", await call(client, "remove", "/n-PERSISTENT-", 1));
  say("remove missing", await call(client, "remove", "/n-PERSISTENT-"));
  say("mkdirp", await call(client, "mkdirp", "/deep/deeper/deepest"), (path) => path);
}

async function acls(client) {
  client.addAuthInfo("digest", Buffer.from("user:test"));
  say(
    "create with auth",
    await call(client, "create", "/acl", Buffer.from("s"), [
      new ACL(Permission.ALL, new Id("auth", "")),
    ]),
  );
  say(
    "get acl",
    await call(client, "getACL", "/acl"),
    (list, s) => `${JSON.stringify(list)} ${stat(s)}`,
  );
  say("set acl", await call(client, "setACL", "/acl", ACL.READ_ACL_UNSAFE, 0), stat);
  say("set without permission", await call(client, "setData", "/acl", Buffer.alloc(0)));
  say(
    "bad acl",
    await call(client, "create", "/bad", [new ACL(Permission.ALL, new Id("none", "x"))]),
  );
}

async function multis(client) {
  const good = client.transaction().create("/multi", Buffer.from("1")).setData(
    "/multi",
    Buffer.from("2"),
    0,
  )
    .check("/multi", 1).create("/multi/child", CreateMode.PERSISTENT);
  say(
    "multi",
    await call(good, "commit"),
    (results) => results.map((r) => `${r.type}${r.path ?? ""}`).join(" "),
  );
  const bad = client.transaction().remove("/multi/child").check("/multi", 9).remove("/multi");
  say("failed multi", await call(bad, "commit"));
  say("after it", await call(client, "getChildren", "/multi"), names);
}

async function watches(client, other) {
  const steps = [
    ["exists watch", "exists", "/watched", () => call(other, "create", "/watched")],
    [
      "data watch",
      "getData",
      "/watched",
      () => call(other, "setData", "/watched", Buffer.from("x")),
    ],
    ["child watch", "getChildren", "/watched", () => call(other, "create", "/watched/child")],
    ["delete watch", "exists", "/watched/child", () => call(other, "remove", "/watched/child")],
  ];
  for (const [what, method, path, cause] of steps) {
    const { fired, event } = watcher();
    await call(client, method, path, fired);
    await cause();
    console.log(`${what}: ${await event}`);
  }
}

async function sessions(client) {
  const other = await open();
  await call(other, "create", "/ephemeral", CreateMode.EPHEMERAL);
  const gone = watcher();
  await call(client, "exists", "/ephemeral", gone.fired);
  other.close();
  console.log(`ephemeral of a closed session: ${await gone.event}`);
  say(
    "own ephemeral",
    await call(client, "create", "/mine", Buffer.from("kept"), CreateMode.EPHEMERAL),
  );
  const late = watcher();
  await call(client, "exists", "/late", late.fired);
  const id = client.getSessionId().toString("hex");
  const connected = new Promise((resolve) => client.once("connected", resolve));
  console.log("@restart");
  await new Promise((resolve) => process.stdin.once("data", resolve));
  await connected;
  console.log(`same session after a restart: ${id === client.getSessionId().toString("hex")}`);
  say(
    "ephemeral after a restart",
    await call(client, "getData", "/mine"),
    (data, s) => `${data} ${s.ephemeralOwner.toString("hex") === id}`,
  );
  say("create after a restart", await call(client, "create", "/late"));
  console.log(`watch from before the restart: ${await late.event}`);
}

async function main() {
  const client = await open();
  await basics(client);
  await acls(client);
  await multis(client);
  const other = await open();
  await watches(client, other);
  other.close();
  await sessions(client);
  client.close();
  console.log("end");
  process.stdin.destroy();
}
main();
