// Answers the questions of oracle_test.go, a line of JSON each: what does this package sign, take and read?
import { createInterface } from "node:readline";
import { parse, sign, signCV, verify, verifyCV } from "casehook";

const answers = {
  sign: async ({ body, secrets, id, at }) => ({ headers: await sign(body, secrets, id, at) }),
  verify: async ({ body, headers, secrets, at }) => (await verify(body, headers, secrets, { now: () => at }), {}),
  signCV: async ({ body, secrets }) => ({ headers: { "x-cv-signature": await signCV(body, secrets[0]) } }),
  verifyCV: async ({ body, headers, secrets }) => (await verifyCV(body, headers, secrets), {}),
  parse: async ({ body }) => (parse(body), {}),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { what, body, ...question } = JSON.parse(line);
  const answer = await answers[what]({ ...question, body: Buffer.from(body, "base64") }).catch(({ code, message }) => ({
    fault: code ?? message,
  }));
  process.stdout.write(JSON.stringify(answer) + "\n");
}
