import { bytesOf, concat, type Bytes } from "./bytes.js";
import { WebhookError } from "./error.js";

/** How many signatures a message has at most. */
export const maxSignatures = 16;

/** What is signed: `ID.TIMESTAMP.BODY` (Standard Webhooks, "Signature scheme"). */
export function signedContent(id: string, timestamp: string, body: Uint8Array | string): Bytes {
  return concat([bytesOf(`${id}.${timestamp}.`), bytesOf(body)]);
}

/** Keeps the full stop out of ids: with it, bytes could move between id, timestamp and body. */
export function checkId(id: string): void {
  if (!/^[!-\-/-~]+$/.test(id)) throw new WebhookError("BAD_ID");
}

/** Returns Unix seconds. The signature covers the text, so the number must have one spelling. */
export function parseTimestamp(text: string): number {
  if (!/^(?:0|[1-9]\d{0,11})$/.test(text)) throw new WebhookError("BAD_TIMESTAMP", "not Unix seconds");
  return Number(text);
}
