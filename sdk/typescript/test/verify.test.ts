import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sign, signCV, verify, verifyCV, WebhookError, type WebhookErrorCode } from "casehook";
import { Webhook } from "standardwebhooks";
import { secret } from "./hook.js";

const another = "whsec_" + Buffer.alloc(24, 8).toString("base64");
const seed = Buffer.alloc(32, 9);
const privateKey = "whsk_" + seed.toString("base64");
const publicKey = "whpk_/RckOFqgx1tk+3jNYC+h2ZH96/drE8WO1wLqyDXp9hg=";
const body = '{"text":"é 𝄞"}';
const at = Date.UTC(2026, 10, 23, 14, 5, 6);
const clock = { now: () => at };

const fails = (code: WebhookErrorCode) => (error: unknown) => {
  assert.ok(error instanceof WebhookError);
  assert.equal(error.code, code, error.message);
  assert.ok(!error.message.includes(secret.slice(6, 12)), "it shows nothing of a secret");
  return true;
};

describe("verify", () => {
  for (const [name, signing, trusted] of [
    ["a secret", secret, secret],
    ["one of two secrets that are trusted", secret, [another, secret]],
    ["one of two secrets that sign", [another, secret], secret],
    ["an ed25519 key", privateKey, publicKey],
    ["either of a secret and a key", [secret, privateKey], publicKey],
    ["a private key, which verifies too", privateKey, privateKey],
  ] as const) {
    test(`takes what was signed with ${name}`, async () => {
      const headers = await sign(body, signing, "event-1", at);
      await verify(body, headers, trusted, clock);
      await verify(Buffer.from(body), new Headers(headers), trusted, clock);
      await verify(body, { "Webhook-Id": ["event-1"], ...capitals(headers) }, trusted, clock);
    });
  }

  for (const [name, code, changed, trusted = secret, signed = body] of [
    ["a changed body", "NO_MATCH", {}, secret, body + " "],
    ["another secret", "NO_MATCH", {}, another],
    ["a secret for a key", "NO_MATCH", { "webhook-signature": "v1a," + Buffer.alloc(64).toString("base64") }],
    ["another id", "NO_MATCH", { "webhook-id": "event-2" }],
    ["another time", "NO_MATCH", { "webhook-timestamp": String(at / 1000 + 1) }],
    ["no id", "MISSING_HEADER", { "webhook-id": "" }],
    ["no timestamp", "MISSING_HEADER", { "webhook-timestamp": "" }],
    ["no signature", "MISSING_HEADER", { "webhook-signature": "" }],
    ["a full stop in the id", "BAD_ID", { "webhook-id": "event.1" }],
    ["a timestamp with a sign", "BAD_TIMESTAMP", { "webhook-timestamp": `+${at / 1000}` }],
    ["a timestamp in milliseconds", "BAD_TIMESTAMP", { "webhook-timestamp": String(at) }],
    ["a signature of another version", "BAD_SIGNATURE", { "webhook-signature": "v2,AAAA" }],
    ["a signature that is cut short", "BAD_SIGNATURE", { "webhook-signature": "v1,AAAA" }],
    ["seventeen signatures", "BAD_SIGNATURE", { "webhook-signature": `v1,${Buffer.alloc(32).toString("base64")} `.repeat(17) }],
    ["no secret", "BAD_SECRET", {}, []],
    ["an empty secret", "BAD_SECRET", {}, ""],
    ["a secret with a line end", "BAD_SECRET", {}, secret + "\n"],
    ["a secret without its prefix", "BAD_SECRET", {}, secret.slice(6)],
    ["a secret that is too short", "BAD_SECRET", {}, "whsec_AAAA"],
    ["a secret without its padding", "BAD_SECRET", {}, secret.replaceAll("=", "")],
    ["a public key that is too short", "BAD_SECRET", {}, "whpk_AAAA"],
    ["halves of a key that do not belong together", "BAD_SECRET", {}, "whsk_" + Buffer.alloc(64).toString("base64")],
  ] as [string, WebhookErrorCode, Record<string, string>, (string | string[])?, string?][]) {
    test(`refuses ${name}: ${code}`, async () => {
      const headers = { ...(await sign(body, secret, "event-1", at)), ...changed };
      await assert.rejects(verify(signed, headers, trusted, clock), fails(code));
    });
  }

  for (const [away, code] of [
    [-300_000, undefined],
    [-301_000, "TOO_OLD"],
    [300_000, undefined],
    [301_000, "TOO_NEW"],
  ] as const) {
    test(`${code ? "refuses" : "takes"} what was signed ${away} ms from now`, async () => {
      const verified = verify(body, await sign(body, secret, "event-1", at + away), secret, clock);
      await (code ? assert.rejects(verified, fails(code)) : verified);
    });
  }

  test("has the tolerance that it is given", async () => {
    const headers = await sign(body, secret, "event-1", at - 2000);
    await verify(body, headers, secret, { ...clock, tolerance: 2000 });
    await assert.rejects(verify(body, headers, secret, { ...clock, tolerance: 1999 }), fails("TOO_OLD"));
  });

  test("takes nothing by a tolerance that is no number", async () => {
    const headers = await sign(body, secret, "event-1", at - 301_000);
    await assert.rejects(verify(body, headers, secret, { ...clock, tolerance: NaN }), fails("TOO_OLD"));
  });

  test("and the library standardwebhooks take each other's messages", async () => {
    const theirs = new Webhook(secret);
    const now = new Date();
    const headers = await sign(body, secret, "event-1", now.getTime());
    assert.equal(headers["webhook-signature"], theirs.sign("event-1", now, body));
    assert.deepEqual(theirs.verify(body, headers), JSON.parse(body));
    await verify(body, { ...headers, "webhook-signature": theirs.sign("event-1", now, body) }, secret);
  });

  test("says so where the platform has no Ed25519", async (t) => {
    t.mock.method(crypto.subtle, "importKey", async () => {
      throw new DOMException("Unrecognized algorithm name", "NotSupportedError");
    });
    await assert.rejects(verify(body, {}, publicKey), /has no Ed25519: use the endpoint's whsec_/);
  });
});

describe("sign", () => {
  for (const [name, code, secrets, id, time] of [
    ["with a public key", "BAD_SECRET", publicKey, "event-1", at],
    ["with seventeen secrets", "BAD_SECRET", Array(17).fill(secret), "event-1", at],
    ["without an id", "BAD_ID", secret, "", at],
    ["before 1970", "BAD_TIMESTAMP", secret, "event-1", -1000],
  ] as const) {
    test(`does not sign ${name}: ${code}`, async () => {
      await assert.rejects(sign(body, secrets, id, time), fails(code));
    });
  }
});

describe("verifyCV", () => {
  test("takes what was signed with one of the secrets, as they were shown", async () => {
    const signature = await signCV(body, secret);
    await verifyCV(body, { "x-cv-signature": signature }, secret);
    await verifyCV(Buffer.from(body), new Headers({ "X-CV-Signature": signature.toUpperCase() }), [another, secret]);
  });

  for (const [name, code, signature, secrets] of [
    ["what no secret made", "NO_MATCH", "0".repeat(64), secret],
    ["no signature", "MISSING_HEADER", undefined, secret],
    ["what is not hex", "BAD_SIGNATURE", "g".repeat(64), secret],
    ["too few digits", "BAD_SIGNATURE", "00", secret],
    ["no secret", "BAD_SECRET", "00", []],
    ["an empty secret", "BAD_SECRET", "00", [""]],
  ] as const) {
    test(`refuses ${name}: ${code}`, async () => {
      await assert.rejects(verifyCV(body, { "x-cv-signature": signature }, secrets), fails(code));
    });
  }
});

function capitals(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
}
