// test-timeout: 300s
// A part of `npm run compatibility` that no other test has: a tail that nobody else has is cut, by Apache's leader and by ours.
import { test } from "../interop/reference.ts";
import type { ServerKind } from "../support/real_ensemble.ts";
import { tail } from "./cells.ts";

const kind: ServerKind = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";

test("Apache 3.9.5 has the tail of a leader of ours cut", () => tail("apache-3.9.5", kind));

test("ours has the tail of an Apache leader cut", () => tail(kind, "apache-3.9.5"));
