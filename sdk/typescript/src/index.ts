/**
 * Receives casehook's webhooks. Begin with {@link Receiver}, which does all of it; {@link verify} and
 * {@link parse} are its parts, for a handler of your own. It needs nothing but the web's own APIs.
 *
 * @module
 */
export * from "./caseupdate.js";
export { signCV, verifyCV } from "./cv.js";
export { WebhookError, type WebhookErrorCode } from "./error.js";
export {
  HEADER_ATTEMPT,
  HEADER_CASE_ID,
  HEADER_CV,
  HEADER_ID,
  HEADER_SEQUENCE,
  HEADER_SIGNATURE,
  HEADER_TIMESTAMP,
  type HeadersLike,
} from "./headers.js";
export type { Message } from "./message.js";
export { parse } from "./parse.js";
export { DEFAULT_HOLD, DEFAULT_MAX_BODY, Receiver, type Answer, type Incoming, type ReceiverOptions } from "./receiver.js";
export { sign } from "./sign.js";
export { DEFAULT_MEMORY, MemoryStore, type Seen, type Store } from "./store.js";
export { DEFAULT_TOLERANCE, verify, type VerifyOptions } from "./verify.js";
