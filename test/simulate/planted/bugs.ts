/** Bugs that the campaign must find, each a replacement in one file of the source: what is searched must be there exactly once. */
export interface PlantedBug {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly put: string;
  /** Something behind it makes good what it spoils (docs/internals/simulation.md): it need not be found. */
  readonly isMasked?: true;
}

export const PLANTED: readonly PlantedBug[] = [
  {
    name: "the log is not synced before it is acknowledged",
    file: "src/storage/log_file.ts",
    find: 'options.forceSync ? "durable" : "create"',
    put: '"create"',
  },
  {
    name: "a follower acknowledges before its log has the txn",
    file: "src/zab/learner.ts",
    find: "    this.#lastLogged = zxid;\n",
    put:
      '    this.#lastLogged = zxid;\n    if (this.#phase === "serving") {\n      this.#durable = zxid;\n      this.#ack();\n    }\n',
  },
  {
    name: "a leader of an old epoch is accepted",
    file: "src/zab/learner.ts",
    find: "if (epoch < acceptedEpoch || epoch <= 0) return",
    put: "if (epoch <= 0) return",
    isMasked: true,
  },
  {
    name: "a leader commits with a minority",
    file: "src/zab/holders.ts",
    find: "list[this.#enough - 1]?.acked",
    put: "list[0]?.acked",
  },
  {
    name: "a leader applies what is not committed",
    file: "src/server/ensemble/leading.ts",
    find: "const through = Math.min(this.#committed, this.#durable) as Zxid;",
    put: "const through = this.#durable;",
  },
  {
    name: "TRUNC is forgotten",
    file: "src/server/ensemble/following.ts",
    find: "    const lastZxid = await truncateLog(this.#parts, through);\n",
    put: "    const lastZxid = await Promise.resolve(through);\n",
  },
  {
    name: "sessions expire early",
    file: "src/session/sessions.ts",
    find: "const endMs = nowMs + Math.max(session.timeoutMs, 0);",
    put: "const endMs = nowMs + Math.max(session.timeoutMs, 0) / 4;",
  },
  {
    name: "setWatches forgets data watches",
    file: "src/server/set_watches.ts",
    find:
      "    else if (tree.mzxid(node) > relativeZxid) missed(EventType.nodeDataChanged, path);\n    else watches.addData(path, watcher);\n",
    put: "    else if (tree.mzxid(node) > relativeZxid) missed(EventType.nodeDataChanged, path);\n",
  },
  {
    name: "setWatches does not tell what was missed",
    file: "src/server/set_watches.ts",
    find:
      "    else if (tree.mzxid(node) > relativeZxid) missed(EventType.nodeDataChanged, path);\n",
    put: "",
  },
  {
    name: "a sequence number is used again",
    file: "src/txn/prepare_create.ts",
    find: "create.path + sequenceSuffix(parent.cversion)",
    put: "create.path + sequenceSuffix(parent.childCount)",
  },
  {
    name: "a follower serves before UPTODATE",
    file: "src/zab/learner.ts",
    find:
      '    this.#effects.push({ kind: "ackNewLeader", epoch: this.#epoch });\n    this.#ack();\n',
    put:
      '    this.#effects.push({ kind: "ackNewLeader", epoch: this.#epoch });\n    this.#effects.push({ kind: "serve", epoch: this.#epoch });\n    this.#ack();\n',
    isMasked: true,
  },
  {
    name: "a read overtakes the write of its session",
    file: "src/server/requests.ts",
    find: "    } else if (this.#sequenced > 0) {\n",
    put: "    } else if (this.#sequenced > 1_000_000) {\n",
  },
  {
    name: "a session that has moved still writes from where it was",
    file: "src/server/local_sessions.ts",
    find: "return session.owner === origin ? Code.ok : Code.sessionMoved;",
    put: "return Code.ok;",
  },
  {
    name: "ephemerals outlive their session",
    file: "src/txn/apply.ts",
    find:
      "    for (const span of listed) this.#delete(r.bytes, span.start, span.end);\n    // Apache adds what it knows beyond the list; a bare closeSession names none at all.\n    for (const path of tree.ephemeralsOf(this.clientId)) {",
    put: "    for (const path of listed.slice(0, 0) as unknown as string[]) {",
  },
  {
    name: "clients are told that a session is gone before it is",
    file: "src/server/local_sessions.ts",
    find: 'if (mode !== "leader") return false;',
    put: "return false;",
  },
  {
    name: "a promise of an epoch is not written down",
    file: "src/storage/epochs.ts",
    find: '      await this.#put("acceptedEpoch", epoch);\n',
    put: "",
  },
];
