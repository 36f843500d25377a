// Reads a JSON list of bodies in base64, and prints the list of what JavaScript makes of each when
// it parses the body and prints it again.
import { text } from "node:stream/consumers";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const again = (body) => Buffer.from(JSON.stringify(JSON.parse(utf8.decode(Buffer.from(body, "base64")))));

const bodies = JSON.parse(await text(process.stdin));
process.stdout.write(JSON.stringify(bodies.map((body) => again(body).toString("base64"))));
