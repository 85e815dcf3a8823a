// node-zookeeper-client under the same load as ours.ts.
const zookeeper = require("node-zookeeper-client");

const [server, op, window, seconds] = process.argv.slice(2);
const data = Buffer.alloc(1024, 120);
const path = "/client-bench";
const client = zookeeper.createClient(server);

function load(forMs, done) {
  const startedMs = performance.now();
  let calls = 0, running = Number(window), isOver = false;
  setTimeout(() => isOver = true, forMs);
  const next = (error) => {
    if (error) throw error;
    calls++;
    if (!isOver) return issue();
    if (--running === 0) done(calls / (performance.now() - startedMs) * 1000);
  };
  const issue = op === "read"
    ? () => client.getData(path, next)
    : () => client.setData(path, data, -1, next);
  for (let i = 0; i < Number(window); i++) issue();
}

client.once("connected", () => {
  client.create(path, data, () => {
    load(1000, () =>
      load(Number(seconds) * 1000, (rate) => {
        console.log(Math.round(rate));
        client.close();
        process.exit(0);
      }));
  });
});
client.connect();
