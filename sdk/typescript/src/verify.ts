import { fromBase64, type Bytes } from "./bytes.js";
import { checkId, maxSignatures, parseTimestamp, signedContent } from "./content.js";
import { WebhookError } from "./error.js";
import { header, HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, type HeadersLike } from "./headers.js";
import { keysOf } from "./secret.js";

/** How far a timestamp may be from the clock, either way, where nothing else is said: 5 minutes. */
export const DEFAULT_TOLERANCE = 5 * 60 * 1000;

export interface VerifyOptions {
  /** How far the timestamp may be from now, either way, in milliseconds; {@link DEFAULT_TOLERANCE} without. */
  tolerance?: number | undefined;
  /** The clock, in Unix milliseconds; `Date.now` without. */
  now?: (() => number) | undefined;
}

/**
 * Verifies `webhook-signature` (Standard Webhooks): it returns if one of the signatures was made with
 * one of the secrets for this id, timestamp and body, and the timestamp is within the tolerance.
 *
 * The body must be what came, before anything parses it. The secrets are those that are trusted, as
 * casehook shows them: `whsec_…`, or `whpk_…` for ed25519; two while a secret is rotated.
 *
 * @throws {WebhookError} whose `code` says why. In the order of the checks: `BAD_SECRET`,
 * `MISSING_HEADER`, `BAD_ID`, `BAD_TIMESTAMP`, `TOO_OLD` or `TOO_NEW`, `BAD_SIGNATURE`, `NO_MATCH`.
 */
export async function verify(
  body: Uint8Array | string,
  headers: HeadersLike,
  secrets: string | readonly string[],
  options: VerifyOptions = {},
): Promise<void> {
  const keys = await keysOf(secrets);
  const needed = (name: string): string => {
    const value = header(headers, name);
    if (!value) throw new WebhookError("MISSING_HEADER", name);
    return value;
  };
  const [id, timestamp, list] = [needed(HEADER_ID), needed(HEADER_TIMESTAMP), needed(HEADER_SIGNATURE)];
  checkId(id);
  checkAge(timestamp, options);
  const signatures = parseSignatures(list);
  const content = signedContent(id, timestamp, body);
  for (const key of keys) {
    for (const signature of signatures[key.version]) {
      if (await key.verify(signature, content)) return;
    }
  }
  throw new WebhookError("NO_MATCH");
}

function checkAge(timestamp: string, { tolerance = DEFAULT_TOLERANCE, now = Date.now }: VerifyOptions): void {
  const age = now() - parseTimestamp(timestamp) * 1000;
  // So that a tolerance that is NaN lets nothing through.
  if (!(age <= tolerance)) throw new WebhookError("TOO_OLD");
  if (!(age >= -tolerance)) throw new WebhookError("TOO_NEW");
}

/**
 * Reads the well-formed signatures of a list, by version. Entries of other versions are for other
 * receivers, and passed over like those that are malformed; at least one must remain.
 */
function parseSignatures(list: string): Record<"v1" | "v1a", Bytes[]> {
  const entries = list.split(" ").filter((entry) => entry !== "");
  if (entries.length > maxSignatures) {
    throw new WebhookError("BAD_SIGNATURE", `more than ${maxSignatures} in the list`);
  }
  const of = (version: string, size: number): Bytes[] =>
    entries
      .filter((entry) => entry.startsWith(version + ","))
      .map((entry) => fromBase64(entry.slice(version.length + 1)))
      .filter((raw) => raw?.length === size) as Bytes[];
  const signatures = { v1: of("v1", 32), v1a: of("v1a", 64) };
  if (signatures.v1.length + signatures.v1a.length === 0) {
    throw new WebhookError("BAD_SIGNATURE", "none of a known version and form");
  }
  return signatures;
}
