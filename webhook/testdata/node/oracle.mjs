// Answers the questions of node_test.go, a line of JSON each: what would others sign, what do they accept?
// v1 is the standardwebhooks library's; v1a and x-cv-signature, which it does not know, node:crypto's.
import { createHmac, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

// What DER puts before the bytes of an ed25519 key (RFC 8410).
const pkcs8 = Buffer.from("302e020100300506032b657004220420", "hex");
const spki = Buffer.from("302a300506032b6570032100", "hex");

const keyBytes = (secret) => Buffer.from(secret.slice(secret.indexOf("_") + 1), "base64");

const privateKey = (secret) =>
  createPrivateKey({
    key: Buffer.concat([pkcs8, keyBytes(secret).subarray(0, 32)]),
    format: "der",
    type: "pkcs8",
  });

const publicKey = (secret) =>
  createPublicKey({ key: Buffer.concat([spki, keyBytes(secret)]), format: "der", type: "spki" });

const content = ({ id, timestamp, body }) => Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);

const signers = {
  v1: (q) => new Webhook(q.secret).sign(q.id, new Date(q.timestamp * 1000), q.body),
  v1a: (q) => "v1a," + sign(null, content(q), privateKey(q.secret)).toString("base64"),
  cv: (q) => createHmac("sha256", q.secret).update(q.body).digest("hex"),
};

const verifiers = {
  v1: (q) => {
    Date.now = () => q.timestamp * 1000; // the library's clock
    try {
      new Webhook(q.secret).verify(q.body, {
        "webhook-id": q.id,
        "webhook-timestamp": String(q.timestamp),
        "webhook-signature": q.signature,
      });
      return true;
    } catch (e) {
      if (e.name === "WebhookVerificationError") return false;
      throw e;
    }
  },
  v1a: (q) =>
    q.signature
      .split(" ")
      .filter((s) => s.startsWith("v1a,"))
      .some((s) => verify(null, content(q), publicKey(q.secret), Buffer.from(s.slice(4), "base64"))),
};

for await (const line of createInterface({ input: process.stdin })) {
  const q = JSON.parse(line);
  q.body = Buffer.from(q.body, "base64");
  const answer = q.signature ? { accepted: verifiers[q.scheme](q) } : { signature: signers[q.scheme](q) };
  process.stdout.write(JSON.stringify(answer) + "\n");
}
