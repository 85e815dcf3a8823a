/** What this build calls itself. A test holds `VERSION` equal to package.json. */
export const VERSION = "0.1.0";

/** ZooKeeper's release whose behaviour clients may count on; clients and monitors read it from `srvr`. */
export const COMPATIBLE_WITH = "3.9.5";

/** Stands where Apache prints its time of build. */
const RELEASED = "2026-11-20 00:00 UTC";

/**
 * Has the shape `<x.y.z>-<hash>, built on <date>` that parsers know (operations §2.2), with our name and version in
 * the place of the hash.
 */
export const ZOOKEEPER_VERSION = `${COMPATIBLE_WITH}-menagerie-${VERSION}, built on ${RELEASED}`;
