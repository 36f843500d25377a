import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { describe, test, type TestContext } from "node:test";
import { Receiver } from "casehook";
import { listener, type NodeRequest } from "casehook/node";
import { bodyOf, headersOf, secret } from "./hook.js";

const hook = { sequence: 1 };

async function serve(t: TestContext, listen: RequestListener): Promise<number> {
  const server = createServer(listen).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function newReceiver(): { receiver: Receiver; handled: string[]; logged: string[] } {
  const handled: string[] = [];
  const logged: string[] = [];
  const receiver = new Receiver({ secrets: secret, maxBody: 20_000, log: (text) => logged.push(text) });
  receiver.on("ADD_CASE_COMMENT", ({ activity }) => void handled.push(activity.id));
  return { receiver, handled, logged };
}

async function post(port: number, body: string, headers: Record<string, string>): Promise<[number, string]> {
  const response = await fetch(`http://127.0.0.1:${port}/hooks`, { method: "POST", body, headers });
  return [response.status, await response.text()];
}

describe("a listener", () => {
  test("answers requests of node:http", async (t) => {
    const { receiver, handled } = newReceiver();
    const port = await serve(t, listener(receiver));
    assert.deepEqual(await post(port, bodyOf(hook), await headersOf(hook)), [204, ""]);
    assert.deepEqual(await post(port, bodyOf(hook), {}), [401, "webhook: missing header: webhook-id\n"]);
    assert.equal((await fetch(`http://127.0.0.1:${port}/hooks`)).headers.get("allow"), "POST");
    assert.deepEqual(handled, ["case-1-1"]);
  });

  test("answers a body that is too large before its end, and lets the rest come, so that the answer is heard", async (t) => {
    const port = await serve(t, listener(newReceiver().receiver));
    const socket = connect(port, "127.0.0.1").setEncoding("utf8");
    t.after(() => socket.destroy());
    let heard = "";
    const hear = async (status: string): Promise<void> => {
      for await (const part of socket.iterator({ destroyOnReturn: false })) {
        heard += part;
        if (heard.includes(status)) return;
      }
      assert.fail(`the connection was closed after: ${heard}`);
    };
    socket.write("POST /hooks HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n" + " ".repeat(30_000));
    await hear("HTTP/1.1 413 ");
    socket.write(" ".repeat(970_000) + "GET /hooks HTTP/1.1\r\nhost: x\r\n\r\n");
    await hear("HTTP/1.1 405 ");
  });

  test("takes the bytes that express.raw() read", async (t) => {
    const { receiver } = newReceiver();
    const port = await serve(t, async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part);
      await listener(receiver)(Object.assign(request, { body: Buffer.concat(parts) }), response);
    });
    assert.deepEqual(await post(port, bodyOf(hook), await headersOf(hook)), [204, ""]);
  });

  test("says so where a body was parsed before it", async (t) => {
    const { receiver, logged } = newReceiver();
    const port = await serve(t, async (request, response) => {
      let text = "";
      for await (const part of request) text += part;
      const parsed: NodeRequest = Object.assign(request, { body: JSON.parse(text) });
      await listener(receiver)(parsed, response);
    });
    const [status] = await post(port, bodyOf(hook), await headersOf(hook));
    assert.equal(status, 500);
    assert.match(logged.join(), /the body was read before it came to the receiver/);
  });

  test("has the signal aborted when nobody waits any more", async (t) => {
    const { receiver } = newReceiver();
    const over = new AbortController();
    const aborted = new Promise<void>((resolve) => {
      receiver.on("REOPEN_CASE", (_, { signal }) => {
        signal!.addEventListener("abort", () => resolve());
        over.abort();
        return aborted;
      });
    });
    const port = await serve(t, listener(receiver));
    const reopened = { sequence: 1, event: "REOPEN_CASE" };
    const init = { method: "POST", body: bodyOf(reopened), headers: await headersOf(reopened), signal: over.signal };
    await assert.rejects(fetch(`http://127.0.0.1:${port}/hooks`, init), { name: "AbortError" });
    await aborted;
  });
});
