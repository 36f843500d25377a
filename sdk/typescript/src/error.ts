const texts = {
  BAD_SECRET: "unusable secret",
  MISSING_HEADER: "missing header",
  BAD_ID: "malformed id",
  BAD_TIMESTAMP: "malformed timestamp",
  TOO_OLD: "timestamp too old",
  TOO_NEW: "timestamp too far in the future",
  BAD_SIGNATURE: "malformed signature",
  NO_MATCH: "no signature matches",
} as const;

/**
 * Why something does not verify:
 *
 * - `BAD_SECRET`: a secret cannot be read, cannot do what it is asked for, or is not there.
 * - `MISSING_HEADER`: a header that is needed is absent or empty; the text names it.
 * - `BAD_ID`: the id has a full stop, or anything but visible ASCII.
 * - `BAD_TIMESTAMP`: the timestamp is not a plain number of Unix seconds.
 * - `TOO_OLD`: signed longer ago than is tolerated: a replay, or a clock that is wrong.
 * - `TOO_NEW`: signed further in the future than is tolerated: a clock is wrong.
 * - `BAD_SIGNATURE`: there is no signature of a known version and form, or there are too many.
 * - `NO_MATCH`: none of the secrets made any of the signatures for this id, timestamp and body.
 */
export type WebhookErrorCode = keyof typeof texts;

/** What {@link verify} and {@link sign} throw. Its text holds nothing of the message or of a secret. */
export class WebhookError extends Error {
  override readonly name = "WebhookError";
  readonly code: WebhookErrorCode;

  constructor(code: WebhookErrorCode, detail?: string, options?: ErrorOptions) {
    super(`webhook: ${texts[code]}` + (detail ? `: ${detail}` : ""), options);
    this.code = code;
  }
}
