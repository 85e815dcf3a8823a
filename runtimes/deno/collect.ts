/**
 * Garbage is collected as on Node. Its buffers come from malloc, which keeps what is freed: glibc is told to give it back
 * (11 to 44 MiB of 350 with a million znodes).
 */
import { collect } from "../node/process.ts";

/** The part of Deno's namespace that is used here; its types are not among those of the project. */
interface DenoHost {
  readonly build: { readonly os: string };
  readonly permissions: { querySync(what: { readonly name: "ffi" }): { readonly state: string } };
  dlopen(
    library: string,
    symbols: { readonly malloc_trim: { parameters: readonly ["usize"]; result: "i32" } },
  ): { readonly symbols: { malloc_trim(padding: bigint): number } };
}

let trim: (() => void) | undefined;

export function collectAndTrim(): void {
  collect();
  trim ??= trimmer();
  trim();
}

/** Nothing without the permission, which nobody is asked for, and with another libc. */
function trimmer(): () => void {
  const deno = (globalThis as unknown as { Deno: DenoHost }).Deno;
  try {
    const isAllowed = deno.permissions.querySync({ name: "ffi" }).state === "granted";
    if (deno.build.os !== "linux" || !isAllowed) return () => {};
    const { symbols } = deno.dlopen("libc.so.6", {
      malloc_trim: { parameters: ["usize"], result: "i32" },
    });
    return () => void symbols.malloc_trim(0n);
  } catch {
    return () => {};
  }
}
