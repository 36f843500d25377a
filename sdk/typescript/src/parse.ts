import type { CaseUpdate } from "./caseupdate.js";
import { payloads, shapes } from "./shapes.js";

/**
 * Reads the body of a webhook. Unknown fields stay, and an unknown event is no error: new ones may come.
 * A body that is not JSON, has no event, payload or case, or has a field of another type throws; the
 * error names the field and never repeats a value of the body.
 *
 * It believes its sender: verify the signature first. It does not look for fields that are absent.
 */
export function parse(body: Uint8Array | string): CaseUpdate {
  const update = read(body);
  if (!isObject(update)) throw fault("body", "must be an object");
  if (typeof update.event !== "string" || !update.event) throw new Error("caseupdate: event is missing");
  if (!isObject(update.payload)) throw new Error("caseupdate: payload is missing or not an object");
  if (Object.hasOwn(payloads, update.event)) {
    check(update.payload, payloads[update.event]!, `${update.event} payload: `);
    if (!isObject(update.payload.case)) throw fault(`${update.event} payload`, "case is missing");
  }
  return update as unknown as CaseUpdate;
}

function read(body: Uint8Array | string): unknown {
  try {
    return JSON.parse(typeof body === "string" ? body : new TextDecoder("utf-8", { ignoreBOM: true }).decode(body));
  } catch {
    throw fault("body", "not JSON"); // the error of JSON.parse repeats it
  }
}

const fault = (where: string, what: string): Error => new Error(`caseupdate: ${where}: ${what}`);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const maxAmount = 999_999_999_999.99;
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

/** What a value is that is no object of the format, and how to say so. */
const simple: Readonly<Record<string, [is: (value: unknown) => boolean, required: string]>> = {
  string: [(value) => typeof value === "string", "a string"],
  boolean: [(value) => typeof value === "boolean", "true or false"],
  Amount: [
    (value) => typeof value === "number" && Math.abs(value) <= maxAmount && Math.round(value * 100) / 100 === value,
    `a number of at most two decimal places, up to ${maxAmount}`,
  ],
  integer: [Number.isSafeInteger, "a whole number, not too large"],
  Timestamp: [
    (value) => typeof value === "string" && rfc3339.test(value) && !Number.isNaN(Date.parse(value)),
    "an RFC 3339 timestamp, such as 2026-11-23T14:05:06.789Z",
  ],
};

/** Throws unless a value that is there, and not null, has the shape that is named, down to the last of its fields. */
function check(value: unknown, shape: string, path: string): void {
  if (value === undefined || value === null) return;
  const must = (required: string): Error => new Error(`caseupdate: ${path} must be ${required}`);
  if (shape.endsWith("[]")) {
    if (!Array.isArray(value)) throw must("a list");
    value.forEach((item, i) => check(item, shape.slice(0, -2), `${path}[${i}]`));
    return;
  }
  const known = simple[shape];
  if (known) {
    if (!known[0](value)) throw must(known[1]);
    return;
  }
  if (!isObject(value)) throw must("an object");
  for (const [key, inner] of Object.entries(shapes[shape]!)) {
    if (Object.hasOwn(value, key)) check(value[key], inner, /[\w\]]$/.test(path) ? `${path}.${key}` : path + key);
  }
}
