/** Every record of the client protocol and of the txn log, once (client-protocol §1.4, storage-format §5). */
import {
  bool,
  buffer,
  type Infer,
  int,
  long,
  longNumber,
  record,
  ustring,
  vector,
} from "./schema.ts";

// ------------------------------------------------------------------------------------ shared

export const Id = record({ scheme: ustring, id: ustring });
export const AclRecord = record({ perms: int, id: Id });
export const Stat = record({
  czxid: longNumber,
  mzxid: longNumber,
  ctime: longNumber,
  mtime: longNumber,
  version: int,
  cversion: int,
  aversion: int,
  ephemeralOwner: long,
  dataLength: int,
  numChildren: int,
  pzxid: longNumber,
});
export type Stat = Infer<typeof Stat>;

// ------------------------------------------------------------------------------------ headers

/** Without the trailing `readOnly`: whether it is there is part of the protocol, see server/handshake. */
export const ConnectRequest = record({
  protocolVersion: int,
  lastZxidSeen: longNumber,
  timeOut: int,
  sessionId: long,
  passwd: buffer,
});
export const ConnectResponse = record({
  protocolVersion: int,
  timeOut: int,
  sessionId: long,
  passwd: buffer,
});
export const RequestHeader = record({ xid: int, type: int });
export const ReplyHeader = record({ xid: int, zxid: longNumber, err: int });
export const MultiHeader = record({ type: int, done: bool, err: int });
export const AuthPacket = record({ type: int, scheme: ustring, auth: buffer });
export const ErrorResponse = record({ err: int });
export const WatcherEvent = record({ type: int, state: int, path: ustring });

// ------------------------------------------------------------------------------------ requests

const path = record({ path: ustring });
const pathWatch = record({ path: ustring, watch: bool });
const pathVersion = record({ path: ustring, version: int });
const pathType = record({ path: ustring, type: int });

export const CreateRequest = record({
  path: ustring,
  data: buffer,
  acl: vector(AclRecord),
  flags: int,
});
export const CreateTtlRequest = record({
  path: ustring,
  data: buffer,
  acl: vector(AclRecord),
  flags: int,
  ttl: longNumber,
});
export const DeleteRequest = pathVersion;
export const CheckVersionRequest = pathVersion;
export const DeleteContainerRequest = path;
export const ExistsRequest = pathWatch;
export const GetDataRequest = pathWatch;
export const GetChildrenRequest = pathWatch;
export const GetChildren2Request = pathWatch;
export const SetDataRequest = record({ path: ustring, data: buffer, version: int });
export const GetAclRequest = path;
export const SetAclRequest = record({ path: ustring, acl: vector(AclRecord), version: int });
export const SyncRequest = path;
export const GetAllChildrenNumberRequest = path;
export const GetEphemeralsRequest = record({ prefixPath: ustring });
export const CheckWatchesRequest = pathType;
export const RemoveWatchesRequest = pathType;
export const AddWatchRequest = record({ path: ustring, mode: int });
export const SetWatches = record({
  relativeZxid: longNumber,
  dataWatches: vector(ustring),
  existWatches: vector(ustring),
  childWatches: vector(ustring),
});
export const SetWatches2 = record({
  relativeZxid: longNumber,
  dataWatches: vector(ustring),
  existWatches: vector(ustring),
  childWatches: vector(ustring),
  persistentWatches: vector(ustring),
  persistentRecursiveWatches: vector(ustring),
});
export const ReconfigRequest = record({
  joiningServers: ustring,
  leavingServers: ustring,
  newMembers: ustring,
  curConfigId: longNumber,
});
export const GetSaslRequest = record({ token: buffer });
export const SetSaslResponse = record({ token: buffer });

// ------------------------------------------------------------------------------------ responses

export const CreateResponse = path;
export const Create2Response = record({ path: ustring, stat: Stat });
export const ExistsResponse = record({ stat: Stat });
export const SetDataResponse = record({ stat: Stat });
export const SetAclResponse = record({ stat: Stat });
export const GetDataResponse = record({ data: buffer, stat: Stat });
export const GetChildrenResponse = record({ children: vector(ustring) });
export const GetChildren2Response = record({ children: vector(ustring), stat: Stat });
export const GetAclResponse = record({ acl: vector(AclRecord), stat: Stat });
export const SyncResponse = path;
export const GetAllChildrenNumberResponse = record({ totalNumber: int });
export const GetEphemeralsResponse = record({ ephemerals: vector(ustring) });
export const ClientInfo = record({ authScheme: ustring, user: ustring });
export const WhoAmIResponse = record({ clientInfo: vector(ClientInfo) });

// ------------------------------------------------------------------------------------ txns

export const TxnHeader = record({
  clientId: long,
  cxid: int,
  zxid: longNumber,
  time: longNumber,
  type: int,
});
export const TXN_HEADER_BYTES = 32;
/** version (2) and tree digest after the txn; behind the record, absent on top-level error txns. */
export const TxnDigest = record({ version: int, treeDigest: long });
export const TXN_DIGEST_BYTES = 12;
export const DIGEST_VERSION = 2;

export const CreateTxn = record({
  path: ustring,
  data: buffer,
  acl: vector(AclRecord),
  ephemeral: bool,
  parentCVersion: int,
});
export const CreateContainerTxn = record({
  path: ustring,
  data: buffer,
  acl: vector(AclRecord),
  parentCVersion: int,
});
export const CreateTtlTxn = record({
  path: ustring,
  data: buffer,
  acl: vector(AclRecord),
  parentCVersion: int,
  ttl: longNumber,
});
export const DeleteTxn = path;
export const SetDataTxn = record({ path: ustring, data: buffer, version: int });
export const SetAclTxn = record({ path: ustring, acl: vector(AclRecord), version: int });
export const CheckVersionTxn = pathVersion;
export const ErrorTxn = record({ err: int });
export const CreateSessionTxn = record({ timeOut: int });
export const CloseSessionTxn = record({ paths2Delete: vector(ustring) });
export const MultiTxn = vector(record({ type: int, data: buffer }));

export const STAT_BYTES = 68;
/** The open-ended marker of multi requests and responses: `ffffffff 01 ffffffff`. */
export const MULTI_END = { type: -1, done: true, err: -1 } as const;
