/** The event's id: the same over retries and replays (Standard Webhooks). */
export const HEADER_ID = "webhook-id";
/** When the attempt was signed, in Unix seconds (Standard Webhooks). */
export const HEADER_TIMESTAMP = "webhook-timestamp";
/** The signatures, separated by spaces (Standard Webhooks). */
export const HEADER_SIGNATURE = "webhook-signature";
/** Lowercase hex HMAC-SHA256 of the body, keyed with the secret as it was shown. */
export const HEADER_CV = "x-cv-signature";
/** The case: whose messages come in order. */
export const HEADER_CASE_ID = "casehook-case-id";
/** 1, 2, 3 … over what the endpoint is sent of the case: a hole is a lost message. */
export const HEADER_SEQUENCE = "casehook-sequence";
/** 1, 2, 3 … over the attempts at a delivery. */
export const HEADER_ATTEMPT = "casehook-attempt";

/** The headers of a request, as the Fetch API or node:http have them. */
export type HeadersLike = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/** Returns a header, whatever the case of its name; "" where there is none. Of several it is the first. */
export function header(headers: HeadersLike, name: string): string {
  if (typeof headers.get === "function") return headers.get(name) ?? "";
  for (const [key, value] of Object.entries(headers)) {
    if (key.toLowerCase() === name) return (typeof value === "object" ? value[0] : value) ?? "";
  }
  return "";
}

/** Returns a header that counts from 1; 0 where it does not. */
export function count(headers: HeadersLike, name: string): number {
  const text = header(headers, name);
  const n = Number(text);
  return /^\d+$/.test(text) && Number.isSafeInteger(n) ? n : 0;
}
