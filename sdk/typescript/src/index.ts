export { Latchkey, type Body, type Config, type IfMatch, type Options, type Query, type Schema } from "./latchkey.js";
export { LatchkeyError, type ErrorCode } from "./error.js";
export type { components, operations, paths } from "./schema.js";
export type { Patience } from "./send.js";
