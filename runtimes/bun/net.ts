/** For the moment node:net; Bun.listen follows. */
export { nodeNet as bunNet } from "../node/net.ts";
