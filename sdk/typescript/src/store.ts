/**
 * Remembers what was handled of what one endpoint is sent: each endpoint has a store of its own. A
 * promise that rejects, or takes more than 5 seconds, is answered 503, and the message comes again.
 */
export interface Store {
  /**
   * Tells whether the message `id` was kept, and the highest sequence that was kept of the case; 0 where
   * there is none. A store may forget ids with time.
   */
  look(id: string, caseId: string): Promise<Seen>;
  /**
   * Remembers that the message `id` was handled, and that all up to `sequence` was of its case: in one
   * step, or not at all. A sequence that is not higher than the one that is known, such as 0, changes
   * nothing of that. To keep what was kept is no error. The case is "" where a message has none.
   */
  keep(id: string, caseId: string, sequence: number): Promise<void>;
}

/** What a store knows of a message and of its case. */
export interface Seen {
  seen: boolean;
  last: number;
}

/** How many ids, and how many cases, a {@link MemoryStore} remembers where nothing else is said. */
export const DEFAULT_MEMORY = 100_000;

/**
 * A {@link Store} in memory, for one endpoint. It remembers the ids and the cases that were kept last, and
 * nothing once the process has ended: what comes again after that is handled again, and the first message
 * of each case, unless it is number 1, is held as if those before it were missing.
 */
export class MemoryStore implements Store {
  readonly #size: number;
  readonly #ids = new Map<string, true>();
  readonly #cases = new Map<string, number>();

  /** Remembers `size` ids and as many cases. */
  constructor(size: number = DEFAULT_MEMORY) {
    this.#size = size;
  }

  async look(id: string, caseId: string): Promise<Seen> {
    return { seen: this.#ids.has(id), last: this.#cases.get(caseId) ?? 0 };
  }

  async keep(id: string, caseId: string, sequence: number): Promise<void> {
    this.#put(this.#ids, id, true);
    if (sequence > (this.#cases.get(caseId) ?? 0)) this.#put(this.#cases, caseId, sequence);
  }

  #put<V>(recent: Map<string, V>, key: string, value: V): void {
    recent.delete(key); // so that it is the last one
    recent.set(key, value);
    if (!(recent.size <= this.#size)) recent.delete(recent.keys().next().value!);
  }
}
