import { concat } from "./bytes.js";
import { CASE_EVENTS, type CaseEvent, type CaseUpdate, type Payloads } from "./caseupdate.js";
import { secretsForCV, verifyCV } from "./cv.js";
import { WebhookError } from "./error.js";
import type { HeadersLike } from "./headers.js";
import { Lanes, unlessAborted, type Place } from "./lane.js";
import { messageOf, type Message } from "./message.js";
import { parse } from "./parse.js";
import { decodeSecrets } from "./secret.js";
import { MemoryStore, type Seen, type Store } from "./store.js";
import { verify } from "./verify.js";

/** How many bytes of a body a {@link Receiver} reads where it does not say otherwise: 64 MiB. */
export const DEFAULT_MAX_BODY = 64 * 1024 * 1024;
/** How long a {@link Receiver} holds a message that comes before its turn where it does not say otherwise: 2 seconds. */
export const DEFAULT_HOLD = 2000;

/** How long the store may take to look or to keep, in milliseconds: what it never answers must not hold up its case. */
const storeTimeout = 5000;

export interface ReceiverOptions {
  /** The secrets for `webhook-signature`, as casehook shows them, `whsec_…` or `whpk_…`: two while one is rotated. */
  secrets?: string | readonly string[] | undefined;
  /**
   * The secrets for `x-cv-signature`, as casehook shows them. Where there are `secrets` too, both signatures
   * must verify. By this one alone, a message caught on its way can be sent again; its id is then taken from
   * its body, which is signed, so that it is known again.
   */
  cvSecrets?: string | readonly string[] | undefined;
  /** How far the timestamp may be from now, either way, in milliseconds; 5 minutes without. */
  tolerance?: number | undefined;
  /** Remembers what was handled, of this endpoint alone; without, a {@link MemoryStore} that forgets with the process. */
  store?: Store;
  /** How many bytes a body may have; {@link DEFAULT_MAX_BODY} without. */
  maxBody?: number;
  /** How long a message waits for those before it, in milliseconds, 0 for not at all; {@link DEFAULT_HOLD} without. */
  hold?: number;
  /**
   * Is told why a message was answered 5xx, with its event and id; `console.error` without. Errors of functions
   * are logged as they are: keep patients out of them.
   */
  log?: (text: string, error: unknown) => void;
}

/** A request, of whatever server. */
export interface Incoming {
  method: string;
  headers: HeadersLike;
  /** The bytes that came; undefined where something has read them already, which is answered 500. */
  body: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** Aborted when nobody waits for the answer any more. */
  signal?: AbortSignal | undefined;
}

/** What a request is answered with. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
}

/**
 * An endpoint: it verifies each message, and calls the function that {@link Receiver.on} gave for its event,
 * once for each `webhook-id` and in the order of each case.
 *
 * ```ts
 * const receiver = new Receiver({ secrets: process.env.CASEHOOK_SECRET });
 * receiver.on("ADD_CASE_DECISION", async ({ case: { id }, decision }) => decided(id, decision.isApproved));
 * ```
 *
 * **At least once.** A message is answered 2xx only when its function has resolved and the store has kept its
 * id; until then casehook sends it again. Where the process ends between the two, the function is called again
 * for the same event. A function that must not act twice keeps `payload.activity.id` in the transaction in
 * which it acts.
 *
 * **In order.** Functions of one case are called one at a time, in the order of `casehook-sequence`; those of
 * different cases at the same time. A message that comes before its turn is held for a moment, until what is
 * missing has come; if it does not come, the case goes on, and what comes later all the same is handled when
 * it comes. Receivers in several processes hold the order where the endpoint's `ordering` is `case`, as by
 * default.
 *
 * **What is answered.** 204 to what was handled, now or before, or needs no handling; 400 to a body that is cut
 * short or is no case update; 401 to what does not verify; 405 to what is not a POST; 413 to a body larger than
 * `maxBody`; 500 where a function threw, a secret is of no use to this WebCrypto, or something else read the body
 * before; 503 where the store failed or took more than 5 seconds, or a message before this one failed while it waited. No answer has anything of
 * the message or of the error in it.
 */
