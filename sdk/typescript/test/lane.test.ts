import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type * as Lane from "../dist/lane.js";

// It is no export of the package.
const { Lanes }: typeof Lane = await import(new URL("lane.js", import.meta.resolve("casehook")).href);

describe("a lane", () => {
  test("has one message worked on at a time, also where another gives up its turn", async () => {
    const lanes = new Lanes();
    const [first, second, third] = [1, 2, 3].map((sequence) => lanes.enter("case", sequence)) as [Lane.Place, Lane.Place, Lane.Place];
    const done: number[] = [];
    let end!: () => void;
    const working = first.inTurn(() => new Promise<void>((resolve) => (end = resolve)));
    const givenUp = second.inTurn(async () => void done.push(2), AbortSignal.abort());
    const next = third.inTurn(async () => void done.push(3));
    await assert.rejects(givenUp, { name: "AbortError" });
    await Promise.resolve();
    assert.deepEqual(done, []);
    end();
    await Promise.all([working, next]);
    assert.deepEqual(done, [3]);
  });

  test("gives the turn on where what had it fails", async () => {
    const lanes = new Lanes();
    const [first, second] = [lanes.enter("case", 1), lanes.enter("case", 2)];
    await assert.rejects(first.inTurn(() => Promise.reject(new Error("not yet"))), /not yet/);
    assert.equal(await second.inTurn(async () => 2), 2);
  });

  test("has who waits look again where what is before it need not wait any more", async () => {
    const lanes = new Lanes();
    const [late, early] = [lanes.enter("case", 3), lanes.enter("case", 2)];
    late.goOn();
    const { moved } = early;
    assert.equal(late.goesOn(), false);
    await moved;
    assert.equal(early.goesOn(), true);
  });

  test("lets nothing be behind a failure but what comes after it", () => {
    const lanes = new Lanes();
    const places = [0, 1, 2, 3].map((sequence) => lanes.enter("case", sequence));
    places[0]!.fail();
    assert.deepEqual(places.map(({ behind }) => behind), [false, false, false, false]);
    places[2]!.fail();
    assert.deepEqual(places.map(({ behind }) => behind), [false, false, false, true]);
  });

  test("is gone when the last message has left it", () => {
    const lanes = new Lanes();
    const places = [lanes.enter("case", 1), lanes.enter("case", 2), lanes.enter("another", 1)];
    assert.equal(lanes.size, 2);
    for (const place of places) place.leave();
    assert.equal(lanes.size, 0);
  });
});
