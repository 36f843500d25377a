import { readFileSync } from "node:fs";
import { sign } from "casehook";

/** A secret that signs nothing but tests. */
export const secret = "whsec_" + Buffer.alloc(32, 7).toString("base64");

const golden = new URL("../../../../caseupdate/testdata/golden/", import.meta.url);

/** Returns a golden body of package caseupdate. */
export function goldenBody(name: string): string {
  return readFileSync(new URL(name, golden), "utf8");
}

/** A message of a test: of which event and case, and its place in the case. */
export interface Hook {
  sequence: number;
  caseId?: string;
  event?: string;
}

/** Returns the id of the event that a hook tells of. */
export function idOf({ caseId = "case-1", sequence }: Hook): string {
  return `${caseId}-${sequence}`;
}

/** Returns the body of a hook. */
export function bodyOf(hook: Hook): string {
  const update = JSON.parse(goldenBody("ADD_CASE_COMMENT.json"));
  update.event = update.payload.activity.type = hook.event ?? "ADD_CASE_COMMENT";
  update.payload.case.id = hook.caseId ?? "case-1";
  update.payload.activity.id = idOf(hook);
  return JSON.stringify(update);
}

/** Returns the headers that a hook is sent with. */
export async function headersOf(hook: Hook, body = bodyOf(hook)): Promise<Record<string, string>> {
  return {
    ...(await sign(body, secret, idOf(hook))),
    "casehook-case-id": hook.caseId ?? "case-1",
    "casehook-sequence": String(hook.sequence),
    "casehook-attempt": "1",
  };
}

/** Returns a genuine request. */
export async function requestOf(hook: Hook, init: RequestInit = {}): Promise<Request> {
  const body = bodyOf(hook);
  return new Request("https://receiver.example/hooks", { method: "POST", body, headers: await headersOf(hook, body), ...init });
}
