/**
 * The one door to the outside. The core receives a `Runtime` and imports nothing of Node, Deno or Bun; adapters
 * (runtimes/) implement it and hold no policy: no retries, no parsing. Shapes follow measurements
 * (docs/internals/performance.md): bytes are pushed, and no promise lies on the data path.
 */

/** Milliseconds of a clock that never goes back; its zero is arbitrary. */
export type MonotonicMs = number & { readonly __monotonicMs: unique symbol };
export type Cancel = () => void;

export interface Runtime {
  readonly name: "node" | "deno" | "bun" | "sim";
  /** The host's version, such as `20.20.2`. */
  readonly version: string;
  readonly net: Net;
  readonly fs: Fs;
  readonly clock: Clock;
  readonly random: Random;
  readonly hash: Hash;
  readonly gzip: Gzip;
  readonly process: Process;
}

/** Why a door operation failed, the same words on every host. */
export type RuntimeErrorCode =
  | "NOT_FOUND"
  | "EXISTS"
  | "ACCESS" // permission denied, read-only file system
  | "NO_SPACE" // disk or quota full
  | "NOT_DIRECTORY"
  | "IS_DIRECTORY"
  | "NOT_EMPTY"
  | "TOO_MANY_FILES"
  | "ADDRESS_IN_USE"
  | "ADDRESS_NOT_AVAILABLE"
  | "REFUSED"
  | "RESET"
  | "TIMED_OUT"
  | "UNREACHABLE"
  | "NAME_NOT_FOUND"
  | "CLOSED"
  | "BUSY" // the lock is held by a living process
  | "IO"; // anything else; the message has the host's words

export class RuntimeError extends Error {
  readonly code: RuntimeErrorCode;
  constructor(code: RuntimeErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "RuntimeError";
    this.code = code;
  }
}

// ---------------------------------------------------------------------------------------------- net

export interface Address {
  /** IPv4 text, or IPv6 text as the host gives it; `::ffff:a.b.c.d` is given as `a.b.c.d`, a %scope is cut. */
  readonly host: string;
  readonly port: number;
  readonly family: 4 | 6;
}

export interface ListenOptions {
  /** Undefined: every address of the machine, IPv6 included where the machine has it. */
  readonly host?: string | undefined;
  /** 0: a free port; see `Listener.address`. */
  readonly port: number;
  /** Connections that may wait to be accepted. Undefined: the host's own default, which Bun takes in any case. */
  readonly backlog?: number | undefined;
  readonly keepAlive?: boolean;
}

export interface Net {
  /**
   * `onConnection` must set its handlers before it returns. TCP_NODELAY is on.
   * @throws {RuntimeError} ADDRESS_IN_USE, ADDRESS_NOT_AVAILABLE, ACCESS
   */
  listen(options: ListenOptions, onConnection: (connection: Connection) => void): Promise<Listener>;
  /** @throws {RuntimeError} REFUSED, TIMED_OUT (after `timeoutMs`), NAME_NOT_FOUND, UNREACHABLE, CLOSED (given up) */
  connect(options: DialOptions): Promise<Connection>;
}

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs?: number;
  /** Called before `connect` returns, where attempts take time; what it gets gives the attempt up, unless it is over. */
  readonly onPending?: (giveUp: Cancel) => void;
}

export interface Listener {
  readonly address: Address;
  /** Stops accepting; open connections stay. Resolves once the port is free. */
  close(): Promise<void>;
}

export interface Connection {
  readonly remote: Address;
  /** While it is open. */
  readonly local: Address;
  /** `chunk` is valid during the call only: what outlives it is copied. Not called while paused. */
  onData(handler: (chunk: Uint8Array) => void): void;
  /** The peer sent FIN: no more data. Our side stays open: what we write still leaves. */
  onEnd(handler: () => void): void;
  /** Exactly once, when nothing more can be sent or received. `error` is set for RST and the like, not for FIN. */
  onClose(handler: (error: RuntimeError | undefined) => void): void;
  /**
   * Sends `view`. Without `done` its bytes may be reused as soon as this returns. With `done` they are lent until
   * `done` is called (exactly once: sent, or lost with the connection; possibly before `write` returns).
   * @returns whether all was taken by the system; false: stop producing and wait for `onDrain`. Bytes are never
   *   dropped by a false. After close: true, and `done` is called.
   */
  write(view: Uint8Array, done?: () => void): boolean;
  /** All bytes accepted so far went to the system, after a `write` that returned false. */
  onDrain(handler: () => void): void;
  /** No `onData` until `resume`; the system's buffer fills and the peer is held back. Its end may be told only then. */
  pause(): void;
  resume(): void;
  /** Sends what was written, then FIN. The connection closes when the peer has ended too. */
  end(): void;
  /** Closes at once; unsent bytes may be lost. `onClose` follows, later than this call. */
  close(): void;
  /** Bytes accepted by `write` that the system has not taken yet. */
  readonly bufferedBytes: number;
}

