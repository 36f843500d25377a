import { bytesOf, fromHex, toHex } from "./bytes.js";
import { WebhookError } from "./error.js";
import { header, HEADER_CV, type HeadersLike } from "./headers.js";
import { hmacKey } from "./secret.js";

/**
 * Verifies `x-cv-signature`: it returns if the header was made for the body with one of the secrets,
 * each as it was shown, `whsec_` included. It says nothing of when the message was made, nor of its
 * id: prefer {@link verify} where you can.
 *
 * @throws {WebhookError} `BAD_SECRET`, `MISSING_HEADER`, `BAD_SIGNATURE` if the header is not 64 hex
 * digits, or `NO_MATCH`.
 */
export async function verifyCV(
  body: Uint8Array | string,
  headers: HeadersLike,
  secrets: string | readonly string[],
): Promise<void> {
  const list = secretsForCV(secrets);
  const value = header(headers, HEADER_CV);
  if (!value) throw new WebhookError("MISSING_HEADER", HEADER_CV);
  const signature = fromHex(value);
  if (signature?.length !== 32) throw new WebhookError("BAD_SIGNATURE", `${HEADER_CV} is not 64 hex digits`);
  for (const secret of list) {
    const key = await hmacKey(bytesOf(secret));
    if (await key.verify(signature, bytesOf(body))) return;
  }
  throw new WebhookError("NO_MATCH");
}

/** Returns the secrets as a list; `BAD_SECRET` where there is none, or an empty one. */
export function secretsForCV(secrets: string | readonly string[]): readonly string[] {
  const list = typeof secrets === "string" ? [secrets] : secrets;
  if (list.length === 0 || list.some((secret) => !secret)) {
    throw new WebhookError("BAD_SECRET", "none was given, or an empty one");
  }
  return list;
}

/** Returns `x-cv-signature` for a body, made with the secret as it was shown. */
export async function signCV(body: Uint8Array | string, secret: string): Promise<string> {
  if (!secret) throw new WebhookError("BAD_SECRET", "it is empty");
  const key = await hmacKey(bytesOf(secret));
  return toHex(await key.sign(bytesOf(body)));
}
