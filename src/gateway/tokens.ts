/**
 * Bearer tokens: a file with one on each line, then optionally the credentials that requests with it get, `scheme data`
 * (several lines may give one token several). Tokens are kept and compared as SHA-256, so that neither memory nor the
 * time of a comparison tells one.
 */
import { UsageError } from "../base/errors.ts";
import { utf8Decode, utf8Encode } from "../base/host.ts";
import { whyUnread } from "../base/why_unread.ts";
import type { Runtime } from "../runtime.ts";
import { base64 } from "../session/auth/base64.ts";

export interface Credentials {
  readonly scheme: string;
  readonly data: string;
}

const TOKEN_CHARS_MIN = 16;

export class Tokens {
  readonly #byHash = new Map<string, Credentials[]>();
  readonly #hash: Runtime["hash"];

  constructor(hash: Runtime["hash"]) {
    this.#hash = hash;
  }

  /**
   * @param isScheme whether credentials may be of it; any may, for servers elsewhere
   * @throws {UsageError} which line, never what is in it
   */
  static parse(
    text: string,
    file: string,
    hash: Runtime["hash"],
    isScheme: (scheme: string) => boolean = () => true,
  ): Tokens {
    const tokens = new Tokens(hash);
    for (const [at, line] of text.split(/\r?\n/).entries()) {
      const trimmed = line.trim();
      if (trimmed === "" || trimmed.startsWith("#")) continue;
      const [token = "", scheme, ...rest] = trimmed.split(/\s+/);
      const where = `${file}, line ${at + 1}`;
      if (token.length < TOKEN_CHARS_MIN || !/^[\w.~+/=-]+$/.test(token)) {
        throw new UsageError(
          `Cannot use ${where}: expected a token of ${TOKEN_CHARS_MIN} or more letters, digits and -._~+/=`,
        );
      }
      if (scheme !== undefined && rest.length === 0) {
        throw new UsageError(`Cannot use ${where}: expected credentials after the scheme`);
      }
      if (scheme !== undefined && !isScheme(scheme)) {
        throw new UsageError(
          `Cannot use ${where}: this server does not have the scheme of its credentials; the usual one is digest`,
        );
      }
      tokens.add(token, scheme === undefined ? [] : [{ scheme, data: rest.join(" ") }]);
    }
    return tokens;
  }

  get isEmpty(): boolean {
    return this.#byHash.size === 0;
  }

  add(token: string, credentials: readonly Credentials[]): void {
    const key = this.#keyOf(token);
    this.#byHash.set(key, [...this.#byHash.get(key) ?? [], ...credentials]);
  }

  /** Undefined: no such token. */
  find(token: string): readonly Credentials[] | undefined {
    return this.#byHash.get(this.#keyOf(token));
  }

  #keyOf(token: string): string {
    return base64(this.#hash.digest("SHA-256", utf8Encode(token)));
  }
}

/**
 * @param setting that names the file
 * @param isScheme as for `Tokens.parse`
 * @throws {UsageError}
 */
export async function loadTokens(
  { fs, hash }: Pick<Runtime, "fs" | "hash">,
  file: string | undefined,
  setting: "http.tokens" | "--tokens",
  isScheme?: (scheme: string) => boolean,
): Promise<Tokens> {
  if (file === undefined) return new Tokens(hash);
  let bytes: Uint8Array;
  try {
    bytes = await fs.readFile(file);
  } catch (error) {
    const why = whyUnread(error, "give the file in it that has the tokens");
    throw new UsageError(`Cannot read ${file} (${setting}): ${why}`);
  }
  return Tokens.parse(utf8Decode(bytes), file, hash, isScheme);
}
