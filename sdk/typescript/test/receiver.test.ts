import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MemoryStore, Receiver, sign, signCV, type Message, type ReceiverOptions, type Seen, type Store } from "casehook";
import { bodyOf, headersOf, idOf, requestOf, secret, type Hook } from "./hook.js";

const url = "https://receiver.example/hooks";
const forever = 60 * 60 * 1000;

/** Returns a receiver that handles comments, and the ids of those that it handled. */
function newReceiver(options: ReceiverOptions = {}): { receiver: Receiver; handled: string[]; logged: unknown[][] } {
  const handled: string[] = [];
  const logged: unknown[][] = [];
  const receiver = new Receiver({ secrets: secret, hold: forever, log: (...line) => logged.push(line), ...options });
  receiver.on("ADD_CASE_COMMENT", ({ activity }) => void handled.push(activity.id));
  return { receiver, handled, logged };
}

async function send(receiver: Receiver, hook: Hook): Promise<number> {
  return (await receiver.fetch(await requestOf(hook))).status;
}

const ids = (...sequences: number[]): string[] => sequences.map((sequence) => idOf({ sequence }));

/** A store that tells of each look into it. */
class Watched implements Store {
  readonly #store = new MemoryStore();
  readonly #looked: string[] = [];
  #waiting: (() => void) | undefined;

  async look(id: string, caseId: string): Promise<Seen> {
    const seen = await this.#store.look(id, caseId);
    this.#looked.push(id);
    this.#waiting?.();
    return seen;
  }

  keep(id: string, caseId: string, sequence: number): Promise<void> {
    return this.#store.keep(id, caseId, sequence);
  }

