import type { Incoming, Receiver } from "./receiver.js";

/** What is needed of a request of node:http, or of Express. */
export interface NodeRequest {
  readonly method?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Iterates without destroying the request, so that it can be answered. */
  iterator(options: { destroyOnReturn: boolean }): AsyncIterable<Uint8Array>;
  /** Has the rest of it come, and forgets it. */
  resume(): unknown;
  /** Whether something has read of it already. */
  readonly readableDidRead: boolean;
  /** What a middleware has read: bytes, by `express.raw()`. */
  readonly body?: unknown;
}

/** What is needed of a response of node:http, or of Express. */
export interface NodeResponse {
  on(event: "close", listener: () => void): unknown;
  writeHead(status: number, headers: Record<string, string>): { end(text: string): unknown };
}

/**
 * Has a receiver answer requests of node:http: `createServer(listener(receiver))`; or of Express:
 * `app.post("/hooks", listener(receiver))`, where nothing before it parses the body but `express.raw()`.
 */
export function listener(receiver: Receiver): (request: NodeRequest, response: NodeResponse) => Promise<void> {
  return async (request, response) => {
    const over = new AbortController();
    response.on("close", () => over.abort(new Error("the connection was closed")));
    const { method = "", headers } = request;
    const { status, headers: answered, text } = await receiver.answer({ method, headers, body: bodyOf(request), signal: over.signal });
    if (status === 413) request.resume(); // who still sends would not hear the answer, were the connection closed
    response.writeHead(status, answered).end(text);
  };
}

function bodyOf(request: NodeRequest): Incoming["body"] {
  if (request.body instanceof Uint8Array) return request.body;
  return request.readableDidRead ? undefined : request.iterator({ destroyOnReturn: false });
}
