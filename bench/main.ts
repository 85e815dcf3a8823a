/** `npm run bench -- [WHAT] [ARGS]`: the benches by name. */
import process from "node:process";

const [what = "first-figures", ...rest] = process.argv.slice(2);

switch (what) {
  case "first-figures":
    await (await import("./first_figures.ts")).firstFigures(rest);
    break;
  case "failover":
    await (await import("./failover.ts")).failover(rest);
    break;
  case "http":
    await (await import("./http.ts")).http(rest);
    break;
  case "load":
  case "in-process":
  case "codec":
  case "tree":
    // These are programs of their own, which read their arguments from where a program finds them.
    process.argv.splice(2, process.argv.length, ...rest);
    if (what === "load") await import("./load/main.ts");
    else if (what === "in-process") await import("./load/in_process.ts");
    else if (what === "codec") await import("./codec.ts");
    else await import("./tree.ts");
    break;
  default:
    console.error(
      `Cannot run the bench "${what}": wanted first-figures, failover, http, load, in-process, codec or tree`,
    );
    process.exitCode = 2;
}