  /** Waits until the message has been looked for. */
  async looked(hook: Hook): Promise<void> {
    while (!this.#looked.includes(idOf(hook))) await new Promise<void>((resolve) => (this.#waiting = resolve));
  }
}

describe("a receiver answers", () => {
  const genuine: Hook = { sequence: 1 };

  for (const [name, request, status, text] of [
    ["204 to what is genuine", () => requestOf(genuine), 204, ""],
    ["405 to what is not a POST", () => new Request(url), 405, "webhooks come by POST\n"],
    ["401 to what is not signed", () => new Request(url, { method: "POST", body: bodyOf(genuine) }), 401, "webhook: missing header: webhook-id\n"],
    ["401 to a body that was changed", () => requestOf(genuine, { body: bodyOf(genuine) + " " }), 401, "webhook: no signature matches\n"],
    ["401 to no body", () => new Request(url, { method: "POST" }), 401, "webhook: missing header: webhook-id\n"],
    ["400 to what is no case update", () => signed('{"canary":1}'), 400, "caseupdate: event is missing\n"],
    ["400 to a body that is cut short", () => signed(new ReadableStream({ pull: (c) => c.error(new Error("canary")) })), 400, "the body was cut short\n"],
    ["413 to a body that is too large", () => signed(" ".repeat(20_001)), 413, "the body is too large\n"],
    ["500 where something has read the body", async () => read(await requestOf(genuine)), 500, "the body was read before it came to the receiver: it must be the first to\n"],
    ["204 to an event that it does not know", () => requestOf({ sequence: 1, event: "NEW_EVENT" }), 204, ""],
    ["204 to an event for which it has no function", () => requestOf({ sequence: 1, event: "REOPEN_CASE" }), 204, ""],
  ] as [string, () => Request | Promise<Request>, number, string][]) {
    test(name, async () => {
      const { receiver } = newReceiver({ maxBody: 20_000 });
      const response = await receiver.fetch(await request());
      assert.deepEqual([response.status, await response.text()], [status, text]);
      assert.equal(response.headers.get("allow"), status === 405 ? "POST" : null);
    });
  }

  async function signed(body: string | ReadableStream): Promise<Request> {
    const headers = await sign(typeof body === "string" ? body : "", secret, "event-1");
    return new Request(url, { method: "POST", body, headers, duplex: "half" });
  }

  async function read(request: Request): Promise<Request> {
    await request.text();
    return request;
  }

  test("500 where a function throws, without what it threw, and logs that", async () => {
    const { receiver, logged } = newReceiver();
    const thrown = new Error("canary");
    receiver.on("REOPEN_CASE", async () => Promise.reject(thrown));
    const response = await receiver.fetch(await requestOf({ sequence: 1, event: "REOPEN_CASE" }));
    assert.deepEqual([response.status, await response.text()], [500, "the function for this event failed\n"]);
    assert.deepEqual(logged, [["webhook: message refused: the function for this event failed (REOPEN_CASE case-1-1)", thrown]]);
  });

  for (const method of ["look", "keep"] as const) {
    test(`503 where the store cannot ${method}, and takes the message when it can`, async (t) => {
      const store = new MemoryStore();
      const { receiver, logged } = newReceiver({ store });
      const broken = t.mock.method(store, method, () => Promise.reject(new Error("canary")));
      const response = await receiver.fetch(await requestOf({ sequence: 1 }));
      assert.equal(response.status, 503);
      assert.match(await response.text(), /^the store of what was handled cannot be (read|written)\n$/);
      assert.equal(logged.length, 1);
      broken.mock.restore();
      assert.equal(await send(receiver, { sequence: 1 }), 204);
    });
  }
});

test("a limit that is no number lets nothing through", async () => {
  const { receiver } = newReceiver({ maxBody: NaN });
  assert.equal(await send(receiver, { sequence: 1 }), 413);
});

describe("a store that never answers", () => {
  for (const method of ["look", "keep"] as const) {
    test(`where it should ${method} holds up its case for 5 seconds`, async (t) => {
      t.mock.timers.enable({ apis: ["setTimeout"] });
      const store = new MemoryStore();
      const { receiver, logged } = newReceiver({ store });
      const asked = new Promise<void>((resolve) => {
        t.mock.method(store, method, () => (resolve(), new Promise(() => {})), { times: 1 });
      });
      const first = send(receiver, { sequence: 1 });
      await asked;
      const second = send(receiver, { sequence: 1 });
      t.mock.timers.tick(4999);
      assert.deepEqual(logged, []);
      t.mock.timers.tick(1);
      assert.deepEqual(await Promise.all([first, second]), [503, 204]);
      assert.match(String(logged[0]), /the store took more than 5000 ms/);
    });
  }
});

describe("a receiver verifies", () => {
  test("by several secrets, for the time of a rotation", async () => {
    const { receiver } = newReceiver({ secrets: ["whsec_" + Buffer.alloc(32, 1).toString("base64"), secret] });
    assert.equal(await send(receiver, { sequence: 1 }), 204);
  });

  test("x-cv-signature, and knows an event by its body then", async () => {
    const { receiver, handled } = newReceiver({ secrets: undefined, cvSecrets: secret });
    for (const id of ["case-1-1", "another"]) {
      const body = bodyOf({ sequence: 1 });
      const headers = { "webhook-id": id, "x-cv-signature": await signCV(body, secret) };
      assert.equal((await receiver.fetch(new Request(url, { method: "POST", body, headers }))).status, 204);
    }
    assert.deepEqual(handled, ids(1));
  });

  test("both, where it has secrets for both", async () => {
    const { receiver } = newReceiver({ cvSecrets: secret });
    const request = await requestOf({ sequence: 1 });
    assert.equal((await receiver.fetch(request.clone())).status, 401);
    request.headers.set("x-cv-signature", await signCV(bodyOf({ sequence: 1 }), secret));
    assert.equal((await receiver.fetch(request)).status, 204);
  });

  test("nothing without a secret: it is not made", () => {
    for (const options of [
      ...[undefined, "", [], "whsec_short", [secret, ""]].map((secrets) => ({ secrets })),
      ...["", [], [secret, ""]].map((cvSecrets) => ({ cvSecrets })),
    ]) {
      assert.throws(() => new Receiver(options), { name: "WebhookError", code: "BAD_SECRET" });
    }
  });
});

describe("a receiver calls", () => {
  test("the function of the event, with the payload and what is known of the message", async () => {
    const got: Message[] = [];
    const { receiver } = newReceiver();
    receiver.on("REOPEN_CASE", (payload, message) => {
      assert.equal(payload.case.id, "case-1");
      got.push(message);
    });
    const hook = { sequence: 1, event: "REOPEN_CASE" };
    assert.equal(await send(receiver, hook), 204);
    const { signal, body, ...rest } = got[0]!;
    assert.deepEqual(rest, { id: "case-1-1", caseId: "case-1", sequence: 1, attempt: 1 });
    assert.equal(new TextDecoder().decode(body), bodyOf(hook));
    assert.ok(signal instanceof AbortSignal);
  });

  test("the fallback for all else, known or not", async () => {
    const { receiver, handled } = newReceiver();
    receiver.fallback(({ event }) => void handled.push(event));
    for (const event of ["REOPEN_CASE", "NEW_EVENT", "ADD_CASE_COMMENT"]) {
      assert.equal(await send(receiver, { sequence: 1, caseId: event, event }), 204);
    }
    assert.deepEqual(handled, ["REOPEN_CASE", "NEW_EVENT", "ADD_CASE_COMMENT-1"]);
  });

  test("one function for each event that there is", () => {
    const { receiver } = newReceiver();
    assert.throws(() => receiver.on("ADD_CASE_COMMENT", () => {}), TypeError);
    assert.throws(() => receiver.on("NO_EVENT" as never, () => {}), TypeError);
  });
});

describe("a receiver handles each event once", () => {
  test("however often it comes", async () => {
    const { receiver, handled } = newReceiver();
    for (const sequence of [1, 1, 2, 1, 2]) assert.equal(await send(receiver, { sequence }), 204);
    assert.deepEqual(handled, ids(1, 2));
  });

  for (const [name, fails, calls, taken] of [
    ["where it comes several times at once", 0, 1, 8],
    ["and by the next one where one fails", 3, 4, 5],
  ] as const) {
    test(name, async () => {
      let called = 0;
      let under = 0;
      const receiver = new Receiver({ secrets: secret, log: () => {} });
      receiver.on("ADD_CASE_COMMENT", async () => {
        assert.equal(++under, 1, "two functions of a case at the same time");
        await Promise.resolve();
        under--;
        if (++called <= fails) throw new Error("not yet");
      });
      const answers = await Promise.all(Array.from({ length: 8 }, () => send(receiver, { sequence: 1 })));
      assert.equal(called, calls);
      assert.equal(answers.filter((status) => status === 204).length, taken);
    });
  }

  test("and again only where its function failed", async () => {
    const { receiver, handled } = newReceiver();
    let fails = true;
    receiver.on("REOPEN_CASE", ({ activity }) => {
      if (fails) throw new Error("not yet");
      handled.push(activity.id);
    });
    const hook = { sequence: 1, event: "REOPEN_CASE" };
    assert.equal(await send(receiver, hook), 500);
    fails = false;
    assert.equal(await send(receiver, hook), 204);
    assert.equal(await send(receiver, hook), 204);
    assert.deepEqual(handled, ids(1));
  });
});

describe("a receiver keeps the order of a case", () => {
  test("an early message is held until its turn", async () => {
    const store = new Watched();
    const { receiver, handled } = newReceiver({ store });
    const third = send(receiver, { sequence: 3 });
    await store.looked({ sequence: 3 });
    const second = send(receiver, { sequence: 2 });
    await store.looked({ sequence: 2 });
    assert.deepEqual(handled, []);
    assert.equal(await send(receiver, { sequence: 1 }), 204);
    assert.deepEqual(await Promise.all([second, third]), [204, 204]);
    assert.deepEqual(handled, ids(1, 2, 3));
  });

  test("a hole that is never filled holds up nothing for ever", async () => {
    for (const hold of [0, 1]) {
      const { receiver, handled } = newReceiver({ hold });
      for (const sequence of [1, 4, 5, 3, 2, 4]) assert.equal(await send(receiver, { sequence }), 204);
      assert.deepEqual(handled, ids(1, 4, 5, 3, 2), "what was missing is handled when it comes all the same");
    }
  });

  test("what has waited long enough goes on after what is before it", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const store = new Watched();
    const { receiver, handled } = newReceiver({ store });
    const answers = [];
    for (const sequence of [5, 3, 4]) {
      answers.push(send(receiver, { sequence }));
      await store.looked({ sequence });
    }
    t.mock.timers.tick(forever);
    assert.deepEqual(await Promise.all(answers), [204, 204, 204]);
    assert.deepEqual(handled, ids(3, 4, 5));
  });

  test("cases do not wait for each other", async () => {
    const { receiver } = newReceiver();
    let go!: () => void;
    const other = new Promise<void>((resolve) => (go = resolve));
    receiver.on("REOPEN_CASE", ({ case: { id } }) => (id === "case-2" ? go() : other));
    const first = send(receiver, { sequence: 1, event: "REOPEN_CASE" });
    assert.equal(await send(receiver, { sequence: 1, event: "REOPEN_CASE", caseId: "case-2" }), 204);
    assert.equal(await first, 204);
  });

  test("what waits behind one that fails comes again too", async () => {
    const store = new Watched();
    const { receiver, handled } = newReceiver({ store });
    let mended = false;
    receiver.on("REOPEN_CASE", ({ activity }) => {
      if (!mended) throw new Error("not yet");
      handled.push(activity.id);
    });
    const behind = [3, 4].map(async (sequence) => receiver.fetch(await requestOf({ sequence })));
    await store.looked({ sequence: 3 });
    await store.looked({ sequence: 4 });
    assert.equal(await send(receiver, { sequence: 1 }), 204);
    const second = { sequence: 2, event: "REOPEN_CASE" };
    assert.equal(await send(receiver, second), 500);
    for (const response of await Promise.all(behind)) {
      assert.deepEqual([response.status, await response.text()], [503, "a message before this one failed\n"]);
    }
    assert.deepEqual(handled, ids(1));

    mended = true;
    for (const hook of [second, { sequence: 3 }, { sequence: 4 }]) assert.equal(await send(receiver, hook), 204);
    assert.deepEqual(handled, ids(1, 2, 3, 4));
  });

  test("who gives up is not waited for", async () => {
    const store = new Watched();
    const { receiver, handled } = newReceiver({ store });
    const over = new AbortController();
    const held = receiver.fetch(await requestOf({ sequence: 2 }, { signal: over.signal }));
    await store.looked({ sequence: 2 });
    over.abort();
    assert.equal((await held).status, 503);
    assert.equal(await send(receiver, { sequence: 1 }), 204);
    assert.equal(await send(receiver, { sequence: 2 }), 204);
    assert.deepEqual(handled, ids(1, 2));
  });

  test("who gives up while another is worked on gives its turn to the next", async () => {
    const { receiver, handled } = newReceiver();
    let end!: () => void;
    const working = new Promise<void>((resolve) => receiver.on("REOPEN_CASE", () => (resolve(), new Promise((done) => (end = done)))));
    const first = send(receiver, { sequence: 1, event: "REOPEN_CASE" });
    await working;
    const over = new AbortController();
    const second = receiver.fetch(await requestOf({ sequence: 2 }, { signal: over.signal }));
    const third = send(receiver, { sequence: 3 });
    over.abort();
    assert.equal((await second).status, 503);
    end();
    assert.equal(await first, 204);
    assert.equal(await send(receiver, { sequence: 2 }), 204);
    assert.equal(await third, 204);
    assert.deepEqual(handled, ids(2, 3));
  });

  test("a replay goes on where the sequence does", async () => {
    const { receiver, handled } = newReceiver();
    for (const sequence of [1, 2]) assert.equal(await send(receiver, { sequence }), 204);
    const again = bodyOf({ sequence: 1 });
    const headers = { ...(await headersOf({ sequence: 1 }, again)), "casehook-sequence": "3" };
    assert.equal((await receiver.fetch(new Request(url, { method: "POST", body: again, headers }))).status, 204);
    assert.equal(await send(receiver, { sequence: 4 }), 204);
    assert.deepEqual(handled, ids(1, 2, 4));
  });
});

