import type { CaseUpdate } from "./caseupdate.js";
import { count, header, HEADER_ATTEMPT, HEADER_CASE_ID, HEADER_ID, HEADER_SEQUENCE, type HeadersLike } from "./headers.js";

/** What is known of a message beside its payload. */
export interface Message {
  /** The event's id, the `webhook-id`: the same over retries and replays. */
  readonly id: string;
  /** The case; "" where an unknown event has none. */
  readonly caseId: string;
  /** Counts 1, 2, 3 … over what the endpoint is sent of the case; 0 where it is not told. */
  readonly sequence: number;
  /** Counts the attempts at this delivery, 1, 2, 3 …; 0 where it is not told. */
  readonly attempt: number;
  /** The whole body as it came. */
  readonly body: Uint8Array;
  /** Aborted when casehook gives up waiting for the answer, as far as the server tells. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Tells what a message is by its body, as far as that says so, and else by its headers: only the body is
 * signed, and with Standard Webhooks the id.
 */
export function messageOf(
  headers: HeadersLike,
  body: Uint8Array,
  update: CaseUpdate,
  idIsSigned: boolean,
  signal: AbortSignal | undefined,
): Message {
  const { activity, case: concerned } = update.payload as Readonly<Record<string, unknown>>;
  const caseId = idOf(concerned) || header(headers, HEADER_CASE_ID);
  return {
    id: (!idIsSigned && idOf(activity)) || header(headers, HEADER_ID),
    caseId,
    sequence: caseId ? count(headers, HEADER_SEQUENCE) : 0,
    attempt: count(headers, HEADER_ATTEMPT),
    body,
    signal,
  };
}

/** Returns the id of a case or an activity; "" where an unknown event has none. */
function idOf(value: unknown): string {
  const id = (value as { id?: unknown } | null | undefined)?.id;
  return typeof id === "string" ? id : "";
}
