// A partner's receiver in JavaScript: node testdata/receiver.mjs DIRECTORY, where DIRECTORY has the
// package standardwebhooks. It prints {"port":N} when it listens, reads a line, the endpoint's secret,
// and prints {"trusting":true}, then each delivery as a line of JSON. It ends when its input does.
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { Webhook } = createRequire(process.argv[2] + "/")("standardwebhooks");

const print = (line) => process.stdout.write(JSON.stringify(line) + "\n");

// What is wrong with a delivery. x-cv-signature is checked over what a receiver has that parses the
// body first and prints it again.
const faultOf = (secret, headers, body) => {
  try {
    new Webhook(secret).verify(body, headers);
  } catch (e) {
    return e.message;
  }
  const printed = JSON.stringify(JSON.parse(body));
  const signature = createHmac("sha256", secret).update(printed).digest("hex");
  return signature === headers["x-cv-signature"] ? "" : "x-cv-signature does not fit what is printed again";
};

let secret;
const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const fault = faultOf(secret, request.headers, body);
  response.writeHead(fault ? 400 : 204).end();
  print({ headers: request.headers, body: body.toString("base64"), fault });
});
server.listen(0, "127.0.0.1", () => print({ port: server.address().port }));

for await (const line of createInterface({ input: process.stdin })) {
  secret = line;
  print({ trusting: true });
}
server.close();
server.closeAllConnections();
