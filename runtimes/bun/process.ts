/** Bun's node:process and node:os give what the door asks for. */
export { nodeProcess as bunProcess } from "../node/process.ts";