// ---------------------------------------------------------------------------------------------- fs

export type OpenMode =
  | "read" // must exist
  | "write" // read and write, created when missing, kept as it is
  | "create" // read and write, made empty
  /**
   * The same, and a write is on the disk, with the length that it needs, when it resolves. One at a time; of
   * DURABLE_ALONE_BYTES and more, nobody else writes to the file meanwhile, and up to DURABLE_ZEROS_MAX zeros may follow it
   * until the file is closed.
   */
  | "durable";

/** From here on a durable write may go past the system's cache, which does not bear writes through it beside that. */
export const DURABLE_ALONE_BYTES = 32 * 1024;
export const DURABLE_ZEROS_MAX = 8192;

export interface Fs {
  /** @throws {RuntimeError} NOT_FOUND, ACCESS, NO_SPACE, IS_DIRECTORY, TOO_MANY_FILES */
  open(path: string, mode: OpenMode): Promise<File>;
  /** Whole small files. @throws {RuntimeError} NOT_FOUND, ACCESS */
  readFile(path: string): Promise<Uint8Array>;
  /** Entry names, in no order. @throws {RuntimeError} NOT_FOUND, NOT_DIRECTORY, ACCESS */
  readDir(path: string): Promise<string[]>;
  /** Undefined when there is nothing. */
  stat(path: string): Promise<FileStat | undefined>;
  /** With its parents; no error when it is there. */
  mkdir(path: string): Promise<void>;
  remove(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** The directory's entries (creations, renames, removals) reach the disk. */
  syncDir(path: string): Promise<void>;
  /**
   * One living holder per directory, across runtimes: a local socket bound in it; a refused connect means stale.
   * @throws {RuntimeError} BUSY when a living process holds it; ACCESS
   */
  lock(directory: string): Promise<Lock>;
  /** Zeros of its own in pages that another thread touched first, which is what memory costs. @throws {RuntimeError} */
  readonly zeros?: (bytes: number) => Promise<Uint8Array>;
  /** Joins with `/` and removes `.` and `..`; absolute when the first part is. */
  join(...parts: string[]): string;
  /** Absolute form of a path, from the working directory. */
  absolute(path: string): string;
  /** Bytes that this user may still write on the file system of a path; absent where the host does not tell. */
  freeBytes?(path: string): Promise<number | undefined>;
}

export interface FileStat {
  readonly kind: "file" | "directory" | "other";
  readonly size: number;
  readonly modifiedMs: number;
}

export interface Lock {
  release(): Promise<void>;
}

export interface File {
  /** Reads up to `into.length` bytes at `offset`; fewer only at the end of the file. @returns bytes read */
  read(into: Uint8Array, offset: number): Promise<number>;
  /** Writes the whole view at `offset`; short writes are completed. The view is lent until it resolves. */
  write(view: Uint8Array, offset: number): Promise<void>;
  /** fdatasync: content and length reach the disk. */
  syncData(): Promise<void>;
  /** fsync. */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

// ---------------------------------------------------------------------------------------------- clock, random

export interface Clock {
  monotonicMs(): MonotonicMs;
  /** Milliseconds since 1970; may jump. */
  wallMs(): number;
  /** Calls `wake` once, not before `at`; pending wakes keep the process alive. */
  wakeAt(at: MonotonicMs, wake: () => void): Cancel;
  /** Calls `task` after the events now waiting were handled; for bounded work between sockets. */
  soon(task: () => void): void;
  /**
   * As `soon`, but at once, where that is a timer: for steps inside the process that only new input begins, since a chain of
   * them would keep sockets waiting. Absent where `soon` is as good.
   */
  readonly hop?: (task: () => void) => void;
}

export interface Random {
  /** Fills with bytes fit for secrets. */
  fill(bytes: Uint8Array): void;
  uint32(): number;
}

export type HashName = "SHA-1" | "SHA-256" | "SHA-512" | "SHA3-256";

export interface Hash {
  /** Synchronous, for short input. */
  digest(name: HashName, bytes: Uint8Array): Uint8Array;
}

export interface Gzip {
  /** A stream in pieces: `push` gives the output so far available, `end` the rest. */
  compressor(): GzipStream;
  /** @throws {RuntimeError} IO from `push` or `end` for bytes that are not one gzip member */
  decompressor(): GzipStream;
}

export interface GzipStream {
  push(chunk: Uint8Array): Promise<Uint8Array>;
  end(): Promise<Uint8Array>;
}

// ---------------------------------------------------------------------------------------------- process

export type Signal = "SIGINT" | "SIGTERM" | "SIGHUP";

export interface Process {
  readonly args: readonly string[];
  readonly pid: number;
  readonly platform: string;
  env(name: string): string | undefined;
  hostname(): string;
  cwd(): string;
  userName(): string;
  userHome(): string;
  arch(): string;
  osVersion(): string;
  /** Bytes: resident, used and largest heap, and what the system (or a container's limit) lets the process have. */
  memory(): {
    readonly residentBytes: number;
    readonly heapUsedBytes: number;
    readonly heapMaxBytes: number;
    readonly systemBytes: number;
  };
  /**
   * Collects all garbage and gives the system what the engine does not need: milliseconds, a second with a GiB in the heap.
   * Absent where the host has no way or gains nothing, and where the heap is not a server's alone.
   */
  readonly collect?: () => void;
  /** Open file descriptors and their limit; undefined where the host cannot tell. */
  fileDescriptors(): { readonly open: number; readonly max: number } | undefined;
  /** For metrics. Collections are counted from the first call. */
  vitals(): Vitals;
  stdout(text: string): void;
  stderr(text: string): void;
  /** The terminal at standard output, as large as it is now; Infinity where it does not tell. Undefined: there is none. */
  terminal(): { readonly rows: number; readonly columns: number } | undefined;
  /** Whether a terminal is at standard input, output or error. */
  hasTerminal(): boolean;
  onSignal(signal: Signal, handler: () => void): Cancel;
  /**
   * Starts a program beside this one; its output is appended to a file.
   * @param command executable and arguments
   */
  spawn(command: readonly string[], options: SpawnOptions): Child;
  /** The executable and the script that this process runs. */
  self(): { readonly executable: string; readonly script: string };
  exit(code: number): never;
}

/** What the engine and the system tell of the process; undefined is what they do not tell. */
export interface Vitals {
  /** User and system time of all its threads. */
  readonly cpuSeconds: number;
  readonly virtualBytes: number | undefined;
  readonly heapCommittedBytes: number | undefined;
  /** Held outside the heap as far as the engine knows: buffers above all. Undefined where the heap's figures have it. */
  readonly externalBytes: number | undefined;
  /** The parts of the heap. */
  readonly pools: readonly MemoryPool[];
  /** The system's threads. */
  readonly threads: Threads | undefined;
  readonly collections: Collections | undefined;
}

export interface MemoryPool {
  readonly name: string;
  readonly usedBytes: number;
  readonly committedBytes: number | undefined;
}

export interface Threads {
  readonly running: number;
  readonly waiting: number;
}

/** Garbage collections by kind. */
export type Collections = Readonly<
  Record<string, { readonly count: number; readonly seconds: number }>
>;

export interface SpawnOptions {
  /** Made when missing; its directory must exist. */
  readonly outputFile: string;
  /** Variables of this process that the other does not get. */
  readonly withoutVariables?: readonly string[];
}

export interface Child {
  /** -1 when it could not be started. */
  readonly pid: number;
  /** Its exit code, the name of the signal that ended it, or why it could not be started. */
  readonly ended: Promise<number | string>;
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

// ---------------------------------------------------------------------------------------------- http

/**
 * HTTP by the web's own Request and Response. Not a part of Runtime: who serves HTTP takes one of these beside it
 * (src/main.ts), and no other program loads it. The core knows no web types, hence what stands for them here.
 */
export interface HttpHost {
  /** @throws {RuntimeError} ADDRESS_IN_USE, ADDRESS_NOT_AVAILABLE, ACCESS */
  listen(options: HttpListenOptions, handler: HttpHandler): Promise<HttpListener>;
}

export interface HttpListenOptions {
  readonly host: string;
  /** 0: a free port. */
  readonly port: number;
  /** A connection without traffic is closed after it, where the host can tell. */
  readonly idleTimeoutMs: number;
}

export interface HttpHandler {
  fetch(request: WebRequest, peer: HttpPeer): WebResponse | Promise<WebResponse>;
}

export interface HttpPeer {
  readonly remote: Address;
  /**
   * Turns this request, which asks for a WebSocket, into a stream of bytes: one message each way is one piece.
   * @param onOpen called once when a response is returned, for a socket that is already gone too; it must set the
   *   connection's handlers before it returns
   * @returns what `fetch` has to return; undefined: the request asks for no WebSocket, or not in its way
   */
  upgrade(
    onOpen: (connection: Connection) => void,
    options?: UpgradeOptions,
  ): WebResponse | undefined;
  /** Sends an answer that is there as a whole. Only where that is cheaper than a response. @returns what `fetch` has to return */
  answerWhole?(answer: WholeAnswer): WebResponse;
}

export interface WholeAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string | Uint8Array;
}

export interface UpgradeOptions {
  /** The subprotocol to agree on, one of those that the request offers. */
  readonly protocol?: string | undefined;
  /** What is written is UTF-8, and goes out as messages of text: one for each `write`. */
  readonly isText?: boolean;
}

export interface HttpListener {
  readonly address: Address;
  /** Stops accepting and ends what is open. */
  close(): Promise<void>;
}

export interface WebRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: object;
}
export interface WebResponse {
  readonly status: number;
  readonly headers: object;
}
