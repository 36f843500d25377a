import { concat, fromBase64, toBase64, type Bytes } from "./bytes.js";
import { WebhookError } from "./error.js";

/** What DER puts before the seed of an ed25519 private key (RFC 8410, section 7). */
const pkcs8 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20);

/** Signs and verifies with one secret. */
export interface Key {
  /** Of the signatures that it makes (Standard Webhooks, "Signature scheme"). */
  readonly version: "v1" | "v1a";
  /** Throws `BAD_SECRET` where the key only verifies. */
  sign(content: Bytes): Promise<Bytes>;
  /** Takes the same time for any signature of the right length. */
  verify(signature: Bytes, content: Bytes): Promise<boolean>;
}

/** A secret that was read: what it is for, and its bytes. */
interface Decoded {
  prefix: "whsec_" | "whsk_" | "whpk_";
  raw: Bytes;
}

/**
 * Reads secrets as casehook shows them, a prefix and standard, padded base64:
 *
 * - `whsec_`: a symmetric secret of 24 to 64 bytes, signs and verifies.
 * - `whsk_`: an ed25519 private key, 64 bytes (seed and public key) or the seed's 32, signs and verifies.
 * - `whpk_`: an ed25519 public key, 32 bytes, verifies.
 *
 * Anything else, surrounding white space included, throws `BAD_SECRET`.
 */
export function decodeSecrets(secrets: string | readonly string[]): Decoded[] {
  const list = typeof secrets === "string" ? [secrets] : secrets;
  if (list.length === 0) throw new WebhookError("BAD_SECRET", "none was given");
  return list.map(decode);
}

const prefixes = ["whsec_", "whsk_", "whpk_"] as const;

function decode(secret: string): Decoded {
  if (!secret) throw new WebhookError("BAD_SECRET", "it is empty");
  if (/[ \t\r\n]/.test(secret)) throw new WebhookError("BAD_SECRET", "it contains white space");
  const prefix = prefixes.find((prefix) => secret.startsWith(prefix));
  if (!prefix) throw new WebhookError("BAD_SECRET", `it begins with none of ${prefixes.join(", ")}`);
  const raw = fromBase64(secret.slice(prefix.length));
  if (!raw) throw new WebhookError("BAD_SECRET", `not padded standard base64 after ${prefix}`);
  const [allowed, what] = sizes[prefix];
  if (!allowed(raw.length)) throw new WebhookError("BAD_SECRET", what);
  return { prefix, raw };
}

const seedSize = 32;
const publicSize = 32;

const sizes: Record<Decoded["prefix"], [allowed: (size: number) => boolean, what: string]> = {
  whsec_: [(size) => 24 <= size && size <= 64, "a symmetric secret has 24 to 64 bytes"],
  whsk_: [(size) => size === seedSize || size === seedSize + publicSize, "a private key has 32 or 64 bytes"],
  whpk_: [(size) => size === publicSize, "a public key has 32 bytes"],
};

/** Returns the keys of secrets, which {@link decodeSecrets} reads. */
export function keysOf(secrets: string | readonly string[]): Promise<Key[]> {
  const make = { whsec_: hmacKey, whsk_: privateKey, whpk_: publicKey };
  return Promise.all(decodeSecrets(secrets).map(({ prefix, raw }) => make[prefix](raw)));
}

/** An HMAC-SHA256 key of any bytes but none. */
export async function hmacKey(raw: Bytes): Promise<Key> {
  const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
  return {
    version: "v1",
    sign: async (content) => new Uint8Array(await crypto.subtle.sign("HMAC", key, content)),
    verify: (signature, content) => crypto.subtle.verify("HMAC", key, signature, content),
  };
}

async function privateKey(raw: Bytes): Promise<Key> {
  const [seed, given] = [raw.subarray(0, seedSize), raw.subarray(seedSize)];
  const key = await ed25519("pkcs8", concat([pkcs8, seed]), "sign");
  const { x } = await crypto.subtle.exportKey("jwk", key);
  const own = fromBase64(x!.replaceAll("-", "+").replaceAll("_", "/") + "=")!;
  // Signing under a public key that is not the seed's own gives the private key away.
  if (given.length > 0 && toBase64(given) !== toBase64(own)) {
    throw new WebhookError("BAD_SECRET", "the halves of the private key do not belong together");
  }
  return {
    ...(await publicKey(own)),
    sign: async (content) => new Uint8Array(await crypto.subtle.sign("Ed25519", key, content)),
  };
}

async function publicKey(raw: Bytes): Promise<Key> {
  const key = await ed25519("raw", raw, "verify");
  return {
    version: "v1a",
    sign: async () => {
      throw new WebhookError("BAD_SECRET", "a public key does not sign");
    },
    verify: (signature, content) => crypto.subtle.verify("Ed25519", key, signature, content),
  };
}

async function ed25519(format: "raw" | "pkcs8", key: Bytes, usage: "sign" | "verify"): Promise<CryptoKey> {
  try {
    return await crypto.subtle.importKey(format, key, { name: "Ed25519" }, true, [usage]);
  } catch (cause) {
    throw new WebhookError("BAD_SECRET", "this WebCrypto cannot read it, or has no Ed25519: use the endpoint's whsec_", { cause });
  }
}
