import { toBase64 } from "./bytes.js";
import { checkId, maxSignatures, parseTimestamp, signedContent } from "./content.js";
import { WebhookError } from "./error.js";
import { HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP } from "./headers.js";
import { keysOf } from "./secret.js";

/**
 * Signs a body as casehook does, for the tests of a receiver, and returns the headers to send it with:
 * `webhook-id`, `webhook-timestamp` and `webhook-signature`, which has a signature per secret. The id
 * is visible ASCII without a full stop; `at`, the time, is in Unix milliseconds.
 *
 * @throws {WebhookError} `BAD_SECRET`, `BAD_ID` or `BAD_TIMESTAMP`.
 */
export async function sign(
  body: Uint8Array | string,
  secrets: string | readonly string[],
  id: string,
  at: number = Date.now(),
): Promise<Record<string, string>> {
  checkId(id);
  const timestamp = String(Math.floor(at / 1000));
  parseTimestamp(timestamp);
  const keys = await keysOf(secrets);
  if (keys.length > maxSignatures) throw new WebhookError("BAD_SECRET", `more than ${maxSignatures} of them`);
  const content = signedContent(id, timestamp, body);
  const signatures = await Promise.all(
    keys.map(async (key) => `${key.version},${toBase64(await key.sign(content))}`),
  );
  return { [HEADER_ID]: id, [HEADER_TIMESTAMP]: timestamp, [HEADER_SIGNATURE]: signatures.join(" ") };
}
