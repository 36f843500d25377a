import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CASE_EVENTS, parse } from "casehook";
import { goldenBody } from "./hook.js";
import { golden } from "./made/golden.js";

const decision = JSON.parse(goldenBody("ADD_CASE_DECISION.json"));
const payment = JSON.parse(goldenBody("PAYMENT_ADDED.json"));

/** Returns a golden body, of a decision where none is given, with a field changed. */
function changed(path: string, value: unknown, golden = decision): string {
  const update = structuredClone(golden);
  const keys = path.split(".");
  const last = keys.pop()!;
  keys.reduce((object, key) => object[key], update)[last] = value;
  return JSON.stringify(update);
}

const paying = (amount: number): string => changed("payload.payment.amount", amount, payment);

describe("parse", () => {
  test("reads every golden body, and there is one of each event", () => {
    for (const [name, update] of Object.entries(golden)) {
      assert.deepEqual(parse(goldenBody(name)), update, name);
      assert.deepEqual(parse(Buffer.from(goldenBody(name))), update, name);
    }
    assert.deepEqual(new Set(Object.values(golden).map(({ event }) => event)), new Set(CASE_EVENTS));
  });

  for (const [name, body] of [
    ["an event that is not known", changed("event", "NEW_EVENT")],
    ["an event that is not known, of another form", '{"event":"NEW_EVENT","payload":{"case":[],"x":1}}'],
    ["a field that is not known", changed("payload.decision.news", { any: 1 })],
    ["a status that is not known", changed("payload.case.status", "NEW")],
    ["null where a value should be", changed("payload.decision.isApproved", null)],
    ["the largest amount", paying(999_999_999_999.99)],
    ["an amount of a cent", paying(0.01)],
    ["a field that is absent", changed("payload.case.shortId", undefined)],
    ["an event that every object has", '{"event":"toString","payload":{}}'],
  ] as const) {
    test(`takes ${name}`, () => assert.deepEqual(parse(body), JSON.parse(body)));
  }

  for (const [name, body, text] of [
    ["what is not JSON", '{"canary', "caseupdate: body: not JSON"],
    ["a byte order mark", "\ufeff" + JSON.stringify(decision), "caseupdate: body: not JSON"],
    ["a list", "[]", "caseupdate: body: must be an object"],
    ["null", "null", "caseupdate: body: must be an object"],
    ["no event", '{"payload":{}}', "caseupdate: event is missing"],
    ["an empty event", changed("event", ""), "caseupdate: event is missing"],
    ["no payload", '{"event":"CREATE_CASE"}', "caseupdate: payload is missing or not an object"],
    ["a payload that is a list", '{"event":"CREATE_CASE","payload":[]}', "caseupdate: payload is missing or not an object"],
    ["no case", changed("payload.case", null), "caseupdate: ADD_CASE_DECISION payload: case is missing"],
    ["text for a boolean", changed("payload.decision.isApproved", "canary"), "caseupdate: ADD_CASE_DECISION payload: decision.isApproved must be true or false"],
    ["a number for a text", changed("payload.case.shortId", 17), "caseupdate: ADD_CASE_DECISION payload: case.shortId must be a string"],
    ["a text for a list", changed("payload.case.assignees", "canary"), "caseupdate: ADD_CASE_DECISION payload: case.assignees must be a list"],
    ["a text in a list of objects", changed("payload.case.assignees.1", "canary"), "caseupdate: ADD_CASE_DECISION payload: case.assignees[1] must be an object"],
    ["a wrong field of an object in a list", changed("payload.case.assignees.1.assignee.id", {}), "caseupdate: ADD_CASE_DECISION payload: case.assignees[1].assignee.id must be a string"],
    ["a fraction for a count", changed("payload.decision.medInfo.refillCount", 0.5), "caseupdate: ADD_CASE_DECISION payload: decision.medInfo.refillCount must be a whole number, not too large"],
    ["a part of a cent", paying(0.015), "caseupdate: PAYMENT_ADDED payload: payment.amount must be a number of at most two decimal places, up to 999999999999.99"],
    ["an amount that is too large", paying(1e12), "caseupdate: PAYMENT_ADDED payload: payment.amount must be a number of at most two decimal places, up to 999999999999.99"],
    ["a date for a moment", changed("payload.decision.createdAt", "2026-11-23"), "caseupdate: ADD_CASE_DECISION payload: decision.createdAt must be an RFC 3339 timestamp, such as 2026-11-23T14:05:06.789Z"],
  ] as const) {
    test(`refuses ${name}`, () => assert.throws(() => parse(body), { message: text }));
  }
});