/** Draws numbers from 0 to below n, the same for the same seed. */
function draws(seed: number): (n: number) => number {
  return (n) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * n);
  };
}

describe("whatever the order and the repetition in which messages come", () => {
  /** Draws what comes: each message of a few cases once or twice, in any order. */
  function arrivals(draw: (n: number) => number): { sent: Hook[]; each: Hook[] } {
    const each = Array.from({ length: 1 + draw(3) }, (_, i) => i).flatMap((i) =>
      Array.from({ length: 1 + draw(6) }, (_, n): Hook => ({ caseId: `case-${i}`, sequence: n + 1 })),
    );
    const sent = each.flatMap((hook) => (draw(3) === 0 ? [hook, hook] : [hook]));
    for (let i = sent.length - 1; i > 0; i--) {
      const other = draw(i + 1);
      [sent[i], sent[other]] = [sent[other]!, sent[i]!];
    }
    return { sent, each };
  }

  for (let seed = 1; seed <= 50; seed++) {
    test(`each is handled once, in the order of its case: seed ${seed}`, async () => {
      const { sent, each } = arrivals(draws(seed));
      const { receiver, handled } = newReceiver();
      const answers = await Promise.all(sent.map((hook) => send(receiver, hook)));
      assert.ok(answers.every((status) => status === 204), answers.join());
      const ofCase = (list: string[], id: string): string[] => list.filter((one) => one.startsWith(id + "-"));
      for (const { caseId } of each) assert.deepEqual(ofCase(handled, caseId!), ofCase(each.map(idOf), caseId!));
      assert.equal(handled.length, each.length);
    });

    test(`each is handled once where some are lost and functions fail, and nothing is stuck: seed ${seed}`, async () => {
      const draw = draws(seed);
      const { sent, each } = arrivals(draw);
      const lost = new Set(each.filter(() => draw(5) === 0).map(idOf));
      const every = 2 + draw(4);
      let calls = 0;
      const handled: string[] = [];
      const receiver = new Receiver({ secrets: secret, hold: draw(3), log: () => {} });
      receiver.on("ADD_CASE_COMMENT", async ({ activity }) => {
        if (++calls % every === 0) throw new Error("not now");
        handled.push(activity.id);
      });
      const untilTaken = async (hook: Hook): Promise<void> => {
        while ((await send(receiver, hook)) !== 204);
      };
      await Promise.all(sent.filter((hook) => !lost.has(idOf(hook))).map(untilTaken));
      assert.deepEqual(handled.sort(), each.map(idOf).filter((id) => !lost.has(id)).sort());
    });
  }
});

describe("a memory store", () => {
  test("remembers what was kept last", async () => {
    const store = new MemoryStore(2);
    for (const n of [1, 2, 1, 3]) await store.keep(`id-${n}`, `case-${n}`, n);
    assert.deepEqual(await store.look("id-1", "case-3"), { seen: true, last: 3 });
    assert.deepEqual(await store.look("id-2", "case-9"), { seen: false, last: 0 });
  });

  test("remembers nothing where its size is no number", async () => {
    const store = new MemoryStore(NaN);
    await store.keep("id", "case", 1);
    assert.deepEqual(await store.look("id", "case"), { seen: false, last: 0 });
  });

  test("keeps the highest sequence of a case", async () => {
    const store = new MemoryStore();
    for (const sequence of [2, 0, 1]) await store.keep("id", "case", sequence);
    assert.deepEqual(await store.look("id", "case"), { seen: true, last: 2 });
  });
});
