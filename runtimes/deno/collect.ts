/**
 * Garbage is collected as on Node. Its buffers come from malloc, which keeps what is freed: glibc is told to give it back
 * (11 to 44 MiB of 350 with a million znodes).
 */
import { collect } from "../node/process.ts";

/** The part of Deno's namespace that is used here; its types are not among those of the project. */
interface DenoHost {
  readonly build: { readonly os: string };
  readonly permissions: {
    querySync(what: { readonly name: "ffi" }): {
      readonly state: string;
      readonly partial: boolean;
    };
  };
  dlopen(
    library: string,
    symbols: { readonly malloc_trim: { parameters: readonly ["usize"]; result: "i32" } },
  ): { readonly symbols: { malloc_trim(padding: bigint): number } };
}

let trim: (() => void) | undefined;
let isSought = false;

export function collectAndTrim(): void {
  collect();
  if (!isSought) trim = trimmer();
  isSought = true;
  trim?.();
}

/** @returns undefined without the permission, which nobody is asked for, and with another libc */
export function trimmer(): (() => void) | undefined {
  const deno = (globalThis as unknown as { Deno: DenoHost }).Deno;
  try {
    const { state, partial } = deno.permissions.querySync({ name: "ffi" });
    // Where some paths are denied, Deno looks for the library in the working directory.
    if (deno.build.os !== "linux" || state !== "granted" || partial) return undefined;
    const { symbols } = deno.dlopen("libc.so.6", {
      malloc_trim: { parameters: ["usize"], result: "i32" },
    });
    return () => void symbols.malloc_trim(0n);
  } catch {
    return undefined;
  }
}
