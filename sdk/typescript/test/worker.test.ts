import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createContext, SourceTextModule, type Context, type Module } from "node:vm";
import type * as Casehook from "casehook";
import { goldenBody, secret } from "./hook.js";

// What a worker has, and no more of Node than that.
const web = [
  "AbortController", "AbortSignal", "Headers", "ReadableStream", "Request", "Response",
  "TextDecoder", "TextEncoder", "atob", "btoa", "clearTimeout", "console", "crypto", "setTimeout",
] as const;

/** Loads a file of the package, which may import files beside it and nothing else. */
async function load(context: Context): Promise<typeof Casehook> {
  const modules = new Map<string, Module>();
  const moduleAt = (url: URL): Module => {
    const known = modules.get(url.href);
    if (known) return known;
    const made = new SourceTextModule(readFileSync(url, "utf8"), { context, identifier: url.href });
    modules.set(url.href, made);
    return made;
  };
  const index = moduleAt(new URL(import.meta.resolve("casehook")));
  await index.link((specifier, { identifier }) => {
    assert.match(specifier, /^\.\//, "only files of the package are imported");
    return moduleAt(new URL(specifier, identifier));
  });
  await index.evaluate();
  return index.namespace as typeof Casehook;
}

test("a receiver needs nothing but what a worker has", async () => {
  const context = createContext(Object.fromEntries(web.map((name) => [name, globalThis[name]])));
  const { Receiver, sign } = await load(context);
  const approved: boolean[] = [];
  const receiver = new Receiver({ secrets: ["whpk_/RckOFqgx1tk+3jNYC+h2ZH96/drE8WO1wLqyDXp9hg=", secret] });
  receiver.on("ADD_CASE_DECISION", ({ decision }) => void approved.push(decision.isApproved));
  const body = goldenBody("ADD_CASE_DECISION.json");
  const headers = await sign(body, secret, "event-1");
  for (const [method, sent, status] of [
    ["POST", body, 204],
    ["POST", body + " ", 401],
    ["PUT", body, 405],
  ] as const) {
    const response = await receiver.fetch(new Request("https://worker.example/", { method, headers, body: sent }));
    assert.equal(response.status, status);
  }
  assert.deepEqual(approved, [true]);
});
