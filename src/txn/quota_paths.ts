import { utf8Encode } from "../base/host.ts";

/** `/zookeeper/quota/` as it travels: writes below it may switch quotas on or off. */
export const QUOTA_PREFIX: Uint8Array = utf8Encode("/zookeeper/quota/");