export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #store: Store;
  readonly #lanes = new Lanes();
  readonly #functions = new Map<string, (payload: never, message: Message) => unknown>();
  #fallback: ((update: CaseUpdate, message: Message) => unknown) | undefined;

  /** @throws {WebhookError} `BAD_SECRET` where there is no secret, or one cannot be read. */
  constructor(options: ReceiverOptions) {
    const { secrets, cvSecrets } = options;
    if (given(secrets) || !given(cvSecrets)) decodeSecrets(secrets ?? []);
    if (given(cvSecrets)) secretsForCV(cvSecrets);
    this.#options = options;
    this.#store = options.store ?? new MemoryStore();
  }

  /**
   * Has f called for each such event. The message is answered 2xx when it resolves. If it throws, the message
   * comes again; in the meantime nothing else of its case does, where the endpoint's `ordering` is `case`.
   *
   * @throws {TypeError} where there is no such event, or it has a function already.
   */
  on<E extends CaseEvent>(event: E, f: (payload: Payloads[E], message: Message) => void | Promise<void>): this {
    if (!CASE_EVENTS.includes(event)) throw new TypeError("webhook: on wants one of CASE_EVENTS");
    if (this.#functions.has(event)) throw new TypeError(`webhook: two functions for ${event}`);
    this.#functions.set(event, f);
    return this;
  }

  /**
   * Has f called for each event for which {@link Receiver.on} gave no function, known or not. Without, those are
   * answered 2xx and nothing else.
   */
  fallback(f: (update: CaseUpdate, message: Message) => void | Promise<void>): this {
    this.#fallback = f;
    return this;
  }

  /** Answers a request of the Fetch API, as in workers: `export default { fetch: receiver.fetch }`. */
  readonly fetch = async (request: Request): Promise<Response> => {
    const { method, headers, signal } = request;
    const body = request.bodyUsed ? undefined : chunks(request.body);
    const { status, text, headers: answered } = await this.answer({ method, headers, body, signal });
    return new Response(text || null, { status, headers: answered });
  };

  /** Answers a request of any server. It never rejects, but where `log` throws. */
  async answer(request: Incoming): Promise<Answer> {
    let received: Received | undefined;
    try {
      received = await this.#receive(request);
      await this.#take(received);
      return { status: 204, headers: {}, text: "" };
    } catch (error) {
      const refusal = error instanceof Refusal ? error : new Refusal(503, "the message waited too long", error);
      if (refusal.status >= 500) this.#log(refusal, received);
      const headers: Record<string, string> = { "content-type": "text/plain; charset=utf-8" };
      if (refusal.status === 405) headers.allow = "POST";
      return { status: refusal.status, headers, text: refusal.message + "\n" };
    }
  }

  /** Reads a message and verifies it. */
  async #receive(request: Incoming): Promise<Received> {
    const body = await this.#read(request);
    await this.#verify(request.headers, body);
    const update = parsed(body);
    const message = messageOf(request.headers, body, update, given(this.#options.secrets), request.signal);
    if (!message.id) throw new Refusal(400, "the message has no id");
    return { update, message };
  }

  async #read({ method, body }: Incoming): Promise<Uint8Array> {
    if (method !== "POST") throw new Refusal(405, "webhooks come by POST");
    if (!body) throw new Refusal(500, "the body was read before it came to the receiver: it must be the first to");
    const max = this.#options.maxBody ?? DEFAULT_MAX_BODY;
    const parts: Uint8Array[] = [];
    let size = 0;
    try {
      for await (const part of body instanceof Uint8Array ? [body] : body) {
        size += part.length;
        if (!(size <= max)) throw new Refusal(413, "the body is too large");
        parts.push(part);
      }
    } catch (error) {
      throw error instanceof Refusal ? error : new Refusal(400, "the body was cut short");
    }
    return concat(parts);
  }

  async #verify(headers: HeadersLike, body: Uint8Array): Promise<void> {
    const { secrets, cvSecrets, tolerance } = this.#options;
    try {
      if (given(secrets)) await verify(body, headers, secrets, { tolerance });
      if (given(cvSecrets)) await verifyCV(body, headers, cvSecrets);
    } catch (error) {
      if (error instanceof WebhookError && error.code !== "BAD_SECRET") throw new Refusal(401, error.message);
      throw new Refusal(500, "the receiver has no secret to verify by", error);
    }
  }

  /** Handles a message when it is its turn, and returns when it is handled, now or before. */
  async #take(received: Received): Promise<void> {
    const { caseId, id, sequence, signal } = received.message;
    const place = this.#lanes.enter(caseId ? `case ${caseId}` : `id ${id}`, sequence);
    const held = setTimeout(() => place.goOn(), this.#options.hold ?? DEFAULT_HOLD);
    try {
      for (;;) {
        const { moved } = place; // before the look at the lane, so that nothing is missed after it
        if (await place.inTurn(() => this.#takeTurn(received, place), signal)) return;
        await unlessAborted(moved, signal);
      }
    } finally {
      clearTimeout(held);
      place.leave();
    }
  }

  async #takeTurn(received: Received, place: Place): Promise<boolean> {
    try {
      return await this.#tryToHandle(received, place);
    } catch (error) {
      place.fail();
      throw error;
    }
  }

  /** Handles a message, or returns false where it must wait for what comes before it. */
  async #tryToHandle({ update, message }: Received, place: Place): Promise<boolean> {
    const { seen, last } = await this.#look(message);
    if (seen) {
      // A replay may have given it another sequence than the one under which it was kept.
      if (message.sequence - 1 === last) await this.#keep(message);
      return true;
    }
    if (message.sequence - 1 > last) {
      if (place.behind) throw new Refusal(503, "a message before this one failed");
      if (!place.goesOn()) return false;
    }
    try {
      await this.#call(update, message);
    } catch (error) {
      throw new Refusal(500, "the function for this event failed", error);
    }
    await this.#keep(message);
    return true;
  }

  async #look({ id, caseId }: Message): Promise<Seen> {
    try {
      return await inTime(this.#store.look(id, caseId));
    } catch (error) {
      throw new Refusal(503, "the store of what was handled cannot be read", error);
    }
  }

  async #keep({ id, caseId, sequence }: Message): Promise<void> {
    try {
      await inTime(this.#store.keep(id, caseId, sequence));
    } catch (error) {
      throw new Refusal(503, "the store of what was handled cannot be written", error);
    }
  }

  async #call(update: CaseUpdate, message: Message): Promise<void> {
    const own = this.#functions.get(update.event);
    if (own) await own(update.payload as never, message);
    else await this.#fallback?.(update, message);
  }

  #log(refusal: Refusal, received?: Received): void {
    const which = received ? ` (${received.update.event} ${received.message.id})` : "";
    const log = this.#options.log ?? console.error;
    log(`webhook: message refused: ${refusal.message}${which}`, refusal.cause);
  }
}

/** What a message is answered with that is not taken: its text is the answer's, its cause for the log. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, text: string, cause?: unknown) {
    super(text, { cause });
    this.status = status;
  }
}

/** A message that was verified and read. */
interface Received {
  update: CaseUpdate;
  message: Message;
}

/** Waits for the store, and throws where it takes longer than it may. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the store took more than ${storeTimeout} ms`)), storeTimeout);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

function given(secrets: string | readonly string[] | undefined): secrets is string | readonly string[] {
  return secrets !== undefined && secrets.length > 0;
}

function parsed(body: Uint8Array): CaseUpdate {
  try {
    return parse(body);
  } catch (error) {
    throw new Refusal(400, (error as Error).message);
  }
}

/** The chunks of a stream, which not every platform iterates by itself. */
async function* chunks(stream: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  const reader = stream?.getReader();
  try {
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) yield next.value;
  } finally {
    await reader?.cancel();
  }
}
